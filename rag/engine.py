"""START HERE: the path of one question, in five steps, each in a module of its own.

    1 understand   rag/understand.py   follow-up -> standalone question; time words -> filter or preference
    2 retrieve     rag/retrieve.py     dense + lexical, fused, de-duplicated, optional rerank -> hits
    3 judge        rag/judge.py        do these hits hold an answer? no -> refusal
    4 write        rag/write.py        quote the sentences that answer, or a model's draft, streamed
    5 prove        rag/prove.py        each sentence against a verbatim quote
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from rag.answer import Answer, StreamEvent, Turn
from vectorstore.values import Scope


class AnswersQuestions(Protocol):
    """What bot/ needs of an engine."""

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        """One proven answer or refusal. Raises DatelineError for known failures, told in one sentence."""
        ...

    def stream(
        self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None
    ) -> AsyncIterator[StreamEvent]:
        """Draft text as a model writes it, then exactly one Answer."""
        ...
