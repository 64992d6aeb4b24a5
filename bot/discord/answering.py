"""The path of one question through the bot: admitted, queued, streamed as a draft, its answer shown once and stored."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import discord

from bot.discord.admission import QuestionQueue, Rejected, Slot, channel_ids, check_place, role_ids
from bot.discord.buttons import answer_buttons
from bot.discord.conversation import ConversationHistory, Place, Question
from bot.discord.errors import user_message
from bot.discord.markdown import escape, one_line
from bot.discord.metrics import Metrics
from bot.discord.render import Page, answer_pages, draft_text, error_page
from bot.discord.replies import SEND_FAILURES, Reply, acknowledge, take_back, tell_privately
from bot.discord.state import PRIVATE, GuildSettingsCache
from bot.discord.translations import Translations
from rag.answer import Answer, DraftText
from rag.errors import ModelError
from rag.follow_ups import bare_word
from rag.intent import wants_help
from rag.protocols import AnswersQuestions
from rag.settings import Settings
from rag.watched_questions import can_be_asked_again
from vectorstore.errors import DatelineError
from vectorstore.values import Scope

log = logging.getLogger("dateline.bot")

EDIT_EVERY = 1.0
"""Seconds between two edits of one message."""
LAST_EDIT_SECONDS = 5.0
QUEUE_SHOWN_AFTER = 0.5
QUEUE_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class AnswerService:
    """Admits questions, has each answered by a session of its own, and stores the answers."""

    engine: AnswersQuestions
    history: ConversationHistory
    queue: QuestionQueue
    guild_settings: GuildSettingsCache
    metrics: Metrics
    settings: Settings

    async def ask_by_interaction(self, interaction: discord.Interaction, question: Question) -> Answer | None:
        """Admit a question from a command, button or modal, acknowledge it where that is not done, answer it.

        Returns what was shown.
        """
        try:
            async with self.admitted(question, interaction.channel, interaction.user) as session:
                reply = await acknowledge(interaction)
                self.metrics.defer_seconds.observe(time.perf_counter() - session.slot.arrived)
                if reply is not None:
                    await session.answer(reply)
            return session.shown[0] if session.shown else None
        except Rejected as reason:
            translations = self.guild_settings.translations(interaction.guild_id)
            await take_back(interaction)
            await tell_privately(interaction, translations.say(reason.sentence, **reason.values))
            return None

    @contextlib.asynccontextmanager
    async def admitted(
        self, question: Question, channel: object, user: discord.User | discord.Member
    ) -> AsyncIterator["AnswerSession"]:
        """Hold a question's slot in the queue for the length of the block, then store its answer. Raises Rejected."""
        guild = question.place.guild
        try:
            if guild == PRIVATE and not self.settings.discord_direct_messages:
                raise Rejected("no_direct_messages")
            channels = channel_ids(question.place.channel, channel)
            check_place(self.guild_settings.of(guild), channels, role_ids(user))
            check_is_question(question, self.settings.question_limit)
            if bare_word(question.text) == "why" and await self.history.is_refused(question):
                raise Rejected("nothing_answered", question=escape(one_line(question.text)))
            self.guild_settings.check_budget(guild)
            slot = self.queue.admit(question.user)
        except Rejected:
            self.metrics.questions.labels("turned_away").inc()
            raise
        self.guild_settings.consume(guild)
        session = AnswerSession(self, slot, question)
        try:
            yield session
        finally:
            self.queue.leave(slot)
        # Only now: the asker sees the answer and may ask again. The next question's history waits for the storing.
        if session.shown is not None:
            await self.store(session.shown, session)

    async def store(self, shown: tuple[Answer, list[int]], session: "AnswerSession") -> None:
        """Store an answer that was shown; its asker has it already, so a failure is the operator's to see."""
        answer, messages = shown
        if self.history.forgotten_since(session.question.user, session.slot.arrived):
            self.history.evict(answer)
            return
        try:
            await self.history.store(answer, session.question, messages)
        except DatelineError as error:
            log.error("answer not kept", extra={"answer_id": answer.id, "failure": type(error).__name__})


def check_is_question(question: Question, limit: int) -> None:
    """Raises Rejected for what no article answers: nothing, a greeting, a cry for help, a text beyond the limit, "Why?" alone."""
    text = question.text
    if len(text) > limit:
        raise Rejected("too_long", limit=limit, length=len(text))
    if not any(character.isalnum() for character in text) or wants_help(text):
        raise Rejected("no_question")
    if bare_word(text) and not question.follows and not question.place.own_history:
        raise Rejected("nothing_before", question=escape(one_line(text)))


