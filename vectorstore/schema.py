"""The tables of the ledger and of the bot's state, and the versioned steps that bring an older database up to date."""

import hashlib
from collections.abc import Callable, Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    inspect,
    select,
    text,
)

from vectorstore.columns import BigWhole, Seconds, Whole, zone_offset
from vectorstore.errors import StoreMismatch

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

# Facts about the library as a whole: which embedding model filled it, its revision.
facts = Table("facts", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))

# `indexed` holds the digest and index settings under which the article's chunks were stored; anything else than the
# article's present ones means that its chunks are still to be made. `published` is epoch seconds, `published_offset` the
# seconds by which the article's own zone is ahead of UTC: days are shown in that zone. NULL is UTC.
# `origin` is the file or corpus it was read from (what `--prune` looks at). `story` names the first article that
# carried this text: syndicated copies share it. `origins` says where each field came from, as JSON, "" where that was not
# noted; `updated` and its offset are as `published`. `arrived` orders articles by when they could first be quoted as they are:
# epoch seconds, each ingest's later than all before; 0 for those that were there before it was noted. `withdrawn` is when
# its publisher was found to have taken it back (epoch seconds), NULL while it stands.
articles = Table(
    "articles",
    metadata,
    Column("library", String(64), nullable=False),
    Column("id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("title_derived", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("published", Seconds()),
    Column("published_offset", zone_offset()),
    Column("language", String(35), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("origin", Text, nullable=False),
    Column("story", Text, nullable=False),
    Column("indexed", Text),
    Column("arrived", Seconds()),
    Column("author", Text, nullable=False, server_default=""),
    Column("updated", Seconds()),
    Column("updated_offset", zone_offset()),
    Column("origins", Text, nullable=False, server_default=""),
    Column("withdrawn", Seconds()),
    PrimaryKeyConstraint("library", "id"),
    Index("articles_by_origin", "library", "origin"),
    Index("articles_by_arrival", "arrived"),
)

# What an article said before it was changed, the oldest first by `number`; `replaced_at` is epoch seconds.
article_versions = Table(
    "article_versions",
    metadata,
    Column("library", String(64), nullable=False),
    Column("article_id", Text, nullable=False),
    Column("number", Whole(), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("replaced_at", Seconds(), nullable=False),
    PrimaryKeyConstraint("library", "article_id", "number"),
)

# One row for each MinHash band of an article: articles that share a band are candidates for being copies.
story_bands = Table(
    "story_bands",
    metadata,
    Column("band", String(40), nullable=False),
    Column("library", String(64), nullable=False),
    Column("article_id", Text, nullable=False),
    PrimaryKeyConstraint("band", "library", "article_id"),
    Index("story_bands_by_article", "library", "article_id"),
)


# `sentences` is int32 [n, 2] offsets into the article's text; `sentence_vectors` float16 [n, dimension], unit length.
def chunk_table(name: str) -> Table:
    """A table of chunks; there is a second one while a library is rebuilt."""
    return Table(
        name,
        metadata,
        Column("id", Text, primary_key=True),
        Column("library", String(64), nullable=False),
        Column("article_id", Text, nullable=False),
        Column("position", Whole(), nullable=False),
        Column("start", Whole(), nullable=False),
        Column("end", Whole(), nullable=False),
        Column("sentences", LargeBinary, nullable=False),
        Column("sentence_vectors", LargeBinary, nullable=False),
        Index(f"{name}_by_article", "library", "article_id"),
    )


chunks = chunk_table("chunks")

# What a rebuild has made so far (vectorstore/staging.py): the chunks, and of which articles, by the digest they had.
staged_chunks = chunk_table("staged_chunks")
staged_articles = Table(
    "staged_articles",
    metadata,
    Column("library", String(64), nullable=False),
    Column("article_id", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    PrimaryKeyConstraint("library", "article_id"),
)

# One row for each question answered: `record` is the whole answer as JSON (vectorstore/answers.py).
# `asked_by` and `conversation` are opaque keys of the front end ("discord:<user id>"), "" for the terminal.
answers = Table(
    "answers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("answered_at", Seconds(), nullable=False),
    Column("question", Text, nullable=False),
    Column("standalone_question", Text, nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("answers_by_time", "answered_at"),
    Index("answers_by_conversation", "conversation", "answered_at"),
    Index("answers_by_asker", "asked_by"),
)

# The bot's own state (vectorstore/bot_state.py). Servers, channels, messages and users are the chat service's numbers;
# `server` is 0 for a private conversation.
server_settings = Table(
    "server_settings",
    metadata,
    Column("server", BigInteger, primary_key=True, autoincrement=False),
    Column("channels", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("model", Boolean, nullable=False),
    Column("daily_budget", Whole()),
    Column("auto_thread", Boolean, nullable=False),
    Column("shared_library", Boolean, nullable=False),
    Column("digest_channel", BigWhole(), nullable=False, server_default="0"),
)

# One vote for each user and answer; a later one replaces it.
votes = Table(
    "votes",
    metadata,
    Column("answer_id", String(32), nullable=False),
    Column("user", BigWhole(), nullable=False),
    Column("server", BigWhole(), nullable=False),
    Column("useful", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("voted_at", Seconds(), nullable=False),
    PrimaryKeyConstraint("answer_id", "user"),
    Index("votes_by_user", "user"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("server", BigWhole(), nullable=False),
    Column("user", BigWhole(), nullable=False),
    Column("happened_at", Seconds(), nullable=False),
    Column("action", String(64), nullable=False),
    Column("details", Text, nullable=False),
    Index("audit_log_by_server", "server", "happened_at"),
)

# How many questions each server asked on each day (UTC).
daily_questions = Table(
    "daily_questions",
    metadata,
    Column("server", BigWhole(), nullable=False),
    Column("day", String(10), nullable=False),
    Column("questions", Whole(), nullable=False),
    PrimaryKeyConstraint("server", "day"),
)

# Which message shows which answer, and which answer that one followed: the memory of a chain of replies.
shown_answers = Table(
    "shown_answers",
    metadata,
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", BigWhole(), nullable=False),
    Column("server", BigWhole(), nullable=False),
    Column("user", BigWhole(), nullable=False),
    Column("answer_id", String(32), nullable=False),
    Column("follows", String(32), nullable=False),
    Column("shown_at", Seconds(), nullable=False),
    Index("shown_answers_by_answer", "answer_id"),
    Index("shown_answers_by_user", "user"),
    Index("shown_answers_by_time", "shown_at"),
)

# Questions that somebody wants to hear of again (vectorstore/watches.py). `channel` is 0 for those of the terminal.
# `said` is the answer given last as JSON, "" before the first, found at `said_at`; `checked` is the arrival up to which
# articles were looked at, NEVER before the first time. `asked` counts how often it was asked again on `day` (UTC).
watches = Table(
    "watches",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("server", BigWhole(), nullable=False),
    Column("channel", BigWhole(), nullable=False),
    Column("user", BigWhole(), nullable=False),
    Column("question", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("made_at", Seconds(), nullable=False),
    Column("said", Text, nullable=False),
    Column("said_at", Seconds(), nullable=False),
    Column("checked", Seconds(), nullable=False),
    Column("day", String(10), nullable=False),
    Column("asked", Whole(), nullable=False),
    Index("watches_by_server", "server"),
    Index("watches_by_user", "user"),
)

# Changed answers that are still to be told, in the order of `id`; a row goes when its message is sent. `tried` is set
# before the first try, which may have come through although nobody noted it.
watch_changes = Table(
    "watch_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("watch", String(32), nullable=False),
    Column("before", Text, nullable=False),
    Column("before_at", Seconds(), nullable=False),
    Column("after", Text, nullable=False),
    Column("after_at", Seconds(), nullable=False),
    Column("tried", Boolean, nullable=False),
    Index("watch_changes_by_watch", "watch"),
    # An id that was told must not come again: it is what keeps a message from being sent twice.
    sqlite_autoincrement=True,
)

# Where articles are fetched from (vectorstore/followed.py). Times are epoch seconds, 0 for never; `every` is the seconds
# between two reads, `failures` how many in a row failed. `moved_from` is the address that was followed before it moved.
followed = Table(
    "followed",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("library", String(64), nullable=False),
    Column("address", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("every", Seconds(), nullable=False),
    Column("added_at", Seconds(), nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("moved_from", Text, nullable=False),
    Column("next_try", Seconds(), nullable=False),
    Column("failures", Whole(), nullable=False),
    Column("last_success", Seconds(), nullable=False),
    Column("last_error", Text, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Index("followed_by_address", "library", "address"),
)

# What each source named, by its own key. `content` is the entry as JSON while it is still to be stored, "" afterwards: a feed
# forgets an entry long before it may be fetched. `fingerprint` tells whether the source says something else of it now;
# `text_digest` is that of the text that its page had, `found_at` where the page was found in the end. `gone_since`: when it
# was first found to be gone, NULL if not.
followed_entries = Table(
    "followed_entries",
    metadata,
    Column("source", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("library", String(64), nullable=False),
    Column("address", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("article_id", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("found_at", Text, nullable=False),
    Column("text_digest", String(64), nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("first_seen", Seconds(), nullable=False),
    Column("next_check", Seconds()),
    Column("failures", Whole(), nullable=False),
    Column("gone_since", Seconds()),
    PrimaryKeyConstraint("source", "key"),
    Index("followed_entries_by_article", "library", "article_id"),
    Index("followed_entries_by_text", "library", "text_digest"),
    Index("followed_entries_due", "source", "next_check"),
)

# What was deleted from a library and came from the web, by the SHA-256 of an address it had: no source brings it back.
forgotten_addresses = Table(
    "forgotten_addresses",
    metadata,
    Column("library", String(64), nullable=False),
    Column("address_digest", String(64), nullable=False),
    PrimaryKeyConstraint("library", "address_digest"),
)

# Every revision of the stored chunks there was, by its number; and for each article the revision at which its chunks changed
# last, also where the article is gone. An index of any earlier revision can be brought up to date from these.
revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("revision", String(40), nullable=False),
)
changed_articles = Table(
    "changed_articles",
    metadata,
    Column("library", String(64), nullable=False),
    Column("article_id", Text, nullable=False),
    Column("number", Whole(), nullable=False),
    PrimaryKeyConstraint("library", "article_id"),
    Index("changed_articles_by_number", "number"),
)

Migration = Callable[[Connection], None]


def create_first_version(connection: Connection) -> None:
    metadata.create_all(connection)


def add_published_offset(connection: Connection) -> None:
    """A database that the first step has just made has the column already: it makes the tables of today."""
    if "published_offset" not in {column["name"] for column in inspect(connection).get_columns("articles")}:
        connection.execute(text("ALTER TABLE articles ADD COLUMN published_offset INTEGER"))


def add_watches(connection: Connection) -> None:
    """Watched questions, and when articles arrived, which tells what is new to them."""
    if "arrived" not in {column["name"] for column in inspect(connection).get_columns("articles")}:
        connection.execute(text("ALTER TABLE articles ADD COLUMN arrived FLOAT"))
        connection.execute(text("UPDATE articles SET arrived = 0 WHERE indexed IS NOT NULL"))
        connection.execute(text("CREATE INDEX articles_by_arrival ON articles (arrived)"))
    metadata.create_all(connection, tables=[watches, watch_changes])


def add_digest_channel(connection: Connection) -> None:
    if "digest_channel" not in {column["name"] for column in inspect(connection).get_columns("server_settings")}:
        connection.execute(text("ALTER TABLE server_settings ADD COLUMN digest_channel BIGINT NOT NULL DEFAULT 0"))


def add_origins_of_fields(connection: Connection) -> None:
    """Who wrote an article, when it was changed, and where each of its fields came from."""
    there = {column["name"] for column in inspect(connection).get_columns("articles")}
    added = {
        "author": "TEXT NOT NULL DEFAULT ''",
        "updated": "FLOAT",
        "updated_offset": "INTEGER",
        "origins": "TEXT NOT NULL DEFAULT ''",
    }
    for name, kind in added.items():
        if name not in there:
            connection.execute(text(f"ALTER TABLE articles ADD COLUMN {name} {kind}"))


def add_followed(connection: Connection) -> None:
    """Sources that are followed, what articles said before they changed, and which were withdrawn."""
    if "withdrawn" not in {column["name"] for column in inspect(connection).get_columns("articles")}:
        connection.execute(text("ALTER TABLE articles ADD COLUMN withdrawn FLOAT"))
    metadata.create_all(connection, tables=[article_versions, followed, followed_entries])


def add_changes(connection: Connection) -> None:
    """What changed since a revision. The history begins with the present one."""
    metadata.create_all(connection, tables=[revisions, changed_articles])
    present = connection.execute(select(facts.c.value).where(facts.c.name == "revision")).scalar()
    known = connection.execute(select(revisions.c.revision).where(revisions.c.revision == present)).scalar()
    if present and not known:
        connection.execute(revisions.insert().values(number=int(present.partition("-")[0]), revision=present))


def add_staging(connection: Connection) -> None:
    """What a rebuild makes beside what answers."""
    metadata.create_all(connection, tables=[staged_chunks, staged_articles])


def add_forgotten_addresses(connection: Connection) -> None:
    """What no source may bring back, beside the entries of the source that had it."""
    metadata.create_all(connection, tables=[forgotten_addresses])
    entry = followed_entries.c
    query = select(entry.library, entry.address, entry.found_at).where(entry.status == "forgotten").distinct()
    known = {
        (library, address_digest(one)) for library, *addresses in connection.execute(query) for one in addresses if one
    }
    present = {tuple(row) for row in connection.execute(select(forgotten_addresses))}
    if new := sorted(known - present):
        rows = [{"library": library, "address_digest": digest} for library, digest in new]
        connection.execute(forgotten_addresses.insert(), rows)


def address_digest(address: str) -> str:
    """What stands for an address that is to be known again and not to be read."""
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()


# Step n brings version n to n + 1. Only ever append: a database in use is at some version of these.
MIGRATIONS: Sequence[Migration] = (
    create_first_version,
    add_published_offset,
    add_watches,
    add_digest_channel,
    add_origins_of_fields,
    add_followed,
    add_changes,
    add_staging,
    add_forgotten_addresses,
)


def present_version(connection: Connection) -> int:
    """How many migrations a database has seen."""
    if not inspect(connection).has_table("schema_version"):
        return 0
    return connection.execute(select(schema_version.c.version)).scalar() or 0


def migrate(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Apply the steps this database has not seen, in order; returns its version.

    Raises StoreMismatch when a newer program has been here: going back would lose what it wrote.
    """
    version = present_version(connection)
    if version > len(migrations):
        raise StoreMismatch(
            f"The ledger is at version {version}, this program knows {len(migrations)}: install a newer dateline."
        )
    if version < len(migrations):
        if connection.dialect.name == "sqlite":
            # Python begins SQLite's transactions before changes of rows only: a program killed after it had added a column, and
            # before it had filled it, left it empty for good.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            version = present_version(connection)
        for migration in migrations[version:]:
            migration(connection)
        metadata.create_all(connection, tables=[schema_version])
        connection.execute(schema_version.delete())
        connection.execute(schema_version.insert().values(version=len(migrations)))
    return len(migrations)
