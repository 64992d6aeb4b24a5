"""Commands for a server's admins: /library, /settings, /gaps. Checked by Discord and again here; changes are logged."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import discord
from discord import app_commands

from bot.discord.answering import guild_library
from bot.discord.cogs.settings import add_settings_command, is_admin
from bot.discord.conversation import guild_prefix
from bot.discord.download import Download, anywhere, download, is_public
from bot.discord.errors import user_message
from bot.discord.markdown import clean, escape, link, one_line, shorten_escaped
from bot.discord.render import IN_FILE, Page, notice_page
from bot.discord.replies import SEND_FAILURES, show_privately
from bot.discord.translations import ENGLISH
from rag.errors import ArticleError
from rag.ingestion.indexing import IngestReport
from rag.ingestion.read_articles import SUFFIXES
from rag.library import LibraryStatus
from rag.settings import Settings
from vectorstore.bot_state import AuditEntry, BotState
from vectorstore.errors import DatelineError
from vectorstore.lock import ShouldStop

if TYPE_CHECKING:
    from bot.discord.client import DatelineBot

    Interaction: TypeAlias = discord.Interaction[DatelineBot]

LISTED = 25
LOGGED = 20
GAPS = 20
GAPS_READ = 500
"""Refused questions that are counted: each is read with all that its answer was made of, some 20 KB."""


def add_admin_commands(bot: "DatelineBot") -> None:
    """Put the commands for admins into the bot's tree."""
    bot.tree.add_command(library_commands(bot))
    add_settings_command(bot)
    add_gaps_command(bot)


def library_commands(bot: "DatelineBot") -> app_commands.Group:
    """/library add, list, forget, status, log: this server's own articles."""
    group = app_commands.Group(
        name="library",
        description="This server's own articles",
        guild_only=True,
        default_permissions=discord.Permissions(manage_guild=True),
    )

    @group.command(name="add", description="Add articles (.txt, .md, .jsonl): attach a file, or give its address")
    @app_commands.describe(
        file="One article as text or Markdown, or many as JSON lines", url="Where such a file is; not a web page"
    )
    @app_commands.check(is_admin)
    async def add(interaction: "Interaction", file: discord.Attachment | None = None, url: str | None = None) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        given = await fetch(file, url, bot.settings)
        library = guild_library(interaction.guild_id or 0)

        async def work(stopped: ShouldStop) -> Page:
            report = await bot.engine.library.add(given.name, given.content, library, given.url, stopped)
            titles = ", ".join(one_line(title) for title in report.titles[:5])
            await record(bot, interaction, "library add", f"{given.name[:200]}: {counts(report)} {titles}"[:500])
            return report_page(report)

        await change(bot, interaction, work)

    @group.command(name="list", description="This server's own articles, newest first")
    @app_commands.check(is_admin)
    async def list_articles(interaction: "Interaction") -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        headlines = await bot.engine.library.headlines(guild_library(interaction.guild_id or 0))
        lines = []
        for headline in headlines[:LISTED]:
            outlet = shorten_escaped(one_line(headline.source), 60)
            parts = (link(headline.title, headline.url, 80), outlet, ENGLISH.date(headline.published))
            lines.append("• " + " · ".join(part for part in parts if part))
        whole = "".join(f"{one.article_id}\t{one_line(one.title)}\t{one_line(one.source)}\n" for one in headlines)
        if len(headlines) > LISTED:
            lines.append(IN_FILE)
        page = notice_page(f"{len(headlines)} articles of this server", "\n".join(lines) or "None yet: /library add.")
        if page.file or len(headlines) > LISTED:
            page = replace(page, file=whole, file_name="articles.txt")
        await show_privately(interaction, [page])

    @group.command(name="forget", description="Delete one of this server's own articles")
    @app_commands.describe(article="Its title, chosen from the list, or its id")
    @app_commands.check(is_admin)
    async def forget(interaction: "Interaction", article: str) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        library = guild_library(interaction.guild_id or 0)

        async def work(stopped: ShouldStop) -> Page:
            gone = await bot.engine.library.forget(library, article, stopped)
            if gone:
                await record(bot, interaction, "library forget", one_line(article)[:200])
            body = (
                "Deleted." if gone else "This server has no article of that id: choose one from the list while typing."
            )
            return notice_page("Forget an article", body)

        await change(bot, interaction, work)

    @forget.autocomplete("article")
    async def complete_article(interaction: "Interaction", typed: str) -> list[app_commands.Choice[str]]:
        if not interaction.permissions.manage_guild:
            return []
        headlines = await bot.engine.library.headlines(guild_library(interaction.guild_id or 0))
        return [
            app_commands.Choice(
                name=clean(one_line(headline.title))[:100] or headline.article_id, value=headline.article_id
            )
            for headline in headlines
            if typed.lower() in headline.title.lower() and len(headline.article_id) <= 100
        ][:25]

    @group.command(name="status", description="What this server's questions are answered from")
    @app_commands.check(is_admin)
    async def status(interaction: "Interaction") -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild = interaction.guild_id or 0
        own = await bot.engine.library.status((guild_library(guild),))
        lines = ["**This server's own articles**", *status_lines(own)]
        if bot.guild_settings.of(guild).shared_library:
            lines += ["**The shared library**", *status_lines(await bot.engine.library.status())]
        else:
            lines.append("The shared library is turned off here.")
        useful, not_useful = await bot.state.run(BotState.votes_in, guild)
        asked = bot.guild_settings.questions.get(guild, 0)
        budget = bot.guild_settings.budget(guild)
        lines.append(f"Questions today: {asked} of {budget or 'any number'}. Votes: {useful} 👍, {not_useful} 👎.")
        await show_privately(interaction, [notice_page("Library", "\n".join(lines))])

    @group.command(name="log", description="Who changed what in this server")
    @app_commands.check(is_admin)
    async def show_log(interaction: "Interaction") -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        entries = await bot.state.run(BotState.audit, interaction.guild_id or 0, LOGGED)
        lines = [
            f"{datetime.fromtimestamp(entry.happened_at, UTC):%Y-%m-%d %H:%M} · user {entry.user} · "
            f"{escape(entry.action)} · {shorten_escaped(one_line(entry.details), 120)}"
            for entry in entries
        ]
        await show_privately(interaction, [notice_page("Changes, newest first", "\n".join(lines) or "None yet.")])

    return group


