"""Sources that are followed, and what each of them named: the memory that makes a read go on where the last one ended.

An entry is noted as stored only after its article is whole, and keeps what its source said of it until then: killed
anywhere, the next read does again what was not noted, and storing an article twice changes nothing.
"""

import secrets
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, delete, func, insert, or_, select, update

from vectorstore.database import put_all, transaction
from vectorstore.schema import address_digest, followed, followed_entries, forgotten_addresses
from vectorstore.values import SHARED_LIBRARY

SourceKind = Literal["feed", "sitemap", "page", "folder"]
WAITING, STORED, COPY, SKIPPED, WITHDRAWN, FORGOTTEN = (
    "waiting",
    "stored",
    "copy",
    "skipped",
    "withdrawn",
    "forgotten",
)
"""What became of an entry. copy: its text is stored under another address. forgotten: somebody deleted its article here."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where articles are fetched from. Times are epoch seconds, 0 for never; `every` is in seconds.

    failures: how many reads in a row failed, the last of them with `last_error`. stopped: its server says that it is gone.
    """

    id: str
    address: str
    kind: SourceKind
    title: str
    every: float
    added_at: float
    library: str = SHARED_LIBRARY
    etag: str = ""
    last_modified: str = ""
    moved_from: str = ""
    next_try: float = 0.0
    failures: int = 0
    last_success: float = 0.0
    last_error: str = ""
    stopped: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return self.title or self.address


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """What a source says of one article now: `content` is the entry as JSON, `fingerprint` that of what it says.

    withdrawn: that it was taken back, which matters only where it is known.
    """

    key: str
    address: str
    fingerprint: str
    content: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class FollowedEntry:
    """One entry as it is known. content: "" once that is stored. found_at: its page's
    address in the end, without tracking. next_check: None where nothing is to be looked at."""

    source: str
    key: str
    library: str
    address: str
    status: str
    first_seen: float
    next_check: float | None
    fingerprint: str = ""
    content: str = ""
    reason: str = ""
    article_id: str = ""
    found_at: str = ""
    text_digest: str = ""
    etag: str = ""
    last_modified: str = ""
    failures: int = 0
    gone_since: float | None = None


@dataclass(frozen=True, slots=True)
class EntryCounts:
    """How many entries of a source are in which state. stored: distinct articles.

    reasons: why the newest of those that are not stored are not, each (status, address, reason).
    """

    stored: int = 0
    waiting: int = 0
    withdrawn: int = 0
    skipped: int = 0
    reasons: tuple[tuple[str, str, str], ...] = field(default=())


ENTRY = followed_entries.c
MAX_REASONS = 20
IDS_AT_ONCE = 1_000
"""Ids in one statement, which names them three times."""
MAX_WAITING_ENTRIES = 5_000
"""Entries of one source that are kept until they are read: one that makes them up without end would fill the disk."""


def new_source_id() -> str:
    """Short enough to be typed."""
    return secrets.token_hex(4)


