"""`dateline backup` and `restore`: the library into one file and out of it again."""

import asyncio
from pathlib import Path

import click

from bot.terminal.errors import ANSWERED, notify
from bot.terminal.render import count_words, safe
from rag.errors import SettingsError
from rag.settings import Settings
from vectorstore.backup import Manifest, restore_backup, write_backup


async def back_up(settings: Settings, file: Path) -> int:
    """Write the file and say what it holds. Raises StoreError, SettingsError."""
    refuse_other_databases(settings)
    manifest = await asyncio.to_thread(write_backup, settings.home, file, notify, settings.chroma_server)
    click.echo(f"{safe(str(file))} holds {contents(manifest)}.")
    return ANSWERED


async def restore(settings: Settings, file: Path, replace: bool) -> int:
    """Put the library back and say where the one before it is. Raises StoreError."""
    manifest, before = await asyncio.to_thread(
        restore_backup, file, settings.home, replace, notify, settings.chroma_server, settings.database_url
    )
    place = "The database" if settings.database_url else settings.home
    click.echo(f"{place} holds {contents(manifest)}, as of {safe(manifest.made_at)}.")
    if before:
        click.echo(f"What was there is in {before}: delete it when you no longer need it.")
    return ANSWERED


def contents(manifest: Manifest) -> str:
    return f"{count_words(manifest.articles, 'article')} and {count_words(manifest.vectors, 'vector')}"


def refuse_other_databases(settings: Settings) -> None:
    """Raises SettingsError where the ledger is no file of the home: its database has better tools of its own."""
    if settings.database_url:
        raise SettingsError(
            "DATELINE_DATABASE_URL is set: back that database up with its own tools (pg_dump); "
            "`dateline rebuild` makes the vectors again."
        )
