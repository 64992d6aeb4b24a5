"""What a follow-up may refer to: its thread's or reply chain's questions and answers, and nothing of another place."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.discord.admission import remember
from bot.discord.state import PRIVATE, AsyncState
from rag.answer import Answer, Turn
from rag.protocols import AnswersQuestions
from rag.stored_answers import readable_answer
from vectorstore.bot_state import BotState, ShownAnswer

TURNS = 5
RECENT = 200
"""Answers kept in memory, for buttons where the settings say to store none."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question with where it came from. `own_memory`: a thread or private channel, whose turns belong together."""

    question: str
    user: int
    guild: int
    channel: int
    own_history: bool = False
    follows: str = ""
    since: datetime | None = None
    until: datetime | None = None
    sources: tuple[str, ...] = ()
    origin_channel: int = 0
    """The channel in which a thread was opened for this question; what it follows was said there."""

    @property
    def asked_by(self) -> str:
        """The asker's key in stored answers."""
        return asker(self.user)

    @property
    def conversation(self) -> str:
        """The conversation's key in stored answers."""
        return f"{guild_prefix(self.guild)}{self.channel}"


def asker(user: int) -> str:
    """A user's key in stored answers."""
    return f"discord:{user}"


def guild_prefix(guild: int) -> str:
    """What the keys of all conversations in a server begin with."""
    return f"discord:{guild if guild != PRIVATE else 'dm'}:"


class ConversationHistory:
    """Stored answers by message and by id, for one engine and one database."""

    def __init__(self, engine: AnswersQuestions, state: AsyncState) -> None:
        self.engine = engine
        self.state = state
        self.keeping: set[asyncio.Task[None]] = set()
        self.recent: OrderedDict[str, tuple[Answer, Question]] = OrderedDict()
        self.forgotten: OrderedDict[int, float] = OrderedDict()

    def cache(self, answer: Answer, asked: Question) -> None:
        """Have an answer at hand before its buttons can be pressed."""
        self.recent[answer.id] = (answer, asked)
        while len(self.recent) > RECENT:
            self.recent.popitem(last=False)

    def evict(self, answer: Answer) -> None:
        """Hold an answer no longer: its asker wants to be forgotten."""
        self.recent.pop(answer.id, None)

    def forgotten_since(self, user: int, moment: float) -> bool:
        """Did a user ask to be forgotten after this reading of perf_counter?"""
        return self.forgotten.get(user, float("-inf")) >= moment

    async def keep(self, answer: Answer, asked: Question, messages: Sequence[int]) -> None:
        """Store an answer that was shown, and which messages show it."""
        task = asyncio.create_task(self.store(answer, asked, messages))
        self.keeping.add(task)
        task.add_done_callback(self.keeping.discard)
        await task

    async def flush(self, seconds: float = 5.0) -> None:
        """Wait for answers that are being stored, but not long."""
        if self.keeping:
            await asyncio.wait(set(self.keeping), timeout=seconds)

    async def store(self, answer: Answer, asked: Question, messages: Sequence[int]) -> None:
        """What `keep` does in a task of its own."""
        await self.engine.answers.save(answer, asked.asked_by, asked.conversation)
        now = time.time()
        shown = [
            ShownAnswer(message, asked.channel, asked.guild, asked.user, answer.id, asked.follows, now)
            for message in messages
        ]
        await self.state.run(BotState.show, shown)

    async def recall(self, answer_id: str, guild: int, *channels: int) -> Answer | None:
        """An answer by its whole id, only where it was given: numbers of answers can be read, and sent from elsewhere."""
        held = self.recent.get(answer_id)
        if held is not None:
            answer, conversation = held[0], held[1].conversation
        else:
            stored = await self.engine.answers.find(answer_id)
            if stored is None or stored.id != answer_id:
                return None
            read = readable_answer(stored)
            if read is None:
                return None
            answer, conversation = read, stored.conversation
        return answer if conversation in {f"{guild_prefix(guild)}{channel}" for channel in channels} else None

    async def shown_in(self, message: int, channel: int) -> str:
        """The id of the answer that a message of this channel shows, else ""."""
        await self.flush()
        shown = await self.state.run(BotState.shown_by, message)
        return shown.answer_id if shown is not None and shown.channel == channel else ""

    async def history(self, asked: Question) -> list[Turn]:
        """The last turns that this question may refer to, oldest first."""
        await self.flush()
        turns: list[Turn] = []
        if asked.own_history:
            turns = await self.engine.answers.conversation(asked.conversation, TURNS)
            if not turns and not asked.follows:
                turns = await self.started_from(asked)
        chain = await self.chain(asked.follows, asked, asked.origin_channel) if asked.follows else []
        chained = {(turn.question, turn.answer) for turn in chain}
        return [*(turn for turn in turns if (turn.question, turn.answer) not in chained), *chain][-TURNS:]

    async def started_from(self, asked: Question) -> list[Turn]:
        """The chain of the answer that a thread was started from: such a thread has its first message's number."""
        shown = await self.state.run(BotState.shown_by, asked.channel)
        if shown is None or shown.server != asked.guild:
            return []
        return await self.chain(shown.answer_id, asked, shown.channel)

    async def chain(self, answer_id: str, asked: Question, origin_channel: int) -> list[Turn]:
        """An answer and those it followed, oldest first; beside: a further channel they may have been given in."""
        turns: list[Turn] = []
        while answer_id and len(turns) < TURNS:
            answer = await self.recall(answer_id, asked.guild, asked.channel, origin_channel)
            if answer is None:
                break
            turns.insert(0, Turn.of(answer))
            held = self.recent.get(answer_id)
            shown = await self.state.run(BotState.shown_as, answer_id)
            answer_id = shown.follows if shown is not None else held[1].follows if held is not None else ""
        return turns

    async def forget(self, user: int) -> tuple[int, int]:
        """Delete a user's stored questions and votes; returns how many of each. Those that are running are not stored."""
        remember(self.forgotten, user, time.perf_counter())
        await self.flush()
        for answer_id in [one for one, (_, asked) in self.recent.items() if asked.user == user]:
            del self.recent[answer_id]
        questions = await self.engine.answers.forget_asker(asker(user))
        votes = await self.state.run(BotState.forget_user, user)
        return questions, votes