class FollowedStore:
    """The sources of one database. Every method is one short transaction and raises StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def add(self, source: Source) -> None:
        with transaction(self.database) as connection:
            connection.execute(insert(followed).values(asdict(source)))

    def sources(self, library: str | None = None) -> list[Source]:
        """Every source, oldest first, or those of one library."""
        query = select(followed).order_by(followed.c.added_at, followed.c.id)
        if library is not None:
            query = query.where(followed.c.library == library)
        with transaction(self.database) as connection:
            return [Source(**row) for row in connection.execute(query).mappings()]

    def due(self, now: float) -> list[Source]:
        """The sources that are to be read now, or that have entries to look at; those that wait longest first."""
        entries = select(ENTRY.source).where(ENTRY.next_check <= now)
        query = select(followed).where(
            or_(and_(followed.c.next_try <= now, followed.c.stopped.is_(False)), followed.c.id.in_(entries))
        )
        with transaction(self.database) as connection:
            rows = connection.execute(query.order_by(followed.c.next_try, followed.c.id)).mappings()
            return [Source(**row) for row in rows]

    def make_due(self, now: float) -> None:
        """Let everything that is to be read some time be read now; what was given up stays so."""
        with transaction(self.database) as connection:
            connection.execute(update(followed).where(followed.c.stopped.is_(False)).values(next_try=now))
            connection.execute(update(followed_entries).where(ENTRY.next_check.is_not(None)).values(next_check=now))

    def bring_forward(self, source_ids: Sequence[str], now: float) -> None:
        """Let these sources be read now, and the entries that were first seen later than now be looked at."""
        later = ENTRY.first_seen > now
        with transaction(self.database) as connection:
            if source_ids:
                connection.execute(update(followed).where(followed.c.id.in_(source_ids)).values(next_try=now))
            if connection.execute(select(ENTRY.key).where(later).limit(1)).first() is None:
                return
            due = case((ENTRY.next_check.is_not(None), now), else_=None)
            connection.execute(
                update(followed_entries).where(later).values(first_seen=now, next_check=due, gone_since=None)
            )

    def next_due(self) -> float | None:
        """When something is to be looked at next; None where nothing is followed."""
        sources = select(func.min(followed.c.next_try)).where(followed.c.stopped.is_(False))
        with transaction(self.database) as connection:
            found = [
                connection.execute(sources).scalar(),
                connection.execute(select(func.min(ENTRY.next_check))).scalar(),
            ]
        return min((moment for moment in found if moment is not None), default=None)

    def update(self, source: Source) -> None:
        """Store what is known of a source now; nothing where it was removed meanwhile."""
        with transaction(self.database) as connection:
            connection.execute(update(followed).where(followed.c.id == source.id).values(asdict(source)))

    def remove(self, source_id: str) -> bool:
        """No longer follow a source; its articles stay. False where there is none.

        Where another source knows an article of it under another address, that one is looked at from now on.
        """
        with transaction(self.database) as connection:
            own = select(ENTRY.article_id).where(ENTRY.source == source_id, ENTRY.status == STORED)
            copies = (ENTRY.status == COPY, ENTRY.source != source_id, ENTRY.article_id.in_(own.scalar_subquery()))
            connection.execute(update(followed_entries).where(*copies).values(status=STORED, next_check=0.0))
            connection.execute(delete(followed_entries).where(ENTRY.source == source_id))
            return bool(connection.execute(delete(followed).where(followed.c.id == source_id)).rowcount)

    def note_list(self, source: Source, entries: Sequence[ListedEntry], now: float) -> int:
        """Store a source that was read together with what it lists: new entries, and those of which it says something new.

        Both or neither: a validator that was stored alone would hide the entries for ever. Returns how many new entries
        were left out because too many wait; then no validator is stored, so that they are listed again.
        """
        left_out = 0
        added: list[dict[str, object]] = []
        with transaction(self.database) as connection:
            # Those that were looked at keep what their source said, and must not stand in the way of new ones.
            waiting = select(func.count()).where(ENTRY.source == source.id, ENTRY.status == WAITING)
            room = MAX_WAITING_ENTRIES - connection.execute(waiting).scalar_one()
            query = select(ENTRY.key, ENTRY.fingerprint, ENTRY.status).where(ENTRY.source == source.id)
            known = {row.key: row for row in connection.execute(query)}
            new_addresses = {entry.address for entry in entries if entry.key not in known}
            forgotten = forgotten_among(connection, source.library, new_addresses)
            for entry in entries:
                before = known.get(entry.key)
                said = {"address": entry.address, "fingerprint": entry.fingerprint, "content": entry.content}
                if before is None and entry.address in forgotten:
                    gone = FollowedEntry(source.id, entry.key, source.library, entry.address, FORGOTTEN, now, None)
                    added.append(asdict(gone) | {"fingerprint": entry.fingerprint})
                elif before is None and not entry.withdrawn and room <= 0:
                    left_out += 1
                elif before is None and not entry.withdrawn:
                    room -= 1
                    new = FollowedEntry(source.id, entry.key, source.library, entry.address, WAITING, now, now)
                    added.append(asdict(new) | said)
                elif before is not None and before.fingerprint != entry.fingerprint and before.status != FORGOTTEN:
                    status = WAITING if before.status == SKIPPED else before.status
                    if not entry.address:
                        del said["address"]
                    changed = said | {"status": status, "next_check": now, "failures": 0}
                    here = (ENTRY.source == source.id, ENTRY.key == entry.key)
                    connection.execute(update(followed_entries).where(*here).values(changed))
            if added:
                connection.execute(insert(followed_entries), added)
            noted = replace(source, etag="", last_modified="") if left_out else source
            connection.execute(update(followed).where(followed.c.id == source.id).values(asdict(noted)))
        return left_out

    def due_entries(self, source_id: str, now: float, limit: int) -> list[FollowedEntry]:
        """What is to be looked at of a source: copies after what they may be copies of, short addresses first.

        Pages for telephones and printers have longer addresses than the page itself.
        """
        query = select(followed_entries).where(ENTRY.source == source_id, ENTRY.next_check <= now)
        order = (case((ENTRY.status == COPY, 1), else_=0), ENTRY.next_check, func.length(ENTRY.address), ENTRY.key)
        with transaction(self.database) as connection:
            rows = connection.execute(query.order_by(*order).limit(limit)).mappings()
            return [FollowedEntry(**row) for row in rows]

    def entry(self, source_id: str, key: str) -> FollowedEntry | None:
        """What is known of one entry."""
        query = select(followed_entries).where(ENTRY.source == source_id, ENTRY.key == key)
        with transaction(self.database) as connection:
            row = connection.execute(query).mappings().first()
        return FollowedEntry(**row) if row else None

    def note(self, entries: Sequence[FollowedEntry]) -> None:
        """Store what became of entries, all of them or none; nothing of those whose source or article is gone meanwhile."""
        with transaction(self.database) as connection:
            for entry in entries:
                here = (ENTRY.source == entry.source, ENTRY.key == entry.key, ENTRY.status != FORGOTTEN)
                connection.execute(update(followed_entries).where(*here).values(asdict(entry)))

    def remember(self, entry: FollowedEntry) -> None:
        """Let an entry be stored again whose article was forgotten: somebody asks for it."""
        here = (ENTRY.source == entry.source, ENTRY.key == entry.key)
        with transaction(self.database) as connection:
            connection.execute(update(followed_entries).where(*here).values(asdict(entry)))

    def let_back(self, entries: Sequence[FollowedEntry]) -> None:
        """Let the articles of these entries be stored again, under every address by which they are known."""
        with transaction(self.database) as connection:
            for entry in entries:
                known = [address_digest(address) for address in addresses_of(entry)]
                own = (forgotten_addresses.c.library == entry.library, forgotten_addresses.c.address_digest.in_(known))
                connection.execute(delete(forgotten_addresses).where(*own))

    def forgotten_ids(self, entries: Sequence[FollowedEntry]) -> set[str]:
        """The ids of those articles of these entries that are forgotten by now."""
        present = ((entry, self.entry(entry.source, entry.key)) for entry in entries)
        gone = {entry.article_id for entry, now in present if now is not None and now.status == FORGOTTEN}
        for library in {entry.library for entry in entries}:
            own = [entry for entry in entries if entry.library == library]
            addresses = {address for entry in own for address in addresses_of(entry)}
            with transaction(self.database) as connection:
                forgotten = forgotten_among(connection, library, addresses)
            gone |= {entry.article_id for entry in own if not forgotten.isdisjoint(addresses_of(entry))}
        return gone

    def forget(self, library: str, article_ids: Sequence[str]) -> None:
        """Delete what sources said of these articles, and note that they are not to be stored again."""
        with transaction(self.database) as connection:
            for start in range(0, len(article_ids), IDS_AT_ONCE):
                batch = article_ids[start : start + IDS_AT_ONCE]
                of_them = or_(ENTRY.article_id.in_(batch), ENTRY.address.in_(batch), ENTRY.found_at.in_(batch))
                query = select(ENTRY.address, ENTRY.found_at).where(ENTRY.library == library, of_them)
                addresses = {address for row in connection.execute(query) for address in row if address}
                addresses |= {article_id for article_id in batch if article_id.startswith(("http://", "https://"))}
                digests = sorted(map(address_digest, addresses))
                put_all(
                    connection,
                    forgotten_addresses,
                    [{"library": library, "address_digest": digest} for digest in digests],
                )
                gone = {"status": FORGOTTEN, "content": "", "reason": "", "text_digest": "", "next_check": None}
                connection.execute(update(followed_entries).where(ENTRY.library == library, of_them).values(gone))

    def of_article(self, library: str, article_id: str) -> list[FollowedEntry]:
        """The entries whose article this is, under whatever address."""
        return self.select(ENTRY.article_id == article_id, library)

    def of_text(self, library: str, text_digest: str) -> list[FollowedEntry]:
        """The stored entries whose pages had this text."""
        return self.select((ENTRY.text_digest == text_digest) & (ENTRY.status == STORED), library)

    def select(self, condition: ColumnElement[bool], library: str) -> list[FollowedEntry]:
        query = select(followed_entries).where(ENTRY.library == library, condition)
        with transaction(self.database) as connection:
            rows = connection.execute(query.order_by(ENTRY.first_seen, ENTRY.key)).mappings()
            return [FollowedEntry(**row) for row in rows]

    def counts(self, source_id: str) -> EntryCounts:
        """How many entries of a source are in which state, and why the last ones are not stored."""
        by_status = select(ENTRY.status, func.count()).where(ENTRY.source == source_id).group_by(ENTRY.status)
        own = (ENTRY.source == source_id, ENTRY.status == STORED)
        distinct = select(func.count(func.distinct(ENTRY.article_id))).where(*own)
        unread = (ENTRY.source == source_id, ENTRY.status.in_((WAITING, SKIPPED)), ENTRY.reason != "")
        why = (
            select(ENTRY.status, ENTRY.address, ENTRY.reason)
            .where(*unread)
            .order_by(ENTRY.first_seen.desc(), ENTRY.key)
        )
        with transaction(self.database) as connection:
            count: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_status)}
            stored = connection.execute(distinct).scalar_one()
            rows = connection.execute(why.limit(MAX_REASONS)).all()
        reasons = tuple((row.status, row.address, row.reason) for row in rows)
        return EntryCounts(stored, count.get(WAITING, 0), count.get(WITHDRAWN, 0), count.get(SKIPPED, 0), reasons)


def addresses_of(entry: FollowedEntry) -> set[str]:
    """Every address by which an entry or its article is known; the id of an article that no web page holds is one, too."""
    return {entry.address, entry.found_at, entry.article_id} - {""}


def forgotten_among(connection: Connection, library: str, addresses: Set[str]) -> set[str]:
    """Those of these addresses at which an article stood that was deleted from a library."""
    of_digest = {address_digest(address): address for address in addresses if address}
    digests, found = sorted(of_digest), set[str]()
    for start in range(0, len(digests), IDS_AT_ONCE):
        query = select(forgotten_addresses.c.address_digest).where(
            forgotten_addresses.c.library == library,
            forgotten_addresses.c.address_digest.in_(digests[start : start + IDS_AT_ONCE]),
        )
        found |= {of_digest[digest] for digest in connection.execute(query).scalars()}
    return found


def with_content_done(entry: FollowedEntry, status: str, reason: str = "") -> FollowedEntry:
    """An entry that has come to an end for now."""
    return replace(entry, status=status, reason=reason, content="", failures=0, gone_since=None)
