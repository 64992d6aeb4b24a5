"""The path of one question through the bot: its turn, its draft as it grows, its answer shown once, and kept."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from bot.discord.admission import QuestionQueue, Slot
from bot.discord.buttons import answer_buttons
from bot.discord.conversation import ConversationHistory, Question
from bot.discord.errors import user_message
from bot.discord.metrics import Metrics
from bot.discord.render import Page, answer_pages, draft_text, error_page
from bot.discord.replies import SEND_FAILURES, Reply
from bot.discord.state import PRIVATE, GuildSettingsCache
from bot.discord.translations import Translations, translations_for
from rag.answer import Answer, DraftText
from rag.errors import ModelError
from rag.protocols import AnswersQuestions
from vectorstore.errors import DatelineError
from vectorstore.values import SHARED_LIBRARY, Scope

log = logging.getLogger("dateline.bot")

EDIT_EVERY = 1.0
"""Seconds between two edits of one message."""
LAST_EDIT_SECONDS = 5.0
QUEUE_SHOWN_AFTER = 0.5
QUEUE_EVERY = 5.0


class AnswerService:
    """Answers questions that the desk has taken."""

    def __init__(
        self,
        engine: AnswersQuestions,
        history: ConversationHistory,
        queue: QuestionQueue,
        guild_settings: GuildSettingsCache,
        metrics: Metrics,
        answer_seconds: float,
    ) -> None:
        self.engine = engine
        self.history = history
        self.queue = queue
        self.guild_settings = guild_settings
        self.metrics = metrics
        self.answer_seconds = answer_seconds

    async def answer(self, slot: Slot, asked: Question, reply: Reply) -> None:
        """Answer a question that was taken; whatever happens, the asker is told and the ticket given back."""
        slot.task = asyncio.current_task()
        translations = translations_for(self.guild_settings.of(asked.guild).language)
        outcome = "error"
        kept: tuple[Answer, list[int]] | None = None
        try:
            answer = await self.find_answer(slot, asked, reply, translations)
            if isinstance(answer, Page):
                await self.show_failure(reply, answer)
            else:
                kept = answer, await self.show(answer, asked, reply, translations)
                outcome = "refusal" if answer.refused else "answer"
        except asyncio.CancelledError:
            outcome = "interrupted"
            await self.show_failure(reply, error_page(translations.interrupted, translations))
            raise
        except SEND_FAILURES as error:
            outcome = "unsent"
            self.metrics.send_errors.inc()
            log.error("answer not shown", extra={"failure": type(error).__name__, "server": asked.guild})
        except Exception as error:  # noqa: BLE001  # failure_words logs it whole
            await self.show_failure(
                reply, error_page(user_message(error, translations, server=asked.guild), translations)
            )
        finally:
            self.queue.leave(slot)
            self.metrics.queue_length.set(len(self.queue.waiting))
            self.metrics.questions.labels(outcome).inc()
            self.metrics.answer_seconds.observe(time.perf_counter() - slot.arrived)
        # Whoever sees the answer may ask on at once; the next question's history waits for this one to be kept.
        if kept is not None:
            if self.history.forgotten_since(asked.user, slot.arrived):
                self.history.evict(kept[0])
            else:
                await self.keep(kept[0], asked, kept[1])

    async def find_answer(self, slot: Slot, asked: Question, reply: Reply, translations: Translations) -> Answer | Page:
        """The answer, or the page that says why there is none."""
        try:
            await self.wait_for_turn(slot, reply, translations)
            async with asyncio.timeout(self.answer_seconds):
                await self.guild_settings.persist_count(asked.guild)
                return await self.stream(asked, reply, translations)
        except TimeoutError:
            log.error("answer took too long", extra={"seconds": self.answer_seconds, "server": asked.guild})
            return error_page(translations.took_too_long.format(seconds=round(self.answer_seconds)), translations)
        except Exception as error:  # noqa: BLE001  # failure_words logs it whole
            # Nothing an engine raises may leave a user without a word or end the bot.
            if isinstance(error, ModelError):
                self.metrics.model_errors.inc()
            return error_page(user_message(error, translations, server=asked.guild), translations)

    async def wait_for_turn(self, slot: Slot, reply: Reply, translations: Translations) -> None:
        """Wait in the queue, with the position shown once it takes more than a moment."""
        self.metrics.queue_length.set(len(self.queue.waiting))
        turn = asyncio.ensure_future(self.queue.wait_for_turn(slot))
        try:
            done, _ = await asyncio.wait({turn}, timeout=QUEUE_SHOWN_AFTER)
            shown = 0
            while not done:
                position = self.queue.position(slot)
                if position and position != shown:
                    shown = position
                    await reply.say(translations.in_queue.format(position=position))
                done, _ = await asyncio.wait({turn}, timeout=QUEUE_EVERY)
        finally:
            turn.cancel()
        self.metrics.queue_length.set(len(self.queue.waiting))

    async def stream(self, asked: Question, reply: Reply, translations: Translations) -> Answer:
        """Ask the engine, showing a model's draft as it grows."""
        use_model = self.guild_settings.of(asked.guild).model
        history = await self.history.history(asked)
        draft = Draft(reply, translations)
        async with draft.shown():
            async for event in self.engine.stream(asked.question, history, self.scope(asked), use_model):
                if isinstance(event, DraftText):
                    draft.add(event)
                else:
                    return event
        raise AssertionError("an engine's stream ends with an Answer")

    def scope(self, asked: Question) -> Scope:
        """What a question may see: its server's own articles and the shared ones, never another server's."""
        return Scope(self.libraries(asked.guild), asked.since, asked.until, asked.sources)

    def libraries(self, guild: int) -> tuple[str, ...]:
        """The libraries that a server sees."""
        if guild == PRIVATE:
            return (SHARED_LIBRARY,)
        own = guild_library(guild)
        return (SHARED_LIBRARY, own) if self.guild_settings.of(guild).shared_library else (own,)

    async def show(self, answer: Answer, asked: Question, reply: Reply, translations: Translations) -> list[int]:
        """Show an answer; returns the ids of its messages."""
        if answer.note:
            self.metrics.model_errors.inc()
        # Its buttons can be pressed before it is stored.
        self.history.cache(answer, asked)
        # Cutting a long answer takes some 10 ms: too long for a loop that has 50 others to serve.
        pages = await asyncio.to_thread(answer_pages, answer, translations)
        messages = await reply.finish(pages, answer_buttons(answer, translations))
        log.info("answered", extra={"answer_id": answer.id, "refused": answer.refused, "server": asked.guild})
        return messages

    async def keep(self, answer: Answer, asked: Question, messages: list[int]) -> None:
        """Store an answer that was shown; its asker has it already, so a failure is the operator's to see."""
        try:
            await self.history.keep(answer, asked, messages)
        except DatelineError as error:
            log.error("answer not kept", extra={"answer_id": answer.id, "failure": type(error).__name__})

    async def show_failure(self, reply: Reply, page: Page) -> None:
        """Say why there is no answer."""
        try:
            await reply.finish([page], None)
        except SEND_FAILURES as error:
            self.metrics.send_errors.inc()
            log.error("failure not shown", extra={"failure": type(error).__name__})


class Draft:
    """A draft that grows, shown by edits at most once a second; the last edit is done before the answer is."""

    def __init__(self, reply: Reply, translations: Translations) -> None:
        self.reply = reply
        self.translations = translations
        self.text = ""
        self.changed = asyncio.Event()
        self.sending = asyncio.Lock()

    def add(self, piece: DraftText) -> None:
        """Take a further piece."""
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
        """Show what has come, then wait for more; never ends by itself."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            if self.text.strip():
                async with self.sending:
                    await self.reply.say(draft_text(self.text, self.translations))
            await asyncio.sleep(EDIT_EVERY)


def guild_library(guild: int) -> str:
    """The library of a server's own articles."""
    return f"discord:{guild}"