def add_gaps_command(bot: "DatelineBot") -> None:
    """/gaps: what was asked here and the articles do not say."""

    @bot.tree.command(name="gaps", description="Questions of the last 30 days that the articles do not answer")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.check(is_admin)
    async def gaps(interaction: "Interaction") -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        since = datetime.now(UTC) - timedelta(days=30)
        refused = await bot.engine.answers.refused(since, guild_prefix(interaction.guild_id or 0), GAPS_READ)
        asked = Counter(one_line(stored.standalone_question or stored.question) for stored in refused)
        lines = [f"{count} × {shorten_escaped(question, 180)}" for question, count in asked.most_common(GAPS)]
        body = "\n".join(lines) or "None: every question was answered."
        await show_privately(interaction, [notice_page("What the articles do not say", body)])


async def change(bot: "DatelineBot", interaction: "Interaction", work: Callable[[ShouldStop], Awaitable[Page]]) -> None:
    """Change the library when it is one's turn; the admin knows how it went before the bot may end."""
    async with bot.library_writes.turn() as stopped:
        try:
            page = await work(stopped)
        except DatelineError as error:
            translations = bot.translations(interaction.guild_id)
            page = notice_page("Not done", escape(user_message(error, translations, True, server=interaction.guild_id)))
        await show_privately(interaction, [page])


async def record(bot: "DatelineBot", interaction: "Interaction", action: str, details: str) -> None:
    """Write a change to the audit log."""
    entry = AuditEntry(interaction.guild_id or 0, interaction.user.id, time.time(), action, details)
    await bot.state.run(BotState.record, entry)


async def fetch(file: discord.Attachment | None, url: str | None, settings: Settings) -> Download:
    """The file that was attached, or that lies at the address. Raises ArticleError."""
    if (file is None) == (not url):
        raise ArticleError("Attach a file or give its address, one of the two.")
    if file is None:
        reachable = anywhere if settings.discord_private_addresses else is_public
        return await download(url or "", settings.discord_upload_bytes, reachable)
    problem = attachment_problem(file, settings.discord_upload_bytes)
    if problem:
        raise ArticleError(problem)
    try:
        return Download(one_line(file.filename)[-100:], await file.read(), "")
    except SEND_FAILURES:
        raise ArticleError("Discord did not hand the file over: please attach it again.") from None


def attachment_problem(file: discord.Attachment, largest: int) -> str:
    """Why a file cannot be taken, "" when it can."""
    if not file.filename.lower().endswith(SUFFIXES):
        return f"Only {', '.join(SUFFIXES)} files can be read: save the article as text and attach that."
    if file.size > largest:
        return f"The file has {file.size:,} bytes, {largest:,} are allowed: split it."
    return ""


def counts(report: IngestReport) -> str:
    """What an ingest did, in one line."""
    return f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged"


def report_page(report: IngestReport) -> Page:
    """What an ingest did, with the problems it met."""
    lines = [counts(report)]
    lines += [f"• {shorten_escaped(one_line(title), 120)}" for title in report.titles[:10]]
    lines += [
        f"⚠ {shorten_escaped(one_line(problem.place), 80)}: {shorten_escaped(one_line(problem.reason), 160)}"
        for problem in report.problems[:10]
    ]
    return notice_page("Articles added to this server's library", "\n".join(lines))


def status_lines(status: LibraryStatus) -> list[str]:
    """Counts and dates of a library."""
    dates = f", {ENGLISH.date(status.oldest)} to {ENGLISH.date(status.newest)}" if status.newest else ""
    outlets = ", ".join(f"{one_line(name) or 'no outlet'} {count}" for name, count in status.sources[:8])
    return [f"{status.articles} articles{dates}", *([shorten_escaped(outlets, 600)] if outlets else [])]
