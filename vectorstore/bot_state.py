"""Keep what a chat bot must not forget: servers' settings, votes, audit log, daily counts, which message shows what."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.engine import RowMapping

from vectorstore.database import put, transaction
from vectorstore.schema import audit_log, daily_questions, facts, server_settings, shown_answers, votes


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server's admins set. Empty `channels` and `roles` mean all; `daily_budget` None means the default."""

    server: int
    channels: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    language: str = "en"
    model: bool = True
    daily_budget: int | None = None
    auto_thread: bool = False
    shared_library: bool = True


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
    """The bot's tables in the ledger's database. Every method is one short transaction and raises StoreUnavailable."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def close(self) -> None:
        """Give the connections back."""
        self.database.dispose()

    def all_server_settings(self) -> list[ServerSettings]:
        """The settings of every server that changed one."""
        with transaction(self.database) as connection:
            return [settings_from_row(row) for row in connection.execute(select(server_settings)).mappings()]

    def save_server_settings(self, settings: ServerSettings, change: AuditEntry) -> None:
        """Store a server's settings and the audit entry of the change: both or neither."""
        row = {
            "server": settings.server,
            "channels": json.dumps(settings.channels),
            "roles": json.dumps(settings.roles),
            "language": settings.language,
            "model": settings.model,
            "daily_budget": settings.daily_budget,
            "auto_thread": settings.auto_thread,
            "shared_library": settings.shared_library,
        }
        with transaction(self.database) as connection:
            put(connection, server_settings, row)
            connection.execute(insert(audit_log).values(audit_row(change)))

    def record(self, change: AuditEntry) -> None:
        """Write an entry to the audit log."""
        with transaction(self.database) as connection:
            connection.execute(insert(audit_log).values(audit_row(change)))

    def audit(self, server: int, limit: int) -> list[AuditEntry]:
        """The last changes in a server, newest first."""
        query = select(audit_log).where(audit_log.c.server == server).order_by(audit_log.c.id.desc()).limit(limit)
        with transaction(self.database) as connection:
            return [
                AuditEntry(row["server"], row["user"], row["happened_at"], row["action"], row["details"])
                for row in connection.execute(query).mappings()
            ]

    def count_question(self, server: int, day: str) -> int:
        """Count one more question of a server on a day; returns the day's number."""
        row = (daily_questions.c.server == server) & (daily_questions.c.day == day)
        with transaction(self.database) as connection:
            put(connection, daily_questions, {"server": server, "day": day, "questions": 1}, adding="questions")
            return int(connection.execute(select(daily_questions.c.questions).where(row)).scalar_one())

    def questions_on(self, day: str) -> dict[int, int]:
        """How many questions each server asked on a day."""
        query = select(daily_questions.c.server, daily_questions.c.questions).where(daily_questions.c.day == day)
        with transaction(self.database) as connection:
            return {row.server: row.questions for row in connection.execute(query)}

    def vote(self, vote: Vote) -> bool:
        """Store a vote in the place of this user's earlier one on the answer; True when there was one."""
        mine = (votes.c.answer_id == vote.answer_id) & (votes.c.user == vote.user)
        row = {column.name: getattr(vote, column.name) for column in votes.columns}
        with transaction(self.database) as connection:
            changed = connection.execute(select(votes.c.user).where(mine)).first() is not None
            put(connection, votes, row)
        return changed

    def votes_on(self, answer_id: str) -> list[Vote]:
        """Every vote on an answer, oldest first."""
        query = select(votes).where(votes.c.answer_id == answer_id).order_by(votes.c.voted_at)
        with transaction(self.database) as connection:
            return [Vote(**row) for row in connection.execute(query).mappings()]

    def votes_down(self, since: float = 0.0) -> list[Vote]:
        """Every vote of no use since then (epoch seconds), newest first."""
        query = select(votes).where(~votes.c.useful & (votes.c.voted_at >= since)).order_by(votes.c.voted_at.desc())
        with transaction(self.database) as connection:
            return [Vote(**row) for row in connection.execute(query).mappings()]

    def votes_in(self, server: int) -> tuple[int, int]:
        """How many votes in a server found an answer useful, and how many did not."""
        query = select(votes.c.useful, func.count()).where(votes.c.server == server).group_by(votes.c.useful)
        with transaction(self.database) as connection:
            counts = {bool(useful): int(count) for useful, count in connection.execute(query)}
        return counts.get(True, 0), counts.get(False, 0)

    def show(self, shown: Sequence[ShownAnswer]) -> None:
        """Remember which messages show an answer."""
        rows = [{column.name: getattr(one, column.name) for column in shown_answers.columns} for one in shown]
        with transaction(self.database) as connection:
            for row in rows:
                put(connection, shown_answers, row)

    def shown_by(self, message: int) -> ShownAnswer | None:
        """The answer that a message shows."""
        query = select(shown_answers).where(shown_answers.c.message == message)
        with transaction(self.database) as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else ShownAnswer(**row)

    def shown_as(self, answer_id: str) -> ShownAnswer | None:
        """The first message that shows an answer."""
        query = select(shown_answers).where(shown_answers.c.answer_id == answer_id).order_by(shown_answers.c.message)
        with transaction(self.database) as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return None if row is None else ShownAnswer(**row)

    def forget_user(self, user: int) -> int:
        """Delete a user's votes and the links to the answers they asked for; returns how many votes."""
        with transaction(self.database) as connection:
            connection.execute(delete(shown_answers).where(shown_answers.c.user == user))
            return connection.execute(delete(votes).where(votes.c.user == user)).rowcount

    def forget_before(self, moment: float, day: str) -> None:
        """Delete links shown before `moment` (epoch seconds) and counts of days before `day`."""
        with transaction(self.database) as connection:
            connection.execute(delete(shown_answers).where(shown_answers.c.shown_at < moment))
            connection.execute(delete(daily_questions).where(daily_questions.c.day < day))

    def metadata(self, name: str) -> str:
        """A stored fact, "" when there is none."""
        with transaction(self.database) as connection:
            return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar() or ""

    def set_metadata(self, name: str, value: str) -> None:
        """Store a fact under its name."""
        with transaction(self.database) as connection:
            put(connection, facts, {"name": name, "value": value})


def settings_from_row(row: RowMapping) -> ServerSettings:
    """A row of `server_settings` as its value."""
    plain = {**row, "channels": tuple(json.loads(row["channels"])), "roles": tuple(json.loads(row["roles"]))}
    return ServerSettings(**plain)


def audit_row(entry: AuditEntry) -> dict[str, object]:
    """An audit entry as a row; its id comes from the database."""
    return {column.name: getattr(entry, column.name) for column in audit_log.columns if column.name != "id"}