@dataclass(eq=False, slots=True)
class AnswerSession:
    """One admitted question: waits for its turn, streams the answer, shows it."""

    service: AnswerService
    slot: Slot
    question: Question
    shown: tuple[Answer, list[int]] | None = None
    """The answer with the ids of its messages, once it is shown."""

    @property
    def translations(self) -> Translations:
        """The bot's sentences in the language of the guild."""
        return self.service.guild_settings.translations(self.question.place.guild)

    async def answer(self, reply: Reply) -> None:
        """Answer the question; whatever happens, the asker gets a reply."""
        self.slot.task = asyncio.current_task()
        outcome = "error"
        try:
            answer = await self.find_answer(reply)
            if isinstance(answer, Page):
                await self.show_failure(reply, answer)
            else:
                self.shown = answer, await self.show(answer, reply)
                outcome = "refusal" if answer.refused else "answer"
        except asyncio.CancelledError:
            outcome = "interrupted"
            await self.show_failure(reply, self.error_page(self.translations.interrupted))
            raise
        except SEND_FAILURES as error:
            outcome = "unsent"
            self.service.metrics.send_errors.inc()
            log.error("answer not shown", extra={"failure": type(error).__name__, "server": self.question.place.guild})
        except Exception as error:  # noqa: BLE001  # user_message logs it whole
            await self.show_failure(reply, self.failure_page(error))
        finally:
            self.service.metrics.questions.labels(outcome).inc()
            self.service.metrics.answer_seconds.observe(time.perf_counter() - self.slot.arrived)

    async def find_answer(self, reply: Reply) -> Answer | Page:
        """The answer, or the page that says why there is none."""
        seconds, guild = self.service.settings.discord_answer_seconds, self.question.place.guild
        try:
            await self.wait_for_turn(reply)
            async with asyncio.timeout(seconds):
                await self.service.guild_settings.persist_count(guild)
                return await self.stream(reply)
        except TimeoutError:
            log.error("answer took too long", extra={"seconds": seconds, "server": guild})
            return self.error_page(self.translations.took_too_long.format(seconds=round(seconds)))
        except Exception as error:  # noqa: BLE001  # user_message logs it whole
            # Nothing an engine raises may leave a user without a reply or end the bot.
            if isinstance(error, ModelError):
                self.service.metrics.model_errors.inc()
            return self.failure_page(error)

    async def wait_for_turn(self, reply: Reply) -> None:
        """Wait in the queue, with the position shown once it takes more than a moment."""
        queue = self.service.queue
        turn = asyncio.ensure_future(queue.wait_for_turn(self.slot))
        try:
            done, _ = await asyncio.wait({turn}, timeout=QUEUE_SHOWN_AFTER)
            shown = 0
            while not done:
                position = queue.position(self.slot)
                if position and position != shown:
                    shown = position
                    await reply.say(self.translations.in_queue.format(position=position))
                done, _ = await asyncio.wait({turn}, timeout=QUEUE_EVERY)
        finally:
            turn.cancel()

    async def stream(self, reply: Reply) -> Answer:
        """Ask the engine, showing a model's draft as it grows."""
        question, service = self.question, self.service
        history = await service.history.turns(question)
        scope = replace(question.scope, libraries=service.guild_settings.libraries(question.place.guild))
        use_model = service.guild_settings.of(question.place.guild).model
        draft = LiveDraft(reply, self.translations)
        async with draft.shown():
            async for event in service.engine.stream(question.text, history, scope, use_model):
                if isinstance(event, DraftText):
                    draft.add(event)
                else:
                    return event
        raise AssertionError("an engine's stream ends with an Answer")

    async def show(self, answer: Answer, reply: Reply) -> list[int]:
        """Show an answer; returns the ids of its messages."""
        if answer.model_failed:
            self.service.metrics.model_errors.inc()
        # Its buttons can be pressed before it is stored.
        self.service.history.cache(answer, self.question)
        # Splitting a long answer takes some 10 ms: too long for an event loop that serves 50 others.
        pages = await asyncio.to_thread(answer_pages, answer, self.translations, self.question.asker)
        follow_up = self.question.newer_than if answer.refused else ""
        watchable = self.service.settings.discord_watch_seconds > 0 and can_be_asked_again(answer)
        messages = await reply.finish(pages, answer_buttons(answer, self.translations, follow_up, watchable))
        place = self.question.place
        log.info("answered", extra={"answer_id": answer.id, "refused": answer.refused, "server": place.guild})
        return messages

    def failure_page(self, error: Exception) -> Page:
        return self.error_page(user_message(error, self.translations, server=self.question.place.guild))

    def error_page(self, message: str) -> Page:
        """A failure with the question it befell: the channel may show it far from where that was asked."""
        return error_page(message, self.translations, self.question.asker, self.question.text)

    async def show_failure(self, reply: Reply, page: Page) -> None:
        try:
            await reply.finish([page])
        except SEND_FAILURES as error:
            self.service.metrics.send_errors.inc()
            log.error("failure not shown", extra={"failure": type(error).__name__})


@dataclass(eq=False, slots=True)
class LiveDraft:
    """A growing draft, shown by edits at most once a second; the last edit is done before the answer is shown."""

    reply: Reply
    translations: Translations
    text: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, piece: DraftText) -> None:
        """Append a piece, or start again with it."""
        self.text = piece.text if piece.restart else self.text + piece.text
        self.changed.set()

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Edit in the background while the block runs."""
        editor = asyncio.create_task(self.edit())
        try:
            yield
        finally:
            # An edit under way must not overtake the answer.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.sending.acquire(), LAST_EDIT_SECONDS)
            editor.cancel()

    async def edit(self) -> None:
        """Show what has come, then wait for more, until cancelled."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            if self.text.strip():
                async with self.sending:
                    await self.reply.say(draft_text(self.text, self.translations))
            await asyncio.sleep(EDIT_EVERY)


def question_from(
    interaction: discord.Interaction, text: str, follows: str = "", scope: Scope | None = None
) -> Question:
    """A question asked by an interaction, at the place where it was used."""
    own_history = isinstance(interaction.channel, discord.Thread | discord.DMChannel)
    place = Place(interaction.guild_id or PRIVATE, interaction.channel_id or 0, own_history)
    return Question(text, interaction.user.id, place, follows, scope or Scope(), interaction.user.display_name)
