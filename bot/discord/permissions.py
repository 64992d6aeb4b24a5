"""Discord's permissions: what the bot needs, what it may do in a channel, and who counts as an admin."""

import discord
from discord import app_commands

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
"""What an invitation asks for. All but the first two may be missing; the bot then does what is left."""


def check_is_admin(interaction: discord.Interaction) -> bool:
    """True for a member who may manage the guild; raises MissingPermissions or NoPrivateMessage for anybody else.

    Discord checks `default_permissions` itself, but a guild's admins can override those.
    """
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    if not interaction.permissions.manage_guild:
        raise app_commands.MissingPermissions(["manage_guild"])
    return True


def permissions_in(channel: discord.abc.Messageable) -> discord.Permissions | None:
    """What the bot may do in a guild's channel; None where that is not known."""
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread) and channel.guild.me is not None:
        try:
            return channel.permissions_for(channel.guild.me)
        except discord.ClientException:
            # A thread whose parent is not known.
            return None
    return None


def permission_names(value: int) -> str:
    shown = (name.replace("_", " ").title() for name, on in discord.Permissions(value) if on)
    # discord.py iterates with the older name of this one.
    return ", ".join("View Channels" if name == "Read Messages" else name for name in shown)
