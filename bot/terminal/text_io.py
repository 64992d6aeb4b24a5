"""Text in and out of a terminal, whatever its encoding: arguments, lines and pipes as typed, output that cannot be encoded."""

import contextlib
import io
import os
import sys

from rag.ingestion.decoding import Unreadable, decode

LAST_STREAM = 2
"""The number of standard error."""
MOST_PIPED = 400_000
"""Bytes of standard input that are read. No question is longer; a whole file piped in by mistake is not read to its end."""


def make_output_lenient() -> None:
    """What standard output cannot encode is shown as \\u2019 instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_closed_streams() -> bool:
    """Open nothing in place of the standard streams that were closed (`ask >&-`); True if output was.

    Python has None for them. Their numbers would go to the next files that are opened, and what libraries write to
    standard error into those.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= LAST_STREAM:
        pass
    os.close(number)
    was_closed = sys.stdout is None
    sys.stdin, sys.stdout, sys.stderr = (
        sys.stdin or nothing("r"),
        sys.stdout or nothing("w"),
        sys.stderr or nothing("w"),
    )
    return was_closed


def nothing(mode: str) -> io.TextIOWrapper:
    """An empty file to read, or one that takes everything."""
    return io.TextIOWrapper(io.FileIO(os.devnull, mode), encoding="utf-8")


def as_typed(text: str) -> str:
    """An argument or a line with the letters that were typed: Python keeps bytes that are no UTF-8 as lone surrogates."""
    if text.isascii():
        return text
    try:
        return readable(os.fsencode(text))
    except UnicodeEncodeError:  # Surrogates that stand for no byte.
        return text


def piped() -> str:
    """The beginning of standard input."""
    content = sys.stdin.buffer.read(MOST_PIPED) if hasattr(sys.stdin, "buffer") else sys.stdin.read(MOST_PIPED).encode()
    return readable(content)


def readable(content: bytes) -> str:
    """Bytes as text: UTF-8, UTF-16 or an old western encoding; what is none of them with replacement characters."""
    try:
        return decode(content)
    except (Unreadable, UnicodeDecodeError):
        return content.decode("utf-8", "replace")


def writes_unicode() -> bool:
    """True if standard output takes any character."""
    return (getattr(sys.stdout, "encoding", "") or "").lower().startswith("utf")


def give_up_output() -> None:
    """Close standard output without a further word: what it still holds cannot be written."""
    with contextlib.suppress(OSError):
        sys.stdout.close()
