"""/settings: how the bot behaves in one server, shown and changed by its admins; every change goes to the log."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeAlias

import discord
from discord import app_commands

from bot.discord.admission import Rejected
from bot.discord.render import Page, notice_page
from bot.discord.replies import show_privately
from bot.discord.translations import LANGUAGES
from vectorstore.bot_state import GuildSettings

if TYPE_CHECKING:
    from bot.discord.client import DatelineBot

    Interaction: TypeAlias = discord.Interaction[DatelineBot]


async def is_admin(interaction: discord.Interaction) -> bool:
    """Whether this member may manage the server. Raises MissingPermissions: Discord's own check can be overridden."""
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    if not interaction.permissions.manage_guild:
        raise app_commands.MissingPermissions(["manage_guild"])
    return True


def add_settings_command(bot: "DatelineBot") -> None:
    """/settings: without options it shows, with options it changes."""

    @bot.tree.command(name="settings", description="Show or change how I behave in this server")
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
    )
    @app_commands.choices(language=[app_commands.Choice(name=name, value=name) for name in LANGUAGES])
    @app_commands.check(is_admin)
    async def change_settings(
        interaction: "Interaction",
        allow_channel: discord.TextChannel | None = None,
        drop_channel: discord.TextChannel | None = None,
        allow_role: discord.Role | None = None,
        drop_role: discord.Role | None = None,
        language: app_commands.Choice[str] | None = None,
        model: bool | None = None,
        daily_budget: app_commands.Range[int, -1, 1_000_000] | None = None,
        auto_thread: bool | None = None,
        shared_library: bool | None = None,
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        # Two changes at once must not each begin from what was before both.
        async with bot.guild_settings.changing:
            before = bot.guild_settings.of(interaction.guild_id or 0)
            after = replace(
                before,
                channels=changed(before.channels, allow_channel, drop_channel),
                roles=changed(before.roles, allow_role, drop_role),
                language=language.value if language else before.language,
                model=before.model if model is None else model,
                auto_thread=before.auto_thread if auto_thread is None else auto_thread,
                shared_library=before.shared_library if shared_library is None else shared_library,
            )
            if daily_budget is not None:
                after = replace(after, daily_budget=None if daily_budget < 0 else daily_budget)
            if after != before:
                await bot.guild_settings.change(after, interaction.user.id, differences(before, after))
        await show_privately(
            interaction, [settings_page(after, bot.guild_settings.budget(after.server), after != before)]
        )


def changed(
    ids: tuple[int, ...], added: discord.abc.Snowflake | None, dropped: discord.abc.Snowflake | None
) -> tuple[int, ...]:
    """Ids with one added and one dropped, in order."""
    kept = [one for one in ids if dropped is None or one != dropped.id]
    return tuple(dict.fromkeys([*kept, *([added.id] if added else [])]))


def differences(before: GuildSettings, after: GuildSettings) -> str:
    """What a change changed, for the audit log."""
    names = [field.name for field in fields(GuildSettings)]
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return "; ".join(f"{name}: {old} -> {new}" for name, old, new in pairs if old != new)


def settings_page(settings: GuildSettings, budget: int, was_changed: bool) -> Page:
    """A server's settings in words."""
    lines = [
        "Channels: " + (" ".join(f"<#{channel}>" for channel in settings.channels) or "all"),
        "Roles: " + (" ".join(f"<@&{role}>" for role in settings.roles) or "all"),
        f"Language: {settings.language}",
        f"Model: {'on' if settings.model else 'off'}",
        f"Questions a day: {budget or 'no limit'}{'' if settings.daily_budget is not None else ' (default)'}",
        f"Own thread for each mention: {'on' if settings.auto_thread else 'off'}",
        f"Shared library: {'on' if settings.shared_library else 'off'}",
    ]
    return notice_page("Settings changed" if was_changed else "Settings", "\n".join(lines))


def check_place(settings: GuildSettings, channels: set[int], roles: set[int]) -> None:
    """Raises Rejected where the admins of a server did not want the bot to answer."""
    if settings.channels and not channels & set(settings.channels):
        raise Rejected("wrong_channel", channels=" ".join(f"<#{channel}>" for channel in settings.channels[:5]))
    if settings.roles and not roles & set(settings.roles):
        raise Rejected("wrong_role")


def role_ids(user: discord.User | discord.Member) -> set[int]:
    """The roles of a member, known from the event itself; none of a user in private."""
    return {role.id for role in user.roles} if isinstance(user, discord.Member) else set()
