"""The commands for everyone: /ask, /help and /forget-me; and keeping Discord's list of commands up to date."""

import hashlib
import json
import logging
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.discord.conversation import Question
from bot.discord.errors import report_error
from bot.discord.render import notice_page
from bot.discord.replies import show_privately, tell_privately
from bot.discord.state import PRIVATE
from vectorstore.bot_state import BotState

if TYPE_CHECKING:
    from bot.discord.client import DatelineBot

log = logging.getLogger("dateline.bot")

HELP = """\
**Ask** `/ask question:` … or mention me with a question, or reply to one of my answers.
`since:` and `until:` take days like 2025-10-17, `source:` an outlet.
In a thread or a chain of replies I know what was said before; **Follow up** below an answer does the same.

**What you get** only what the articles say, each statement with its number, outlet, date and the words quoted \
from the article. When the articles do not say, I say that, and which headlines come nearest.

**Below an answer** *Passages* shows each quote in its paragraph, *Newer only* asks again for later articles, \
👍 and 👎 tell the operators how good it was.

**Your data** I keep questions and answers for {days} days so that follow-ups and buttons work. \
`/forget-me` deletes yours, and your votes.
**Admins** `/library`, `/settings` and `/gaps`."""


class AskTree(app_commands.CommandTree["DatelineBot"]):
    """The command tree with the one place where a command's failure becomes words."""

    async def on_error(
        self, interaction: discord.Interaction["DatelineBot"], error: app_commands.AppCommandError, /
    ) -> None:
        """Tell the user what to do; details go to the log under the number shown."""
        if isinstance(error, app_commands.MissingPermissions | app_commands.NoPrivateMessage):
            await tell_privately(interaction, "Only people with the Manage Server permission may do this, in a server.")
            return
        if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
            await tell_privately(interaction, "This command has changed. Please try again in a minute.")
            return
        command = interaction.command.qualified_name if interaction.command else ""
        translations = interaction.client.translations(interaction.guild_id)
        admin = interaction.permissions.manage_guild
        await report_error(interaction, error.__cause__ or error, translations, admin, command=command)

    async def interaction_check(self, interaction: discord.Interaction["DatelineBot"], /) -> bool:
        """False for an interaction that RESUME sent again."""
        return interaction.client.first_sight(interaction.id)


def add_user_commands(bot: "DatelineBot") -> None:
    """Put the commands for everyone into the bot's tree."""

    @bot.tree.command(name="ask", description="Ask the news library; the answer is proven with quotes")
    @app_commands.describe(
        question="What do you want to know?",
        since="Only articles from this day on, like 2025-10-17",
        until="Only articles up to this day, like 2025-10-17",
        source="Only articles of this outlet",
    )
    async def ask(
        interaction: discord.Interaction["DatelineBot"],
        question: app_commands.Range[str, 1, 2000],
        since: str | None = None,
        until: str | None = None,
        source: str | None = None,
    ) -> None:
        try:
            first, last = day_of(since), day_of(until)
            after_last = last + timedelta(days=1) if last else None
        except (ValueError, OverflowError):
            await tell_privately(interaction, "A day looks like 2025-10-17. Please use that for since: and until:.")
            return
        sources = (source,) if source else ()
        await bot.ask_by_interaction(interaction, asked_in(interaction, question, "", first, after_last, sources))

    @ask.autocomplete("source")
    async def complete_source(
        interaction: discord.Interaction["DatelineBot"], typed: str
    ) -> list[app_commands.Choice[str]]:
        status = await bot.engine.library.status(bot.answers.libraries(interaction.guild_id or PRIVATE))
        names = [name for name, _ in status.sources if name and typed.lower() in name.lower() and len(name) <= 100]
        return [app_commands.Choice(name=name, value=name) for name in names[:25]]

    @bot.tree.command(name="help", description="What I can do, on one screen")
    async def show_help(interaction: discord.Interaction["DatelineBot"]) -> None:
        text = HELP.format(days=bot.settings.answer_retention_days)
        await interaction.response.send_message(text, ephemeral=True)

    @bot.tree.command(name="forget-me", description="Delete your stored questions and votes")
    async def forget_me(interaction: discord.Interaction["DatelineBot"]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        questions, votes = await bot.history.forget(interaction.user.id)
        body = (
            f"Deleted: {questions} stored questions with their answers, and {votes} votes. "
            "Messages in channels are Discord's; delete yours there. "
            "Changes you made as an admin stay in that server's log."
        )
        await show_privately(interaction, [notice_page("Forgotten", body)])


def asked_in(
    interaction: discord.Interaction["DatelineBot"],
    question: str,
    follows: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    sources: tuple[str, ...] = (),
) -> Question:
    """A question of an interaction, with the place it was asked in."""
    own_history = isinstance(interaction.channel, discord.Thread | discord.DMChannel)
    return Question(
        question,
        interaction.user.id,
        interaction.guild_id or PRIVATE,
        interaction.channel_id or 0,
        own_history,
        follows,
        since,
        until,
        sources,
    )


def day_of(text: str | None) -> datetime | None:
    """The beginning of a day in UTC. Raises ValueError for anything but YYYY-MM-DD."""
    return datetime.combine(date.fromisoformat(text.strip()), time(), UTC) if text and text.strip() else None


async def sync_if_changed(bot: "DatelineBot") -> bool:
    """Send the commands to Discord when their definition is not the one sent last; whether it was sent."""
    name = f"discord_commands:{bot.application_id}"
    definition = json.dumps([command.to_dict(bot.tree) for command in bot.tree.get_commands()], sort_keys=True)
    digest = hashlib.sha256(definition.encode()).hexdigest()
    if await bot.state.run(BotState.metadata, name) == digest:
        return False
    await bot.tree.sync()
    await bot.state.run(BotState.set_metadata, name, digest)
    log.info("commands synced")
    return True
