"""Where an embedding program finds the Discord bot: `bot.client.create_bot(settings, engine)`, unstarted."""

from bot.discord.run import create_bot

__all__ = ["create_bot"]
