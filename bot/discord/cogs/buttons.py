"""What buttons and modals do: passages, votes, follow-ups, newer articles. A stale one gets a polite notice."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import discord
from discord.ext import commands

from bot.discord.admission import Rejected
from bot.discord.answering import question_from
from bot.discord.buttons import (
    DOWN,
    FOLLOW_UP,
    NEWER,
    PASSAGES,
    QUESTION,
    REASON,
    UNWATCH,
    UP,
    WATCH,
    custom_id,
    read_custom_id,
)
from bot.discord.client import DatelineBot, Interaction
from bot.discord.errors import report_error
from bot.discord.markdown import dotted
from bot.discord.render import author_words, passage_pages
from bot.discord.replies import SEND_FAILURES, show_privately, tell_privately
from bot.discord.state import PRIVATE
from bot.discord.translations import Translations
from rag.answer import Answer
from rag.watched_questions import can_be_asked_again
from vectorstore.bot_state import BotState, Vote
from vectorstore.values import Scope

log = logging.getLogger("dateline.bot")

TextInput: TypeAlias = discord.ui.TextInput[discord.ui.Modal]
Handler: TypeAlias = Callable[[Interaction, str], Awaitable[None]]

MAX_REASON = 1_000
MAX_QUESTION = 2_000


class ButtonsCog(commands.Cog):
    """Routes by custom id alone, so that buttons and modals of before a restart work. Commands are the tree's."""

    def __init__(self, bot: DatelineBot) -> None:
        self.bot = bot
        self.component_handlers: dict[str, Handler] = {
            PASSAGES: self.show_passages,
            UP: self.vote_up,
            DOWN: self.vote_down,
            FOLLOW_UP: self.open_follow_up,
            NEWER: self.ask_newer,
            WATCH: self.watch,
            UNWATCH: self.unwatch,
        }
        self.modal_handlers: dict[str, Handler] = {REASON: self.add_reason, QUESTION: self.follow_up}

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A button was pressed or a modal sent; any custom id may arrive, from older programs too."""
        kinds = {
            discord.InteractionType.component: self.component_handlers,
            discord.InteractionType.modal_submit: self.modal_handlers,
        }
        handlers = kinds.get(interaction.type)
        if handlers is None or not self.bot.first_sight(interaction.id):
            return
        action, answer_id = read_custom_id(str(raw_data(interaction).get("custom_id", ""))) or ("", "")
        handle = handlers.get(action, self.stale)
        try:
            await handle(interaction, answer_id)
        except SEND_FAILURES as error:
            log.warning("press not answered", extra={"action": action, "failure": type(error).__name__})
        except Exception as error:  # noqa: BLE001  # report_error logs it whole
            translations = self.translations(interaction)
            await report_error(interaction, error, translations, action=action, answer_id=answer_id)

    def translations(self, interaction: Interaction) -> Translations:
        """The bot's sentences in the language of the interaction's guild."""
        return self.bot.guild_settings.translations(interaction.guild_id)

    async def recall(self, interaction: Interaction, answer_id: str) -> Answer | None:
        """The answer of a button, if it was given in this very channel."""
        return await self.bot.history.recall(answer_id, interaction.guild_id or PRIVATE, interaction.channel_id or 0)

    async def stale(self, interaction: Interaction, _answer_id: str = "") -> None:
        """Say that there is nothing to show for this button any more."""
        await tell_privately(interaction, self.translations(interaction).stale)

    async def show_passages(self, interaction: Interaction, answer_id: str) -> None:
        """Each quote in the paragraph around it, for this user alone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        answer = await self.recall(interaction, answer_id)
        visible = self.bot.guild_settings.libraries(interaction.guild_id or PRIVATE)
        passages = [
            (citation, await self.bot.engine.library.article(citation.library, citation.article_id))
            for citation in (answer.citations if answer else ())
            if citation.library in visible
        ]
        if answer is not None and passages:
            t = self.translations(interaction)
            await show_privately(interaction, *passage_pages(passages, t, dotted(answer_id, author_words(answer, t))))
        else:
            await self.stale(interaction)

    async def vote_up(self, interaction: Interaction, answer_id: str) -> None:
        await self.vote(interaction, answer_id, useful=True)

    async def vote_down(self, interaction: Interaction, answer_id: str) -> None:
        """Count the vote at once and ask for a reason, which many will not give."""
        if await self.recall(interaction, answer_id) is None:
            await self.stale(interaction)
            return
        # Pressed again, the button must not take back a reason.
        if not await self.voted_down(answer_id, interaction.user.id):
            await self.count(interaction, answer_id, useful=False)
        translations = self.translations(interaction)
        field = paragraph_input(translations.why_not_useful, MAX_REASON, required=False)
        await open_modal(interaction, custom_id(REASON, answer_id), translations.what_was_wrong, field)

    async def add_reason(self, interaction: Interaction, answer_id: str) -> None:
        """Store the reason from the modal with the vote; a modal from before a restart may be all there is of it."""
        reason = sent_text(interaction)[:MAX_REASON]
        await self.vote(interaction, answer_id, useful=False, reason=reason)

    async def vote(self, interaction: Interaction, answer_id: str, useful: bool, reason: str = "") -> None:
        """Count a vote on one of the bot's own answers and thank for it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if await self.recall(interaction, answer_id) is None:
            await self.stale(interaction)
            return
        translations = self.translations(interaction)
        known = not useful and await self.voted_down(answer_id, interaction.user.id)
        thanks = translations.reason_noted if reason else translations.thanks
        # A form sent empty must not take back a reason.
        if (not known or reason) and await self.count(interaction, answer_id, useful, reason, known) and not reason:
            thanks = translations.vote_changed
        await tell_privately(interaction, thanks)

    async def voted_down(self, answer_id: str, user: int) -> bool:
        votes = await self.bot.state.run(BotState.votes_on, answer_id)
        return any(vote.user == user and not vote.useful for vote in votes)

    async def count(
        self, interaction: Interaction, answer_id: str, useful: bool, reason: str = "", known: bool = False
    ) -> bool:
        """Store a vote, in the place of an earlier one of the same user; True if there was one. `known`: counted before."""
        guild = interaction.guild_id or PRIVATE
        vote = Vote(answer_id, interaction.user.id, guild, useful, reason, time.time())
        changed = await self.bot.state.run(BotState.vote, vote)
        if not known:
            self.bot.metrics.votes.labels("yes" if useful else "no").inc()
            log.info("vote", extra={"answer_id": answer_id, "useful": useful})
        return changed

    async def open_follow_up(self, interaction: Interaction, answer_id: str) -> None:
        translations = self.translations(interaction)
        field = paragraph_input(translations.your_question, MAX_QUESTION, required=True)
        await open_modal(interaction, custom_id(QUESTION, answer_id), translations.follow_up, field)

    async def follow_up(self, interaction: Interaction, answer_id: str) -> None:
        """Answer the question from the modal, which may refer to the answer."""
        question = question_from(interaction, sent_text(interaction), follows=answer_id)
        await self.bot.answers.ask_by_interaction(interaction, question)

    async def ask_newer(self, interaction: Interaction, answer_id: str) -> None:
        """Ask the same again, of articles newer than the answer's newest."""
        answer = await self.recall(interaction, answer_id)
        if answer is None or answer.as_of is None:
            await self.stale(interaction)
            return
        scope = Scope(since=answer.as_of + timedelta(seconds=1), sources=answer.explanation.sources)
        question = question_from(interaction, answer.standalone_question or answer.question, scope=scope)
        await self.bot.answers.ask_by_interaction(interaction, replace(question, newer_than=answer.id))

    async def watch(self, interaction: Interaction, answer_id: str) -> None:
        """Tell this channel, or the asker, when the answer changes."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        answer = await self.recall(interaction, answer_id)
        if answer is None or not can_be_asked_again(answer):
            await self.stale(interaction)
            return
        try:
            await tell_privately(interaction, await self.bot.watches.watch(interaction, answer))
        except Rejected as reason:
            await tell_privately(interaction, self.translations(interaction).say(reason.sentence, **reason.values))

    async def unwatch(self, interaction: Interaction, watch_id: str) -> None:
        """Stop the watch whose change a message tells; behind its id stands the answer's."""
        watch_id = watch_id.partition("-")[0]
        await interaction.response.defer(ephemeral=True, thinking=True)
        stopped = await self.bot.watches.stop(interaction, watch_id)
        t = self.translations(interaction)
        await tell_privately(interaction, t.watch_stopped if stopped else t.no_such_watch)


async def open_modal(interaction: Interaction, modal_id: str, title: str, field: TextInput) -> None:
    modal = discord.ui.Modal(title=title[:45], custom_id=modal_id)
    modal.add_item(field)
    # A stopped modal is not kept by discord.py: one custom id serves many users, before and after a restart.
    modal.stop()
    await interaction.response.send_modal(modal)


def paragraph_input(label: str, longest: int, required: bool) -> TextInput:
    style = discord.TextStyle.paragraph
    return TextInput(label=label[:45], style=style, required=required, max_length=longest, custom_id="text")


def raw_data(interaction: Interaction) -> Mapping[str, object]:
    """What Discord sent of a button or modal, as it came."""
    return interaction.data or {}


def sent_text(interaction: Interaction) -> str:
    return first_value(raw_data(interaction).get("components", [])).strip()


def first_value(components: object) -> str:
    """The first value among a modal's components, however Discord nests them."""
    for component in components if isinstance(components, Sequence) else ():
        if isinstance(component, dict):
            if isinstance(component.get("value"), str):
                return str(component["value"])
            nested = component.get("components") or [component.get("component")]
            found = first_value(nested)
            if found:
                return found
    return ""
