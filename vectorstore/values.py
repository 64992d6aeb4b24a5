"""The values that the library stores and finds: Article, Chunk, Scope, Hit. Plain, frozen, of no other library."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Literal, TypeAlias

SHARED_LIBRARY = "shared"
FIRST_COLLECTION = "chunks"
"""The name of a library's vectors until they are rebuilt for the first time."""

Span = tuple[int, int]
"""Half-open character range [start, end) into an article's stored text."""

ArticleKey: TypeAlias = tuple[str, str]
"""What tells an article from all others: its library and its id there."""

Origin: TypeAlias = Literal["given", "page metadata", "feed", "guessed"]
"""Where a field of an article came from: the file's own field, what a page says of itself, a feed, or a guess."""
GIVEN: Origin = "given"
PAGE_METADATA: Origin = "page metadata"
FEED: Origin = "feed"
GUESSED: Origin = "guessed"
ALL_ORIGINS = frozenset((GIVEN, PAGE_METADATA, FEED, GUESSED))


@dataclass(frozen=True, slots=True)
class Article:
    """One news article as stored. `text` is never changed after ingestion: every offset counts in it.

    updated: when it was last changed, where that is known. origins: where each field that is set came from, by its name;
    empty for articles that were stored before it was noted.
    """

    id: str
    title: str
    text: str
    library: str = SHARED_LIBRARY
    source: str = ""
    url: str = ""
    published: datetime | None = None
    language: str = ""
    title_derived: bool = False
    author: str = ""
    updated: datetime | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def published_guessed(self) -> bool:
        """True where nothing but a guess says when it was published: never to be shown as certain."""
        return self.published is not None and self.origins.get("published") == GUESSED

    @property
    def digest(self) -> str:
        """SHA-256 over every field but where it came from: two articles with one digest are the same article."""
        published: float | str | None = self.published.timestamp() if self.published else None
        if self.published and self.published.utcoffset():
            # Digests of articles in UTC stay what they were before zones were kept.
            published = self.published.isoformat()
        fields = [self.library, self.id, self.title, self.title_derived, self.source, self.url, published]
        return hashlib.sha256(json.dumps([*fields, self.language, self.text, *self.later_fields]).encode()).hexdigest()

    @property
    def later_fields(self) -> list[object]:
        """What articles got after digests were stored; nothing for one without, so that its digest stays."""
        updated = self.updated.isoformat() if self.updated else ""
        fields: list[object] = [self.author, updated, self.published_guessed]
        return fields if any(fields) else []


def calendar_seconds(moment: datetime) -> float:
    """What the clock of the moment's own zone shows, as epoch seconds of the same reading in UTC.

    Filters by date compare these: an article of 9 June, 23:30-05:00, is one of 9 June to whoever asks.
    """
    return moment.replace(tzinfo=UTC).timestamp()


def is_day_alone(moment: datetime) -> bool:
    """True for midnight UTC, which is how a date without a time is stored."""
    return moment.time() == time() and not moment.utcoffset()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of an article: `article.text[start:end] == text`. Carries all that a citation needs."""

    id: str
    article_id: str
    library: str
    position: int
    start: int
    end: int
    text: str
    title: str
    source: str
    url: str
    published: datetime | None
    title_derived: bool = False
    sentences: tuple[Span, ...] = ()
    published_guessed: bool = False
    updated: datetime | None = None

    @property
    def recency(self) -> float:
        """What sorting by date compares: epoch seconds of the publication, -inf without a date and where it is a guess."""
        return self.published.timestamp() if self.published and not self.published_guessed else -math.inf

    @property
    def published_day(self) -> date | None:
        """The day of publication, None where it is not known or guessed: a guess proves no date."""
        return self.published.date() if self.published and not self.published_guessed else None

    def sentence_text(self, sentence: Span) -> str:
        """The words of one of `sentences`, whose offsets count in the article."""
        return self.text[sentence[0] - self.start : sentence[1] - self.start]

    def spans_within(self) -> tuple[Span, ...]:
        """`sentences` as offsets in this chunk's own text."""
        return tuple((start - self.start, end - self.start) for start, end in self.sentences)


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be searched, and when the question was asked.

    An article is in scope when since <= published < until; with either bound set, an article without a date is not.
    Empty `sources` means all of them.
    """

    libraries: tuple[str, ...] = (SHARED_LIBRARY,)
    since: datetime | None = None
    until: datetime | None = None
    sources: tuple[str, ...] = ()
    asked_at: datetime | None = None

    @property
    def narrowed(self) -> bool:
        """Whether dates or outlets leave something of the libraries out."""
        return self.since is not None or self.until is not None or bool(self.sources)


@dataclass(frozen=True, slots=True)
class Selection:
    """The chunks in a scope: `count` of `total`. Their ids are made when they are needed."""

    count: int
    total: int
    ids: Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a question, and how: ranks start at 1, None where that search did not find it.

    score: fused reciprocal rank, higher is better. similarity: cosine in [-1, 1]. lexical_score: BM25, unbounded.
    sentence_similarities: one cosine for each of chunk.sentences.
    copies: the same passage in other articles (syndication), collapsed into this hit.
    """

    chunk: Chunk
    score: float
    similarity: float = 0.0
    dense_rank: int | None = None
    lexical_score: float = 0.0
    lexical_rank: int | None = None
    sentence_similarities: tuple[float, ...] = ()
    copies: tuple[Chunk, ...] = field(default=())
