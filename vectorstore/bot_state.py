"""What the chat bot stores: guilds' settings, votes, audit log, daily counts, which message shows which answer.

The values' fields have the names of the tables' columns; `server` in them is a guild's id, 0 for a private conversation.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, Table, delete, func, insert, select
from sqlalchemy.engine import RowMapping

from vectorstore.database import put, transaction
from vectorstore.expiry import ExpiryClock
from vectorstore.schema import audit_log, daily_questions, facts, server_settings, shown_answers, votes, watches
from vectorstore.watches import delete_watches


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """What a guild's admins set. Empty `channels` and `roles` mean all; `daily_budget` None means the default.

    digest_channel: where the daily digest is posted, 0 for nowhere.
    """

    server: int
    channels: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    language: str = "en"
    model: bool = True
    daily_budget: int | None = None
    auto_thread: bool = False
    shared_library: bool = True
    digest_channel: int = 0


@dataclass(frozen=True, slots=True)
class Vote:
    """One user's opinion of one answer; `voted_at` is epoch seconds."""

    answer_id: str
    user: int
    server: int
    useful: bool
    reason: str
    voted_at: float


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change by an admin; `happened_at` is epoch seconds."""

    server: int
    user: int
    happened_at: float
    action: str
    details: str


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """A message that shows an answer; `follows` is the id of the answer that this one followed, or ""."""

    message: int
    channel: int
    server: int
    user: int
    answer_id: str
    follows: str
    shown_at: float


class BotState:
    """The bot's tables in the ledger's database. Each method is one short transaction and may raise StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def close(self) -> None:
        self.database.dispose()

    def all_guild_settings(self) -> list[GuildSettings]:
        """The settings of every guild whose admins changed any."""
        with transaction(self.database) as connection:
            return [settings_from_row(row) for row in connection.execute(select(server_settings)).mappings()]

    def save_guild_settings(self, settings: GuildSettings, change: AuditEntry) -> None:
        """Store a guild's settings and the audit entry of the change: both or neither."""
        lists = {"channels": json.dumps(settings.channels), "roles": json.dumps(settings.roles)}
        with transaction(self.database) as connection:
            put(connection, server_settings, row_of(server_settings, settings) | lists)
            connection.execute(insert(audit_log).values(row_of(audit_log, change)))

    def record(self, change: AuditEntry) -> None:
        with transaction(self.database) as connection:
            connection.execute(insert(audit_log).values(row_of(audit_log, change)))

    def audit(self, guild: int, limit: int) -> list[AuditEntry]:
        """The last changes in a guild, newest first."""
        columns = (column for column in audit_log.columns if column.name != "id")
        query = select(*columns).where(audit_log.c.server == guild).order_by(audit_log.c.id.desc()).limit(limit)
        with transaction(self.database) as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def count_question(self, guild: int, day: str) -> int:
        """Count one more question of a guild on a day; returns the day's number."""
        row = (daily_questions.c.server == guild) & (daily_questions.c.day == day)
        with transaction(self.database) as connection:
            put(connection, daily_questions, {"server": guild, "day": day, "questions": 1}, adding="questions")
            return int(connection.execute(select(daily_questions.c.questions).where(row)).scalar_one())

    def questions_on(self, day: str) -> dict[int, int]:
        """How many questions each guild asked on a day."""
        query = select(daily_questions.c.server, daily_questions.c.questions).where(daily_questions.c.day == day)
        with transaction(self.database) as connection:
            return {row.server: row.questions for row in connection.execute(query)}

    def vote(self, vote: Vote) -> bool:
        """Store a vote, replacing this user's earlier one on the answer; True if there was one."""
        same = (votes.c.answer_id == vote.answer_id) & (votes.c.user == vote.user)
        with transaction(self.database) as connection:
            changed = connection.execute(select(votes.c.user).where(same)).first() is not None
            put(connection, votes, row_of(votes, vote))
        return changed

    def votes_on(self, answer_id: str) -> list[Vote]:
        """Every vote on an answer, oldest first."""
        return self.select_votes(votes.c.answer_id == answer_id, votes.c.voted_at.asc())

    def votes_down(self, since: float = 0.0) -> list[Vote]:
        """Every "not useful" vote since then (epoch seconds), newest first."""
        return self.select_votes(~votes.c.useful & (votes.c.voted_at >= since), votes.c.voted_at.desc())

    def select_votes(self, condition: ColumnElement[bool], order: ColumnElement[float]) -> list[Vote]:
        query = select(votes).where(condition).order_by(order)
        with transaction(self.database) as connection:
            return [Vote(**row) for row in connection.execute(query).mappings()]

    def votes_in(self, guild: int) -> tuple[int, int]:
        """The numbers of "useful" and "not useful" votes in a guild."""
        query = select(votes.c.useful, func.count()).where(votes.c.server == guild).group_by(votes.c.useful)
        with transaction(self.database) as connection:
            counts = {bool(useful): int(count) for useful, count in connection.execute(query)}
        return counts.get(True, 0), counts.get(False, 0)

    def show(self, shown: Sequence[ShownAnswer]) -> None:
        with transaction(self.database) as connection:
            for message in shown:
                put(connection, shown_answers, row_of(shown_answers, message))

    def shown_by(self, message: int) -> ShownAnswer | None:
        return self.first_shown(shown_answers.c.message == message)

    def shown_as(self, answer_id: str) -> ShownAnswer | None:
        return self.first_shown(shown_answers.c.answer_id == answer_id)

    def first_shown(self, condition: ColumnElement[bool]) -> ShownAnswer | None:
        query = select(shown_answers).where(condition).order_by(shown_answers.c.message).limit(1)
        with transaction(self.database) as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else ShownAnswer(**row)

    def forget_user(self, user: int) -> int:
        """Delete a user's votes, watches and the links to the answers they asked for; returns how many votes."""
        with transaction(self.database) as connection:
            delete_watches(connection, watches.c.user == user)
            connection.execute(delete(shown_answers).where(shown_answers.c.user == user))
            return connection.execute(delete(votes).where(votes.c.user == user)).rowcount

    def believed_clock(self, now: float) -> float:
        """How late it is for what deletes by age."""
        return ExpiryClock(self.database).believed(now)

    def forget_before(self, moment: float, day: str) -> None:
        """Delete links shown before `moment` (epoch seconds) and counts of days before `day`."""
        with transaction(self.database) as connection:
            connection.execute(delete(shown_answers).where(shown_answers.c.shown_at < moment))
            connection.execute(delete(daily_questions).where(daily_questions.c.day < day))

    def metadata(self, name: str) -> str:
        """A stored value by its name, "" if there is none."""
        with transaction(self.database) as connection:
            return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar() or ""

    def set_metadata(self, name: str, value: str) -> None:
        with transaction(self.database) as connection:
            put(connection, facts, {"name": name, "value": value})


def settings_from_row(row: RowMapping) -> GuildSettings:
    """A row of `server_settings`, whose lists are stored as JSON."""
    lists = {"channels": tuple(json.loads(row["channels"])), "roles": tuple(json.loads(row["roles"]))}
    return GuildSettings(**{**row, **lists})


def row_of(table: Table, value: GuildSettings | Vote | AuditEntry | ShownAnswer) -> dict[str, object]:
    """A value as a row; an id that the value lacks comes from the database."""
    return {column.name: getattr(value, column.name) for column in table.columns if hasattr(value, column.name)}
