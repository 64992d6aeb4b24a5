"""/library: a guild's own articles, for its admins; every change is logged."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord.admission import check_is_admin
from bot.discord.client import DatelineBot, Interaction
from bot.discord.download import Download, download
from bot.discord.errors import FileRejected, user_message
from bot.discord.guild_sources import GuildSources, every_words
from bot.discord.markdown import INVISIBLE, clean, escape, link, one_line, shorten_escaped
from bot.discord.reasons import reason_words
from bot.discord.render import Page, headline_line, notice_page
from bot.discord.replies import SEND_FAILURES, show_privately
from bot.discord.state import guild_library
from bot.discord.translations import Translations
from rag.answer import Headline
from rag.following.guard import reachable_addresses
from rag.following.sources import seconds_of
from rag.ingestion.indexing import IngestReport
from rag.ingestion.read_articles import SUFFIXES
from rag.library import LibraryStatus
from rag.settings import Settings
from vectorstore.bot_state import AuditEntry, BotState
from vectorstore.errors import DatelineError
from vectorstore.followed import FollowedStore
from vectorstore.lock import ShouldStop

LISTED = 25
LOGGED = 20
ESCAPED_MENTION = re.compile(r"\\<(#|@\u200b?&)(\d+)\\>")
HOW_OFTEN = ("30m", "2h", "6h", "1d")
"""How often a source may be read, the usual one first."""


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class LibraryCog(commands.GroupCog, group_name="library", group_description="This server's own articles"):
    """/library add, list, forget, follow, status, log."""

    follow = app_commands.Group(name="follow", description="Feeds and sites that this server's articles come from")

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot
        self.adding_sources = asyncio.Lock()

    def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Admins only; checked by Discord, and again here."""
        return check_is_admin(interaction)

    @app_commands.command(name="add", description="Add articles: attach a file, or give its address")
    @app_commands.describe(
        file="One article as text, Markdown, web page, PDF, Word or mail, or many as JSON, CSV or TSV",
        url="Where such a file or web page is",
    )
    async def add(
        self, interaction: Interaction, file: discord.Attachment | None = None, url: str | None = None
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        upload = await fetch(file, url, self.bot.settings)
        await self.change(interaction, partial(self.add_articles, interaction, upload))

    async def add_articles(self, interaction: Interaction, upload: Download, should_stop: ShouldStop) -> Page:
        library = guild_library(interaction.guild_id or 0)
        report = await self.bot.engine.library.add(upload.name, upload.content, library, upload.url, should_stop)
        titles = ", ".join(one_line(title) for title in report.titles[:5])
        done = f"{upload.name[:200]}: {counts_line(report, self.translations(interaction))}"
        details = " · ".join(filter(None, (done, titles)))
        await self.record(interaction, "library add", details[:500])
        return report_page(report, self.translations(interaction))

    @app_commands.command(name="list", description="This server's own articles, newest first")
    async def list_articles(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        headlines = await self.bot.engine.library.headlines(guild_library(interaction.guild_id or 0))
        await show_privately(interaction, list_page(headlines, self.translations(interaction)))

    @app_commands.command(name="forget", description="Delete one of this server's own articles")
    @app_commands.describe(article="Its title, chosen from the list, or its id")
    async def forget(self, interaction: Interaction, article: str) -> None:
        """Delete an article by its id; completion turns its title into that."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self.change(interaction, partial(self.forget_article, interaction, article))

    async def forget_article(self, interaction: Interaction, article_id: str, should_stop: ShouldStop) -> Page:
        library = guild_library(interaction.guild_id or 0)
        t = self.translations(interaction)
        body = t.no_such_article
        if await self.bot.engine.library.forget(library, article_id, should_stop):
            await self.record(interaction, "library forget", one_line(article_id)[:200])
            body = t.article_deleted
        return notice_page(t.forget_article, body, t)

    @forget.autocomplete("article")
    async def complete_article(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """This guild's articles by title, for admins: checks of the command do not cover its completion."""
        if not interaction.permissions.manage_guild:
            return []
        headlines = await self.bot.engine.library.headlines(guild_library(interaction.guild_id or 0))
        return [
            app_commands.Choice(
                name=clean(one_line(headline.title))[:100] or headline.article_id, value=headline.article_id
            )
            for headline in headlines
            if typed.lower() in headline.title.lower() and len(headline.article_id) <= 100
        ][:25]

    @follow.command(name="add", description="Follow a feed, sitemap or page: what it brings becomes this server's own")
    @app_commands.describe(address="Its web address; of a page with a feed the feed is followed", every="How often")
    @app_commands.choices(every=[app_commands.Choice(name=name, value=name) for name in HOW_OFTEN])
    async def follow_source(
        self, interaction: Interaction, address: str, every: app_commands.Choice[str] | None = None
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        source = await self.sources(interaction).add(address, seconds_of(every.value if every else HOW_OFTEN[0]))
        await self.record(interaction, "library follow", one_line(source.address)[:500])
        t = self.translations(interaction)
        kind, often = t.say(f"kind_{source.kind}"), every_words(source.every, t)
        body = t.source_added.format(name=link(source.name, source.address), kind=kind, every=often)
        await show_privately(interaction, notice_page(t.followed_sources, body, t))

    @follow.command(name="list", description="What is followed here, when it was read, and what is wrong with it")
    async def list_sources(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await show_privately(interaction, await self.sources(interaction).page(self.translations(interaction)))

    @follow.command(name="remove", description="No longer follow a source; its articles stay")
    @app_commands.describe(source="Its name, chosen from the list, or its id")
    async def unfollow_source(self, interaction: Interaction, source: str) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        removed, t = await self.sources(interaction).remove(source), self.translations(interaction)
        body = t.no_such_source
        if removed is not None:
            await self.record(interaction, "library unfollow", one_line(removed.address)[:500])
            body = t.source_removed.format(name=link(removed.name, removed.address))
        await show_privately(interaction, notice_page(t.followed_sources, body, t))

    @unfollow_source.autocomplete("source")
    async def complete_source(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """This guild's sources by name, for admins: checks of the command do not cover its completion."""
        if not interaction.permissions.manage_guild:
            return []
        return [
            app_commands.Choice(name=clean(one_line(source.name))[:100] or source.id, value=source.id)
            for source in await self.sources(interaction).all()
            if typed.lower() in source.name.lower() or source.id.startswith(typed)
        ][:25]

    @app_commands.command(name="status", description="What this server's questions are answered from")
    async def status(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild, guild_settings, t = interaction.guild_id or 0, self.bot.guild_settings, self.translations(interaction)
        own = await self.bot.engine.library.status((guild_library(guild),))
        lines = [f"**{t.own_articles}**", *status_lines(own, t)]
        if guild_settings.of(guild).shared_library:
            lines += [f"**{t.shared_articles}**", *status_lines(await self.bot.engine.library.status(), t)]
        else:
            lines.append(t.shared_off)
        useful, not_useful = await self.bot.state.run(BotState.votes_in, guild)
        asked, budget = guild_settings.asked_today(guild), guild_settings.budget(guild)
        values = {"asked": asked, "budget": budget or t.any_number, "useful": useful, "not_useful": not_useful}
        lines.append(t.say("asked_today", **values))
        await show_privately(interaction, notice_page(t.library, "\n".join(lines), t))

    @app_commands.command(name="log", description="Who changed what in this server")
    async def show_log(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        entries = await self.bot.state.run(BotState.audit, interaction.guild_id or 0, LOGGED)
        t = self.translations(interaction)
        body = "\n".join(log_line(entry) for entry in entries) or t.none_yet
        await show_privately(interaction, notice_page(t.changes, body, t))

    async def change(self, interaction: Interaction, work: Callable[[ShouldStop], Awaitable[Page]]) -> None:
        """Change the library in turn; the admin sees how it went before the bot may end."""
        async with self.bot.library_writes.turn() as should_stop:
            try:
                page = await work(should_stop)
            except DatelineError as error:
                t = self.translations(interaction)
                page = notice_page(t.not_done, escape(user_message(error, t, True, server=interaction.guild_id)), t)
            await show_privately(interaction, page)

    def sources(self, interaction: Interaction) -> GuildSources:
        store = FollowedStore(self.bot.state.blocking.database)
        return GuildSources(store, self.bot.settings, interaction.guild_id or 0, self.adding_sources)

    def translations(self, interaction: Interaction) -> Translations:
        return self.bot.guild_settings.translations(interaction.guild_id)

    async def record(self, interaction: Interaction, action: str, details: str) -> None:
        entry = AuditEntry(interaction.guild_id or 0, interaction.user.id, time.time(), action, details)
        await self.bot.state.run(BotState.record, entry)


async def fetch(file: discord.Attachment | None, url: str | None, settings: Settings) -> Download:
    """The file that was attached, or the one at the address. Raises FileRejected."""
    if (file is None) == (not url):
        raise FileRejected("attach_or_address")
    if file is None:
        reachable = reachable_addresses(settings.private_addresses)
        return await download(url or "", settings.discord_upload_bytes, reachable)
    if not file.filename.lower().endswith(SUFFIXES):
        raise FileRejected("unknown_suffix", suffixes=", ".join(SUFFIXES))
    if file.size > settings.discord_upload_bytes:
        raise FileRejected("file_too_large", size=file.size, largest=settings.discord_upload_bytes)
    try:
        return Download(one_line(file.filename)[-100:], await file.read(), "")
    except SEND_FAILURES:
        raise FileRejected("attach_again") from None


def list_page(headlines: Sequence[Headline], t: Translations) -> Page:
    """The newest articles; where they do not all fit, the list with their ids is attached."""
    lines = [headline_line(headline, t, title_limit=80, outlet_limit=60) for headline in headlines[:LISTED]]
    if len(headlines) > LISTED:
        lines.append(t.in_file)
    title = t.of_this_server.format(articles=t.count(len(headlines), t.articles))
    page = notice_page(title, "\n".join(lines) or t.add_some, t)
    if page.file or len(headlines) > LISTED:
        rows = [
            f"{headline.article_id}\t{one_line(headline.title)}\t{one_line(headline.source)}\n"
            for headline in headlines
        ]
        page = replace(page, file="".join(rows), file_name="articles.txt")
    return page


def log_line(entry: AuditEntry) -> str:
    moment = f"{datetime.fromtimestamp(entry.happened_at, UTC):%Y-%m-%d %H:%M}"
    details = shorten_escaped(one_line(entry.details), 300)
    # Of settings the program wrote the details itself; elsewhere they hold titles and addresses from outside.
    if entry.action == "settings":
        details = ESCAPED_MENTION.sub(lambda found: f"<{found[1].replace(INVISIBLE, '')}{found[2]}>", details)
    return f"{moment} · <@{entry.user}> · {escape(entry.action)} · {details}"


def counts_line(report: IngestReport, t: Translations) -> str:
    return t.say("added", added=report.added, changed=report.changed, unchanged=report.unchanged)


def report_page(report: IngestReport, t: Translations) -> Page:
    """What an ingest did, with the problems it met."""
    lines = [counts_line(report, t)]
    lines += [f"• {shorten_escaped(one_line(title), 120)}" for title in report.titles[:10]]
    lines += [
        f"⚠ {shorten_escaped(one_line(problem.place), 80)}: {shorten_escaped(one_line(reason_words(problem.reason, t)), 240)}"
        for problem in (*report.problems, *report.read.remarks)[:10]
    ]
    return notice_page(t.articles_added, "\n".join(lines), t)


def status_lines(status: LibraryStatus, t: Translations) -> list[str]:
    dates = t.from_to.format(oldest=t.date(status.oldest), newest=t.date(status.newest)) if status.newest else ""
    outlets = ", ".join(f"{one_line(name) or t.no_outlet} {t.number(count)}" for name, count in status.sources[:8])
    articles = t.count(status.articles, t.articles)
    return [
        ", ".join(filter(None, (articles, dates))),
        *([shorten_escaped(outlets, 600)] if outlets else []),
    ]
