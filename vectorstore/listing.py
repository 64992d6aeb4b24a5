"""What is stored, article by article, as somebody who looks after a library sees it. Never the texts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, cast

from sqlalchemy import ColumnElement, Engine, Label, Row, and_, case, func, or_, select

from vectorstore.database import transaction
from vectorstore.ledger import CALENDAR_SECONDS, GUESSED_DAY, article_of
from vectorstore.schema import articles, followed_entries
from vectorstore.values import SHARED_LIBRARY, Article, ArticleKey, calendar_seconds

ArticleState: TypeAlias = Literal["ready", "unfinished", "withdrawn"]


@dataclass(frozen=True, slots=True)
class ArticleFilter:
    """Which articles of one library are meant: everything that is set must hold.

    since <= published < until, each a reading of the calendar, as in Scope. before: older than that moment, see `aged_before`.
    origin: what it was read from, or a folder above it. words: each stands in the title or the text.
    """

    library: str = SHARED_LIBRARY
    ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: datetime | None = None
    undated: bool = False
    withdrawn: bool = False
    origin: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedArticle:
    """One article, its text left out: what it was read from, how long it is, when it came and went.

    last_error: why its page could not be read again, where it is followed and that failed.
    """

    article: Article
    origin: str
    characters: int
    arrived: datetime | None
    withdrawn: datetime | None
    finished: bool
    last_error: str = ""

    @property
    def state(self) -> ArticleState:
        """Whether answers may quote it."""
        if self.withdrawn:
            return "withdrawn"
        return "ready" if self.finished else "unfinished"


class Listing:
    """Reads one database. Every method is one short transaction and raises StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def find(self, wanted: ArticleFilter) -> list[ListedArticle]:
        """These articles, newest first, undated ones last."""
        columns: list[ColumnElement[Any]] = [column for column in articles.columns if column.name != "text"]
        columns += [func.length(articles.c.text).label("characters"), last_error()]
        query = select(*columns).where(*conditions(wanted))
        query = query.order_by(articles.c.published.desc().nulls_last(), articles.c.id)
        with transaction(self.database) as connection:
            return [
                ListedArticle(
                    article_of(cast("Row[tuple[object, ...]]", row)),
                    row.origin,
                    row.characters,
                    utc_moment(row.arrived),
                    utc_moment(row.withdrawn),
                    row.indexed is not None,
                    row.last_error or "",
                )
                for row in connection.execute(query)
            ]

    def older_than(self, before: datetime) -> list[ArticleKey]:
        """The articles of every library that are older than that."""
        query = select(articles.c.library, articles.c.id).where(aged_before(before))
        with transaction(self.database) as connection:
            return [(row.library, row.id) for row in connection.execute(query.order_by(*articles.primary_key))]


def aged_before(before: datetime) -> ColumnElement[bool]:
    """True of articles that are older than that.

    Age counts from the publication, or from the arrival where no publication is known: a guess deletes nothing. What arrived
    before arrivals were noted, and has no date, has no age.
    """
    known = and_(articles.c.published.is_not(None), articles.c.origins.not_like(GUESSED_DAY))
    since = case((known, articles.c.published), (articles.c.arrived > 0, articles.c.arrived), else_=None)
    return since < before.timestamp()


def conditions(wanted: ArticleFilter) -> list[ColumnElement[bool]]:
    """A filter in SQL."""
    article = articles.c
    given: list[ColumnElement[bool]] = [article.library == wanted.library]
    if wanted.ids:
        given.append(article.id.in_(wanted.ids))
    if wanted.sources:
        given.append(article.source.in_(wanted.sources))
    if wanted.since:
        given.append(calendar_seconds(wanted.since) <= CALENDAR_SECONDS)
    if wanted.until:
        given.append(calendar_seconds(wanted.until) > CALENDAR_SECONDS)
    if wanted.before:
        given.append(aged_before(wanted.before))
    if wanted.undated:
        given.append(article.published.is_(None))
    if wanted.withdrawn:
        given.append(article.withdrawn.is_not(None))
    if wanted.origin:
        below = wanted.origin.rstrip("/") + "/"
        given.append(or_(article.origin == wanted.origin, article.origin.startswith(below, autoescape=True)))
    given += [
        or_(article.title.icontains(word, autoescape=True), article.text.icontains(word, autoescape=True))
        for word in wanted.words
    ]
    return given


def last_error() -> Label[str]:
    """Why the page of an article could not be read again, the last to have failed of those where it stands."""
    entry = followed_entries.c
    of_article = (entry.library == articles.c.library, entry.article_id == articles.c.id, entry.reason != "")
    return select(func.max(entry.reason)).where(*of_article).correlate(articles).scalar_subquery().label("last_error")


def utc_moment(epoch: float | None) -> datetime | None:
    """Epoch seconds in UTC; None for what was never noted."""
    return datetime.fromtimestamp(epoch, UTC) if epoch else None
