"""The commands for everyone: /ask, /help and /forget-me."""

from datetime import UTC, datetime

from discord import app_commands
from discord.ext import commands

from bot.discord.admission import Rejected
from bot.discord.answering import question_from
from bot.discord.client import DatelineBot, Interaction
from bot.discord.filters import read_filters
from bot.discord.render import library_line, notice_page
from bot.discord.replies import acknowledged_meanwhile, show_privately, take_back, tell_privately
from bot.discord.state import PRIVATE
from bot.scope import nearest_outlets
from rag.library import LibraryStatus
from vectorstore.values import Scope


class AskCog(commands.Cog):
    """Ask, help, forget."""

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot

    @app_commands.command(name="ask", description="Ask the news library; the answer is proven with quotes")
    @app_commands.describe(
        question="What do you want to know?",
        since="Only articles from this day on, like 2025-10-17",
        until="Only articles up to this day, like 2025-10-17",
        source="Only articles of this outlet",
    )
    async def ask(
        self,
        interaction: Interaction,
        question: app_commands.Range[str, 1, 2000],
        since: str | None = None,
        until: str | None = None,
        source: str | None = None,
    ) -> None:
        scope = Scope()
        if since or until or source:
            t = self.bot.guild_settings.translations(interaction.guild_id)
            try:
                # Counting a large library may take longer than Discord waits.
                status = await acknowledged_meanwhile(interaction, self.status(interaction))
                scope = read_filters(since, until, source, status, datetime.now(UTC), t)
            except Rejected as reason:
                await take_back(interaction)
                await tell_privately(interaction, t.say(reason.sentence, **reason.values))
                return
        await self.bot.answers.ask_by_interaction(interaction, question_from(interaction, question, scope=scope))

    @ask.autocomplete("source")
    async def complete_source(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Outlets of the articles that this guild sees."""
        status = await self.status(interaction)
        names = nearest_outlets(typed, [name for name, _ in status.sources if name and len(name) <= 100])
        return [app_commands.Choice(name=name, value=name) for name in names[:25]]

    async def status(self, interaction: Interaction) -> LibraryStatus:
        """What this guild's questions are answered from."""
        libraries = self.bot.guild_settings.libraries(interaction.guild_id or PRIVATE)
        return await self.bot.engine.library.status(libraries)

    @app_commands.command(name="help", description="What I can do, on one screen")
    async def show_help(self, interaction: Interaction) -> None:
        # Counting a large library may take longer than Discord waits.
        await interaction.response.defer(ephemeral=True, thinking=True)
        t = self.bot.guild_settings.translations(interaction.guild_id)
        library = library_line(await self.status(interaction), t)
        text = t.help.format(days=self.bot.settings.answer_retention_days, library=library)
        await tell_privately(interaction, text)

    @app_commands.command(name="forget-me", description="Delete your stored questions, votes and watches")
    async def forget_me(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        questions, votes = await self.bot.history.forget(interaction.user.id)
        t = self.bot.guild_settings.translations(interaction.guild_id)
        body = t.deleted.format(questions=t.count(questions, t.stored_questions), votes=t.count(votes, t.votes))
        await show_privately(interaction, notice_page(t.forgotten, body, t))
