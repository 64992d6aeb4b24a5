"""The bot's log: one JSON object per line, with answer ids; message content and exception texts only at DEBUG."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
LIBRARIES = ("discord", "aiohttp")


class JsonLines(logging.Formatter):
    """Time, level, logger, message and the record's own fields; exception texts, which may quote users, only if `content`."""

    def __init__(self, content: bool) -> None:
        super().__init__()
        self.content = content

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in STANDARD_FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self.failure(record.exc_info[1], record.exc_info[2])
        return json.dumps(line, default=str)

    def failure(self, error: BaseException, trace: TracebackType | None) -> list[str]:
        """The types of the exception and its cause, then the last frames of its traceback."""
        types = [f"{type(error).__name__}: {error}" if self.content else type(error).__name__]
        cause = error.__cause__ or error.__context__
        if cause is not None:
            types.append(f"from {type(cause).__name__}")
        frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        return [*types, *frames[-12:]]


def set_up_logging(level: str) -> None:
    """Log to stderr from this level on, discord.py's and aiohttp's records included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(content=level == "DEBUG"))
    for name in ("dateline", *LIBRARIES):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level)
