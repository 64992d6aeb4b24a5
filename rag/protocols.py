"""What a front end needs of the engine, its library and its stored answers: tests and other programs bring their own."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rag.answer import Answer, Citation, Headline, StreamEvent, Turn
from rag.digest import Digest
from rag.ingestion.indexing import IngestReport, OnProgress
from rag.library import LibraryStatus
from rag.watching import Arrivals, Standing
from vectorstore.answers import TERMINAL, StoredAnswer
from vectorstore.ledger import News
from vectorstore.lock import ShouldStop, never_stop
from vectorstore.values import SHARED_LIBRARY, Article, Scope

HISTORY_TURNS = 5
"""How many earlier turns a question may refer to."""


class KeepsAnswers(Protocol):
    """The answers that were shown (`engine.answers`)."""

    async def save(self, answer: Answer, asked_by: str = TERMINAL, conversation: str = TERMINAL) -> None:
        """Store an answer that was shown; does nothing when the settings turn storage off."""
        ...

    async def conversation(self, conversation: str, limit: int = HISTORY_TURNS) -> list[Turn]:
        """The last turns of a conversation, oldest first: what `ask` takes as history."""
        ...

    async def find(self, answer_id: str) -> StoredAnswer | None:
        """A stored answer by its id or the beginning of it; rag.answer reads its record."""
        ...

    async def refused(
        self, since: datetime | None = None, conversation_prefix: str = "", limit: int = 10_000
    ) -> list[StoredAnswer]:
        """The last `limit` stored questions that were refused, newest first."""
        ...

    async def while_standing(self, answer: Answer) -> Answer:
        """An answer that was kept elsewhere, without a word of articles that were forgotten since it was given."""
        ...

    async def forget_asker(self, asked_by: str) -> int:
        """Delete every stored answer to this asker; returns how many."""
        ...


class KeepsArticles(Protocol):
    """What bot/ needs of the library (`engine.library`): article ids are unique within one library."""

    async def ingest(
        self,
        paths: Sequence[Path],
        library: str = SHARED_LIBRARY,
        prune: bool = False,
        progress: OnProgress | None = None,
        prune_most: bool = False,
    ) -> IngestReport:
        """Store every article under these files and folders; `prune` deletes those that are gone from them.

        More than half of the library is only deleted with `prune_most`.
        """
        ...

    async def add(
        self, name: str, content: bytes, library: str = SHARED_LIBRARY, url: str = "", stopped: ShouldStop = never_stop
    ) -> IngestReport:
        """Read and store a file (.txt, .md, .jsonl) that was uploaded or found at `url`. Raises ArticleError, StoreError.

        stopped: asked from time to time, from another thread; True ends the work with StoreStopped.
        """
        ...

    async def headlines(self, library: str = SHARED_LIBRARY) -> list[Headline]:
        """Every article of one library, newest first."""
        ...

    async def article(self, library: str, article_id: str) -> Article | None:
        """One stored article with its text, for showing a quote in its surroundings."""
        ...

    async def forget(self, library: str, article_id: str, stopped: ShouldStop = never_stop) -> bool:
        """Delete an article, its chunks and vectors; False when there was none."""
        ...

    async def status(self, libraries: Sequence[str] = (SHARED_LIBRARY,)) -> LibraryStatus:
        """Counts and dates of what is stored."""
        ...

    async def revision(self) -> str:
        """Another one whenever articles changed, came or went, in whatever process."""
        ...

    async def standing(self, citations: Sequence[Citation]) -> list[Standing]:
        """For each quote, what became of its article."""
        ...

    async def latest_arrival(self) -> float:
        """When the last article arrived, from whatever process (epoch seconds, each later than all before)."""
        ...

    async def arrivals(self, after: float) -> Arrivals:
        """What arrived later than that."""
        ...

    async def any_near(self, question: str, arrivals: Arrivals, libraries: Sequence[str]) -> bool:
        """True if something that arrived in these libraries may change the answer to a question."""
        ...

    async def digest(self, news: News) -> Digest:
        """What is new, by story, newest first."""
        ...


class AnswersQuestions(Protocol):
    """An engine with its library and stored answers. Every method is async; work that computes is done in a thread."""

    @property
    def library(self) -> KeepsArticles:
        """The articles it answers from."""
        ...

    @property
    def answers(self) -> KeepsAnswers:
        """The answers it gave."""
        ...

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        """One proven answer or refusal. Raises DatelineError."""
        ...

    def stream(
        self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None, use_model: bool = True
    ) -> AsyncIterator[StreamEvent]:
        """Draft text as a model writes it, then exactly one Answer, proven or refused. Raises DatelineError.

        use_model: False for quoted answers only, whatever model is configured.
        """
        ...
