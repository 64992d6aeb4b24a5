"""What a follow-up may refer to: its thread's or reply chain's questions and answers, and nothing of another place."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.discord.admission import REMEMBERED, Bounded
from bot.discord.state import PRIVATE, AsyncState
from rag.answer import Answer, Turn, readable_answer
from rag.protocols import AnswersQuestions
from vectorstore.bot_state import BotState, ShownAnswer
from vectorstore.errors import DatelineError
from vectorstore.values import Scope

TURNS = 5
RECENT = 200
"""Answers kept in memory, for buttons where the settings say to store none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question is asked. `own_history`: a thread or private channel, whose turns belong together."""

    guild: int
    channel: int
    own_history: bool = False
    origin_channel: int = 0
    """The channel in which a thread was opened for this question: the answers it follows were given there."""

    @property
    def conversation(self) -> str:
        """The conversation's key in stored answers."""
        return f"{guild_prefix(self.guild)}{self.channel}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its asker's id and shown name; `follows` is the id of the answer it refers to, or "".

    newer_than: the id of the answer whose question is asked again of newer articles, or "".
    The scope's libraries are the guild's, and filled in when the question is answered.
    """

    text: str
    user: int
    place: Place
    follows: str = ""
    scope: Scope = field(default_factory=Scope)
    asker: str = ""
    newer_than: str = ""


def asker_key(user: int) -> str:
    return f"discord:{user}"


def guild_prefix(guild: int) -> str:
    """What the keys of all conversations in a guild begin with."""
    return f"discord:{guild if guild != PRIVATE else 'dm'}:"


class ConversationHistory:
    """Stored answers by message and by id, for one engine and one database."""

    def __init__(self, engine: AnswersQuestions, state: AsyncState) -> None:
        self.engine = engine
        self.state = state
        self.storing: set[asyncio.Task[None]] = set()
        self.recent = Bounded[str, tuple[Answer, Question]](RECENT)
        self.forgotten = Bounded[int, float](REMEMBERED)

    def cache(self, answer: Answer, question: Question) -> None:
        """Keep an answer in memory, so that its buttons work before it is stored."""
        self.recent[answer.id] = (answer, question)

    def evict(self, answer: Answer) -> None:
        """Drop an answer from memory: its asker wants to be forgotten."""
        self.recent.pop(answer.id, None)

    def forgotten_since(self, user: int, moment: float) -> bool:
        """True if the user asked to be forgotten after `moment`, a reading of perf_counter."""
        return self.forgotten.get(user, float("-inf")) >= moment

    async def store(self, answer: Answer, question: Question, messages: Sequence[int]) -> None:
        """Store an answer that was shown, and which messages show it."""
        # A task of its own finishes when the caller is cancelled, and `flush` can wait for it.
        task = asyncio.create_task(self.write(answer, question, messages))
        self.storing.add(task)
        task.add_done_callback(self.storing.discard)
        await task

    async def write(self, answer: Answer, question: Question, messages: Sequence[int]) -> None:
        place, shown_id = question.place, answer.id
        if answer.refused and question.newer_than:
            # That nothing is newer is no gap of the library: what its message shows is still the answer before.
            shown_id = question.newer_than
        else:
            await self.engine.answers.save(answer, asker_key(question.user), place.conversation)
        now = time.time()
        shown = [
            ShownAnswer(message, place.channel, place.guild, question.user, shown_id, question.follows, now)
            for message in messages
        ]
        await self.state.run(BotState.show, shown)

    async def flush(self, seconds: float = 5.0) -> None:
        """Wait for answers that are being stored, at most this long."""
        if self.storing:
            await asyncio.wait(set(self.storing), timeout=seconds)

    async def recall(self, answer_id: str, guild: int, *channels: int) -> Answer | None:
        """An answer by its whole id, if it was given in one of these channels.

        Custom ids are visible to users and can be sent from elsewhere, so the id alone proves nothing.
        """
        cached = self.recent.get(answer_id)
        if cached is not None:
            answer, conversation = await self.engine.answers.while_standing(cached[0]), cached[1].place.conversation
        else:
            stored = await self.engine.answers.find(answer_id)
            if stored is None or stored.id != answer_id:
                return None
            readable = readable_answer(stored.record)
            if readable is None:
                return None
            answer, conversation = readable, stored.conversation
        return answer if conversation in {Place(guild, channel).conversation for channel in channels} else None

    async def shown_in(self, message: int, channel: int) -> str:
        """The id of the answer that a message of this channel shows, else ""."""
        await self.flush()
        shown = await self.state.run(BotState.shown_by, message)
        return shown.answer_id if shown is not None and shown.channel == channel else ""

    async def turns(self, question: Question) -> list[Turn]:
        """The last turns that a question may refer to, oldest first."""
        await self.flush()
        place = question.place
        turns: list[Turn] = []
        if place.own_history:
            turns = await self.engine.answers.conversation(place.conversation, TURNS)
            if not turns and not question.follows:
                turns = await self.started_from(place)
        chain = await self.chain(question.follows, place, place.origin_channel) if question.follows else []
        chained = {(turn.question, turn.answer) for turn in chain}
        return [*(turn for turn in turns if (turn.question, turn.answer) not in chained), *chain][-TURNS:]

    async def is_refused(self, question: Question) -> bool:
        """True if what a question follows had no answer; False where that cannot be read, which its own answer will say."""
        try:
            turns = await self.turns(question)
        except DatelineError:
            return False
        return bool(turns) and not turns[-1].answer

    async def started_from(self, place: Place) -> list[Turn]:
        """The chain of the answer that a thread was started from: such a thread has its first message's id."""
        shown = await self.state.run(BotState.shown_by, place.channel)
        if shown is None or shown.server != place.guild:
            return []
        return await self.chain(shown.answer_id, place, shown.channel)

    async def chain(self, answer_id: str, place: Place, other_channel: int) -> list[Turn]:
        """An answer and those it followed, oldest first, as far as they were given here or in `other_channel`."""
        turns: list[Turn] = []
        while answer_id and len(turns) < TURNS:
            answer = await self.recall(answer_id, place.guild, place.channel, other_channel)
            if answer is None:
                break
            turns.insert(0, Turn.of(answer))
            cached = self.recent.get(answer_id)
            shown = await self.state.run(BotState.shown_as, answer_id)
            answer_id = shown.follows if shown is not None else cached[1].follows if cached is not None else ""
        return turns

    async def forget(self, user: int) -> tuple[int, int]:
        """Delete a user's questions and votes; returns how many of each. Questions still running are not stored."""
        self.forgotten[user] = time.perf_counter()
        await self.flush()
        for answer_id in [answer_id for answer_id, (_, question) in self.recent.items() if question.user == user]:
            del self.recent[answer_id]
        questions = await self.engine.answers.forget_asker(asker_key(user))
        votes = await self.state.run(BotState.forget_user, user)
        return questions, votes
