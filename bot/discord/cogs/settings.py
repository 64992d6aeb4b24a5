"""/settings: how the bot behaves in one guild; every change is logged. /gaps: what its members asked in vain."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
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
from bot.discord.translations import LANGUAGES, Translations, translations_for
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
            present = without_deleted(before, interaction.guild)
            after = replace(
                before,
                channels=changed_ids(before.channels, present.channels, allow_channel, drop_channel),
                roles=changed_ids(before.roles, present.roles, allow_role, drop_role),
                language=language.value if language else before.language,
                model=before.model if model is None else model,
                auto_thread=before.auto_thread if auto_thread is None else auto_thread,
                shared_library=before.shared_library if shared_library is None else shared_library,
            )
            if digest is not None:
                after = replace(after, digest_channel=interaction.channel_id or 0 if digest else 0)
            if daily_budget is not None:
                after = replace(after, daily_budget=None if daily_budget < 0 else daily_budget)
            t = translations_for(after.language)
            was = settings_values(before, cache.budget_of(before), t)
            now = settings_values(after, cache.budget_of(after), t)
            if after != before:
                await cache.change(after, interaction.user.id, changes_line(was, now))
        await show_privately(interaction, settings_page(now, after != before, t))

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
    ids: tuple[int, ...],
    present: tuple[int, ...],
    added: discord.abc.Snowflake | None,
    dropped: discord.abc.Snowflake | None,
) -> tuple[int, ...]:
    """Ids with one added and one dropped, in order. Only with such a change those go that are not present any more: a list that
    becomes empty means all."""
    if added is None and dropped is None:
        return ids
    kept = [number for number in present if dropped is None or number != dropped.id]
    return tuple(dict.fromkeys([*kept, *([added.id] if added else [])]))


def without_deleted(settings: GuildSettings, guild: discord.Guild | None) -> GuildSettings:
    """Without channels and roles that no longer exist: nobody can choose one of those to drop it."""
    if guild is None or guild.unavailable:
        return settings
    channels = tuple(number for number in settings.channels if guild.get_channel_or_thread(number))
    roles = tuple(number for number in settings.roles if guild.get_role(number))
    return replace(settings, channels=channels, roles=roles)


def changes_line(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What a change changed, each under its label, for the audit log."""
    return "; ".join(
        label.format(value=f"{before[label]} → {now}") for label, now in after.items() if before[label] != now
    )


def settings_values(settings: GuildSettings, budget: int, t: Translations) -> dict[str, str]:
    """Each setting's value in words, by its label."""

    def switch(on: bool) -> str:
        return t.on if on else t.off

    default = t.by_default if settings.daily_budget is None else ""
    return {
        t.channels: " ".join(f"<#{channel}>" for channel in settings.channels) or t.everywhere,
        t.roles: " ".join(f"<@&{role}>" for role in settings.roles) or t.everywhere,
        t.language: translations_for(settings.language).name,
        t.model: switch(settings.model),
        t.questions_a_day: f"{t.number(budget) if budget else t.no_limit}{default}",
        t.auto_thread: switch(settings.auto_thread),
        t.shared_library: switch(settings.shared_library),
        t.daily_digest: f"<#{settings.digest_channel}>" if settings.digest_channel else t.off,
    }


def settings_page(values: Mapping[str, str], was_changed: bool, t: Translations) -> Page:
    lines = [label.format(value=value) for label, value in values.items()]
    return notice_page(t.settings_changed if was_changed else t.settings, "\n".join(lines), t)
