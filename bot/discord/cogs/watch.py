"""/watch add, list, stop: questions that are asked again when something new is near them."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord.admission import Rejected
from bot.discord.answering import question_from
from bot.discord.client import DatelineBot, Interaction
from bot.discord.markdown import one_line, shorten
from bot.discord.render_watches import watches_page
from bot.discord.replies import show_privately, tell_privately
from vectorstore.watches import Watch


class WatchCog(commands.GroupCog, group_name="watch", group_description="Tell this channel when an answer changes"):
    """Watch, list, stop."""

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot

    @app_commands.command(name="add", description="Ask a question, and hear of it again when its answer changes")
    @app_commands.describe(question="What do you want to know, now and later?")
    async def add(self, interaction: Interaction, question: app_commands.Range[str, 1, 2000]) -> None:
        """Answer in the channel, as /ask does; that it is watched is for the asker alone."""
        t = self.bot.guild_settings.translations(interaction.guild_id)
        try:
            await self.bot.watches.check_may_watch(interaction, question, ())
            answer = await self.bot.answers.ask_by_interaction(interaction, question_from(interaction, question))
            if answer is not None:
                await tell_privately(interaction, await self.bot.watches.watch(interaction, answer))
        except Rejected as reason:
            await tell_privately(interaction, t.say(reason.sentence, **reason.values))

    @app_commands.command(name="list", description="The questions you watch here; for admins, everybody's")
    async def list_watches(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        t = self.bot.guild_settings.translations(interaction.guild_id)
        await show_privately(interaction, watches_page(await self.bot.watches.visible(interaction), t))

    @app_commands.command(name="stop", description="No longer watch a question")
    @app_commands.describe(question="The question, chosen from the list")
    async def stop(self, interaction: Interaction, question: str) -> None:
        """Stop a watch by its id; completion turns its question into that."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        t = self.bot.guild_settings.translations(interaction.guild_id)
        stopped = await self.bot.watches.stop(interaction, question)
        await tell_privately(interaction, t.watch_stopped if stopped else t.no_such_watch)

    @stop.autocomplete("question")
    async def complete_question(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """What this user may stop."""
        return [
            app_commands.Choice(name=self.choice_name(watch), value=watch.id)
            for watch in await self.bot.watches.visible(interaction)
            if typed.lower() in watch.question.lower()
        ][:25]

    def choice_name(self, watch: Watch) -> str:
        """A question and its channel, which tells two watches of one question apart."""
        known = self.bot.get_channel(watch.channel)
        channel = f" · #{known.name}"[:40] if isinstance(known, discord.abc.GuildChannel | discord.Thread) else ""
        return (
            f"{shorten(one_line(watch.question), 100 - len(channel))}{channel}" if watch.question.strip() else watch.id
        )

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """A server that the bot was put out of is told nothing more; an outage is another event."""
        await self.bot.watches.watched.stop_in(guild.id)
