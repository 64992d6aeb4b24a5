"""/settings: how the bot behaves in one guild; every change is logged. /gaps: what its members asked in vain."""

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord.admission import check_is_admin
from bot.discord.client import DatelineBot, Interaction
from bot.discord.conversation import guild_prefix
from bot.discord.markdown import one_line, shorten_escaped
from bot.discord.render import Page, notice_page
from bot.discord.replies import show_privately
from bot.discord.translations import LANGUAGES, Translations
from rag.stored_answers import apart_by_filter
from vectorstore.bot_state import GuildSettings

GAPS = 20
GAPS_READ = 500
"""Refused questions that are counted: each is read with all that its answer was made of, some 20 KB."""


class SettingsCog(commands.Cog):
    """Commands for a guild's admins about its members' questions."""

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot

    def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Admins only; checked by Discord, and again here."""
        return check_is_admin(interaction)

    @app_commands.command(name="settings", description="Show or change how I behave in this server")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        allow_channel="Answer in this channel; with one named, in no others",
        drop_channel="No longer answer in this channel",
        allow_role="Let this role ask; with one named, no others",
        drop_role="No longer let this role ask",
        language="The language of my own words",
        model="Whether a language model may write the answers, if the operator set one up",
        daily_budget="Questions a day; 0 for no limit, -1 for the operator's default",
        auto_thread="Answer mentions in a thread of their own",
        shared_library="Whether the operator's shared articles are searched here",
        digest="Post a digest of what is new in this channel each day; false for nowhere",
    )
    @app_commands.choices(
        language=[app_commands.Choice(name=words.name, value=key) for key, words in LANGUAGES.items()]
    )
    async def change_settings(
        self,
        interaction: Interaction,
        allow_channel: discord.TextChannel | None = None,
        drop_channel: discord.TextChannel | None = None,
        allow_role: discord.Role | None = None,
        drop_role: discord.Role | None = None,
        language: app_commands.Choice[str] | None = None,
        model: bool | None = None,
        daily_budget: app_commands.Range[int, -1, 1_000_000] | None = None,
        auto_thread: bool | None = None,
        shared_library: bool | None = None,
        digest: bool | None = None,
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        cache = self.bot.guild_settings
        # Two changes at once must not both start from the settings before either.
        async with cache.changing:
            before = cache.of(interaction.guild_id or 0)
            after = replace(
                before,
                channels=changed_ids(before.channels, allow_channel, drop_channel),
                roles=changed_ids(before.roles, allow_role, drop_role),
                language=language.value if language else before.language,
                model=before.model if model is None else model,
                auto_thread=before.auto_thread if auto_thread is None else auto_thread,
                shared_library=before.shared_library if shared_library is None else shared_library,
            )
            if digest is not None:
                after = replace(after, digest_channel=interaction.channel_id or 0 if digest else 0)
            if daily_budget is not None:
                after = replace(after, daily_budget=None if daily_budget < 0 else daily_budget)
            if after != before:
                await cache.change(after, interaction.user.id, changes_line(before, after))
        t = cache.translations(after.server)
        await show_privately(interaction, settings_page(after, cache.budget(after.server), after != before, t))

    @app_commands.command(name="gaps", description="Questions of the last 30 days that the articles do not answer")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def gaps(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        since = datetime.now(UTC) - timedelta(days=30)
        prefix = guild_prefix(interaction.guild_id or 0)
        # What only some outlets or days were asked for, others may answer.
        refused, _ = apart_by_filter(await self.bot.engine.answers.refused(since, prefix, GAPS_READ))
        questions = Counter(one_line(stored.standalone_question or stored.question) for stored in refused)
        lines = [f"{count} × {shorten_escaped(question, 180)}" for question, count in questions.most_common(GAPS)]
        t = self.bot.guild_settings.translations(interaction.guild_id)
        await show_privately(interaction, notice_page(t.gaps, "\n".join(lines) or t.no_gaps, t))


def changed_ids(
    ids: tuple[int, ...], added: discord.abc.Snowflake | None, dropped: discord.abc.Snowflake | None
) -> tuple[int, ...]:
    """Ids with one added and one dropped, in order."""
    kept = [number for number in ids if dropped is None or number != dropped.id]
    return tuple(dict.fromkeys([*kept, *([added.id] if added else [])]))


def changes_line(before: GuildSettings, after: GuildSettings) -> str:
    """What a change changed, for the audit log."""
    names = [field.name for field in fields(GuildSettings)]
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return "; ".join(f"{name}: {old} -> {new}" for name, old, new in pairs if old != new)


def settings_page(settings: GuildSettings, budget: int, was_changed: bool, t: Translations) -> Page:
    def switch(on: bool) -> str:
        return t.on if on else t.off

    default = t.by_default if settings.daily_budget is None else ""
    lines = [
        t.channels.format(value=" ".join(f"<#{channel}>" for channel in settings.channels) or t.everywhere),
        t.roles.format(value=" ".join(f"<@&{role}>" for role in settings.roles) or t.everywhere),
        t.language.format(value=t.name),
        t.model.format(value=switch(settings.model)),
        t.questions_a_day.format(value=f"{t.number(budget) if budget else t.no_limit}{default}"),
        t.auto_thread.format(value=switch(settings.auto_thread)),
        t.shared_library.format(value=switch(settings.shared_library)),
        t.daily_digest.format(value=f"<#{settings.digest_channel}>" if settings.digest_channel else t.off),
    ]
    return notice_page(t.settings_changed if was_changed else t.settings, "\n".join(lines), t)
