"""`dateline health`: is what answers there? Asked every minute by what keeps the program running; `doctor` looks closely."""

import asyncio
import json
from http.client import HTTPConnection, HTTPException

import click

from bot.terminal.errors import ANSWERED, CliError
from bot.terminal.render import count_words
from rag.settings import Settings
from vectorstore.database import open_database
from vectorstore.errors import StoreMismatch
from vectorstore.ledger import Ledger
from vectorstore.vectors import VectorStore

BOT_SECONDS = 5.0
"""How long the bot on this machine may take to say how it is. A guess."""


async def tell_health(settings: Settings) -> int:
    """Ask the bot where it has a port, else look into the library. Raises CliError, StoreError."""
    said = await asyncio.to_thread(bot_health, settings.discord_port) if settings.discord_port else None
    click.echo(said or await asyncio.to_thread(library_health, settings))
    return ANSWERED


def bot_health(port: int) -> str:
    """What the bot says of itself. Raises CliError where it is not there or not connected."""
    connection = HTTPConnection("127.0.0.1", port, timeout=BOT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = str(json.loads(connection.getresponse().read())["status"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise CliError(
            f"The bot does not answer on 127.0.0.1:{port} ({error or type(error).__name__}): see its log, or correct "
            "DATELINE_DISCORD_PORT."
        ) from None
    finally:
        connection.close()
    if status != "ok":
        raise CliError(f"The bot runs and is {status}: see its log, it tries again by itself.")
    return "The bot is connected."


def library_health(settings: Settings) -> str:
    """How much is stored, counted only. Raises StoreError where it cannot be read or vectors are missing."""
    database = open_database(settings.ledger_url)
    try:
        ledger = Ledger(database)
        # Counted before the vectors: while an article is stored, its vectors are there first.
        known = ledger.indexed_chunk_count()
        store = VectorStore(settings.vector_place, ledger.collection)
        try:
            stored = store.count() if known else 0
        finally:
            store.close()
    finally:
        database.dispose()
    if stored < known:
        raise StoreMismatch(f"{settings.vector_place} holds {stored} of {known} vectors: run `dateline doctor`.")
    return f"The library can be read: {count_words(known, 'passage')}."
