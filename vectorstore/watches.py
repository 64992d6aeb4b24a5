"""Watched questions and the changes of their answers that are still to be told.

A change is stored in the transaction that replaces the answer said last, and deleted once it is told: killed anywhere,
none is forgotten.
"""

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, true, update
from sqlalchemy.engine import RowMapping

from vectorstore.database import transaction
from vectorstore.schema import watch_changes, watches
from vectorstore.standing import while_standing
from vectorstore.values import ArticleKey

NEVER = -1.0
"""`checked` of a watch that was not looked at yet: nothing arrives so early."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One watched question and who hears of it; server, channel and user are the chat service's, all 0 for the terminal.

    sources: the only outlets looked at, () for all. said: the answer given last as JSON, "" before the first, found at
    `said_at` (epoch seconds). checked: the arrival up to which articles were looked at, NEVER before the first time.
    asked: how often it was asked again on `day` (UTC).
    """

    id: str
    server: int
    channel: int
    user: int
    question: str
    sources: tuple[str, ...]
    made_at: float
    said: str = ""
    said_at: float = 0.0
    checked: float = NEVER
    day: str = ""
    asked: int = 0

    @property
    def is_new(self) -> bool:
        """True before it was looked at for the first time."""
        return self.checked == NEVER

    def is_due(self, latest: float) -> bool:
        """True if it was never looked at, or something arrived since."""
        return self.checked < latest or self.is_new

    def asked_on(self, day: str) -> int:
        """How often it was asked again on a day."""
        return self.asked if self.day == day else 0


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as JSON, and when it was found (epoch seconds)."""

    record: str
    at: float


NOTHING_SAID = Said("", 0.0)
NO_ARTICLES: frozenset[ArticleKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Restated:
    """What a watch says in other words: the answer said last, and those of its changes that are kept, each with its `before`."""

    said: Said
    kept: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class WatchChange:
    """That the answer to a watched question is another one now. `tried`: a try to tell it was begun before."""

    id: int
    watch: Watch
    before: Said
    after: Said
    tried: bool


class WatchStore:
    """The watches of one database. Every method is one short transaction and raises StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def add(self, watch: Watch, named: Set[ArticleKey] = NO_ARTICLES) -> None:
        """Store a watch; as one that said nothing yet where an article that its answer names was forgotten meanwhile."""
        with transaction(self.database) as connection:
            stored = while_standing(connection, watch, named, lambda _: replace(watch, said="", said_at=0.0))
            row = {column.name: getattr(stored, column.name) for column in watches.columns}
            connection.execute(insert(watches).values(row | {"sources": json.dumps(stored.sources)}))

    def of_server(self, server: int) -> list[Watch]:
        """A server's watches, oldest first."""
        return self.select(watches.c.server == server)

    def of_terminal(self) -> list[Watch]:
        """The terminal's watches, oldest first."""
        return self.select(watches.c.channel == 0)

    def of_channels(self) -> list[Watch]:
        """Every watch of a channel, those that wait longest first."""
        return sorted(self.select(watches.c.channel != 0), key=lambda watch: watch.checked)

    def find(self, watch_id: str) -> Watch | None:
        found = self.select(watches.c.id == watch_id)
        return found[0] if found else None

    def select(self, condition: ColumnElement[bool]) -> list[Watch]:
        query = select(watches).where(condition).order_by(watches.c.made_at, watches.c.id)
        with transaction(self.database) as connection:
            return [watch_from_row(row) for row in connection.execute(query).mappings()]

    def stop(self, watch_ids: Sequence[str]) -> int:
        """Delete watches and what is still to be told of them; returns how many there were."""
        with transaction(self.database) as connection:
            return delete_watches(connection, watches.c.id.in_(watch_ids))

    def stop_in(self, server: int) -> int:
        """Delete every watch of a server."""
        with transaction(self.database) as connection:
            return delete_watches(connection, watches.c.server == server)

    def note_checked(self, watch_id: str, checked: float) -> None:
        """Note up to which arrival nothing was near this question."""
        with transaction(self.database) as connection:
            connection.execute(update(watches).where(watches.c.id == watch_id).values(checked=checked))

    def note_failure(self, watch: Watch, day: str) -> None:
        """Count a try that failed; the watch stays due."""
        with transaction(self.database) as connection:
            count = {"day": day, "asked": watch.asked_on(day) + 1}
            connection.execute(update(watches).where(watches.c.id == watch.id).values(count))

    def note_answer(
        self,
        watch: Watch,
        said: Said,
        day: str,
        checked: float,
        is_change: bool,
        named: Set[ArticleKey] = NO_ARTICLES,
    ) -> bool:
        """Store the answer said last and, where it is a change, that it is to be told: both or neither.

        False, and nothing is stored, where the watch was stopped or answered by another process meanwhile, or an article
        that the answer names was forgotten.
        """
        same = (watches.c.id == watch.id) & (watches.c.said_at == watch.said_at)
        new = {"said": said.record, "said_at": said.at, "checked": checked}
        count = {"day": day, "asked": watch.asked_on(day) + 1}
        change = {"watch": watch.id, "before": watch.said, "before_at": watch.said_at, "tried": False}
        with transaction(self.database) as connection:
            if not while_standing(connection, True, named, lambda _: False):
                return False
            if not connection.execute(update(watches).where(same).values(new | count)).rowcount:
                return False
            if is_change:
                row = change | {"after": said.record, "after_at": said.at}
                connection.execute(insert(watch_changes).values(row))
        return True

    def everything(self) -> list[Watch]:
        """Every watch, oldest first."""
        return self.select(true())

    def restate(
        self, watch_id: str, restated: Callable[[Said, Sequence[tuple[int, Said, str]]], Restated | None]
    ) -> bool:
        """Put what `restated` makes of a watch in its place; it gets the answer said last and each change, oldest first: its
        id, its `before` and the record of its `after`. None changes nothing, and the result is False.

        In one transaction: who answers meanwhile is met before or comes to nothing, because `said_at` is another then.
        """
        own = watch_changes.c.watch == watch_id
        with transaction(self.database) as connection:
            # A change first, which makes others wait that would change it, too.
            connection.execute(update(watches).where(watches.c.id == watch_id).values(id=watch_id))
            row = connection.execute(select(watches.c.said, watches.c.said_at).where(watches.c.id == watch_id)).first()
            found = connection.execute(select(watch_changes).where(own).order_by(watch_changes.c.id)).all()
            if row is None:
                return False
            changes = [(change.id, Said(change.before, change.before_at), change.after) for change in found]
            new = restated(Said(row.said, row.said_at), changes)
            if new is None:
                return False
            values: dict[str, object] = {"said": new.said.record, "said_at": new.said.at}
            if not new.said.record:
                values["checked"] = NEVER
            connection.execute(update(watches).where(watches.c.id == watch_id).values(values))
            connection.execute(delete(watch_changes).where(own, watch_changes.c.id.not_in(list(new.kept))))
            for change_id, before in new.kept.items():
                connection.execute(update(watch_changes).where(watch_changes.c.id == change_id).values(before=before))
        return True

    def untold(self, terminal: bool) -> list[WatchChange]:
        """The changes still to be told, oldest first: the terminal's, or those of channels."""
        place = watches.c.channel == 0 if terminal else watches.c.channel != 0
        labelled = [column.label(f"change_{column.name}") for column in watch_changes.columns]
        query = select(*watches.columns, *labelled).join(watch_changes, watch_changes.c.watch == watches.c.id)
        with transaction(self.database) as connection:
            rows = connection.execute(query.where(place).order_by(watch_changes.c.id)).mappings().all()
        return [change_from_row(row) for row in rows]

    def join(self, changes: Sequence[WatchChange], is_change: bool) -> bool:
        """Make one watch's changes, oldest first, one that tells what the last does; none where that is no change.

        False, and nothing is done, where they are not what they were: an article that they quote was forgotten, for one.
        """
        ids = [change.id for change in changes]
        last = changes[-1].after
        with transaction(self.database) as connection:
            # A change first, which makes others wait that would change them, too.
            connection.execute(
                update(watches).where(watches.c.id == changes[0].watch.id).values(id=changes[0].watch.id)
            )
            query = select(watch_changes).where(watch_changes.c.id.in_(ids)).order_by(watch_changes.c.id)
            stored = [(row.id, row.before, row.after) for row in connection.execute(query)]
            if stored != [(change.id, change.before.record, change.after.record) for change in changes]:
                return False
            connection.execute(delete(watch_changes).where(watch_changes.c.id.in_(ids[1:] if is_change else ids)))
            values = {"after": last.record, "after_at": last.at, "tried": False}
            connection.execute(update(watch_changes).where(watch_changes.c.id == ids[0]).values(values))
        return True

    def note_try(self, change_id: int, came_through: bool = True) -> None:
        """Note that a change is about to be told, or that it certainly was not."""
        with transaction(self.database) as connection:
            connection.execute(update(watch_changes).where(watch_changes.c.id == change_id).values(tried=came_through))

    def note_told(self, change_id: int) -> None:
        """A change was told: it is no longer to be."""
        with transaction(self.database) as connection:
            connection.execute(delete(watch_changes).where(watch_changes.c.id == change_id))


def delete_watches(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Delete watches with their changes; returns how many."""
    gone = select(watches.c.id).where(condition)
    connection.execute(delete(watch_changes).where(watch_changes.c.watch.in_(gone)))
    return connection.execute(delete(watches).where(condition)).rowcount


def watch_from_row(row: RowMapping) -> Watch:
    """A row of `watches`, whose outlets are stored as JSON."""
    fields = {column.name: row[column.name] for column in watches.columns}
    return Watch(**fields | {"sources": tuple(json.loads(row["sources"]))})


def change_from_row(row: RowMapping) -> WatchChange:
    """A change with its watch."""
    before = Said(row["change_before"], row["change_before_at"])
    after = Said(row["change_after"], row["change_after_at"])
    return WatchChange(row["change_id"], watch_from_row(row), before, after, row["change_tried"])
