"""The library of articles: ingest, list, forget, rebuild. The ledger is the truth, Chroma and BM25 are made from it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ArticleProblem:
    """An article that could not be read: where (file, or file:line) and why, in one sentence."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did. `problems` are articles that could not be read; everything else is stored."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    problems: tuple[ArticleProblem, ...] = ()
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """What is stored in the libraries asked about. `unfinished`: articles whose chunks are still to be made."""

    articles: int
    chunks: int
    unfinished: int
    oldest: datetime | None
    newest: datetime | None
    sources: tuple[tuple[str, int], ...]
    embedder: str
