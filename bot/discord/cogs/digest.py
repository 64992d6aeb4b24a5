"""/digest: what is new, one quoted sentence an article, by story."""

from discord import app_commands
from discord.ext import commands

from bot.discord.admission import Rejected
from bot.discord.client import DatelineBot, Interaction
from bot.discord.replies import take_back, tell_privately


class DigestCog(commands.Cog):
    """The digest on demand; the daily one is the bot's own (bot/discord/digests.py)."""

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot

    @app_commands.command(name="digest", description="What is new: one quoted sentence an article, by story")
    @app_commands.describe(since="What was published from this day on, like 2025-10-17; by default a week")
    async def digest(self, interaction: Interaction, since: str | None = None) -> None:
        try:
            await self.bot.digests.show(interaction, since)
        except Rejected as reason:
            await take_back(interaction)
            t = self.bot.guild_settings.translations(interaction.guild_id)
            await tell_privately(interaction, t.say(reason.sentence, **reason.values))
