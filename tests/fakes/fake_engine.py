"""An engine for tests of the evaluation itself: it answers from a script, about articles held in memory.

Where the quality of real answers matters, tests use the real engine.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from rag.answer import Answer, Citation, Explanation, Refusal, Turn
from rag.ingestion.indexing import IngestReport, OnProgress
from rag.settings import Settings
from vectorstore.values import SHARED_LIBRARY, Article, Chunk, Hit, Scope


def article(identifier: str, text: str) -> Article:
    return Article(identifier, identifier.title(), text, source="The Lower Tesk Ledger")


def hit(of: Article) -> Hit:
    chunk = Chunk(
        f"{of.id}#0", of.id, of.library, 0, 0, len(of.text), of.text, of.title, of.source, of.url, of.published
    )
    return Hit(chunk, 1.0)


def quoting(question: str, of: Article, quote: str, probability: float = 0.9, shift: int = 0) -> Answer:
    """An answer that quotes an article; `shift` moves the offsets off the quote."""
    start = of.text.index(quote) + shift
    citation = Citation(1, of.id, of.title, of.source, of.url, of.published, quote, start, start + len(quote))
    return Answer(
        id=f"answer to {question}",
        question=question,
        standalone_question=question,
        text=f"{quote} [1]",
        citations=(citation,),
        refusal=None,
        as_of=of.published,
        hits=(hit(of),),
        timings_ms={"total": 12.5},
        explanation=Explanation(probability=probability, threshold=0.5),
    )


def refusing(question: str, hits: Sequence[Article] = (), probability: float = 0.1) -> Answer:
    return Answer(
        id=f"refusal of {question}",
        question=question,
        standalone_question=question,
        text="",
        citations=(),
        refusal=Refusal("no sentence answers"),
        as_of=None,
        hits=tuple(hit(one) for one in hits),
        timings_ms={"total": 8.0},
        explanation=Explanation(probability=probability, threshold=0.5),
    )


class FakeLibrary:
    def __init__(self, articles: Sequence[Article]) -> None:
        self.articles = {one.id: one for one in articles}

    async def ingest(
        self,
        paths: Sequence[Path],
        library: str = SHARED_LIBRARY,
        prune: bool = False,
        progress: OnProgress | None = None,
        prune_most: bool = False,
    ) -> IngestReport:
        return IngestReport()

    async def article(self, library: str, article_id: str) -> Article | None:
        return self.articles.get(article_id)


class FakeEngine:
    """Answers from a script by question; an exception in the script is raised. `asked` are the questions so far."""

    def __init__(self, script: Mapping[str, Answer | Exception], articles: Sequence[Article] = ()) -> None:
        self.script = script
        self.library = FakeLibrary(articles)
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def ask(self, question: str, history: Sequence[Turn] = (), scope: Scope | None = None) -> Answer:
        self.asked.append(question)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        # Later questions are answered sooner, so that answers arrive out of order when asked together.
        await asyncio.sleep(0.02 / len(self.asked))
        self.at_once -= 1
        answer = self.script[question]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def open(self, settings: Settings) -> AsyncIterator["FakeEngine"]:
        """In the place of rag.factory.open_engine."""
        yield self
