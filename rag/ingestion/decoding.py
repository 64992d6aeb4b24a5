"""From the bytes of a file to the text that is stored: its encoding found, mojibake, entities and line ends repaired.

Repaired before anything is stored, so that every offset counts in what is stored and quoted.
"""

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.ingestion.old_encodings import WINDOWS, old_encoding_of
from rag.text import SURROGATE

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

WESTERN = (WINDOWS, "latin-1")
"""The old encodings that nearly every western text is in."""
CHARSET, HEAD_BYTES = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE), 4_096
"""How a page names its encoding, and how far into it that is looked for."""
CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
MOST_CONTROLS = 0.05
"""Share of control bytes from which on a file is binary; text that a broken export put NULs into has fewer. A guess."""
UTF_16_ZEROS = 0.8
"""Share of zero bytes at every second place of UTF-16 without a byte order mark, for a text in Latin letters. A guess."""


# What is left of a closing quotation mark in UTF-8, read as Windows-1252, when its third byte was dropped on the way.
LOST_CLOSING_QUOTE = re.compile(r"â€(?=[\s,.;:!?)]|\Z)")
# Hints where a line may be broken. Left in, they split words and hide them from every search.
BREAK_HINTS = re.compile("[\u00ad\u200b\u2060\ufeff]")


class Unreadable(Exception):
    """Why one article cannot be read, as the end of a sentence that begins with its place."""


def decode(content: bytes) -> str:
    """The characters of a text file, whatever its encoding. Raises Unreadable."""
    return decode_and_tell(content)[0]


def decode_page(content: bytes) -> str:
    """A page's characters: what its bytes are, else the encoding it names. Raises Unreadable."""
    if wide_encoding_of(content):
        return decode(content)
    named = CHARSET.search(content[:HEAD_BYTES])
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    if named:
        with suppress(LookupError, UnicodeDecodeError):
            return content.decode(named[1].decode("ascii"))
    return decode(content)


def path_text(path: str | Path) -> str:
    """A path as text that can be stored and shown: bytes of a name that are not UTF-8 as \\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def decode_and_tell(content: bytes) -> tuple[str, tuple[str, ...]]:
    """The same, and the end of a sentence that says so where the encoding was guessed by its letters. Raises Unreadable."""
    encoding = encoding_of(content)
    if encoding is None:
        raise Unreadable("is binary, or text in an encoding that is not recognised: save it as UTF-8.")
    return content.decode(encoding), guess_of(encoding)


def guess_of(encoding: str) -> tuple[str, ...]:
    """The end of a sentence that says what a text was read as, where its letters alone told that."""
    if encoding in WESTERN or encoding.startswith("utf"):
        return ()
    return (f"was read as {encoding}, a guess by its letters: save it as UTF-8 if any of them are wrong.",)


def encoding_of(content: bytes) -> str | None:
    """UTF-8 or UTF-16, with or without a byte order mark, else what old_encodings.py finds; None for binary and all others."""
    if wide := wide_encoding_of(content):
        return wide if decodes(content, wide) else None
    if len(CONTROLS.findall(content)) > MOST_CONTROLS * len(content):
        return None
    if decodes(content, "utf-8"):
        return "utf-8-sig"
    return None if b"\x00" in content else old_encoding_of(content)


def wide_encoding_of(content: bytes) -> str:
    """The UTF-16 or UTF-32 that a file begins with, by its byte order mark or by its zeros; "" for anything else."""
    if content.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    pairs = len(content) // 2
    for high, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = content[high::2].count(0), content[1 - high :: 2].count(0)
        if zeros > UTF_16_ZEROS * pairs and others <= pairs - zeros:
            return encoding
    return ""


def decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def repaired(text: str) -> str:
    """The text as its author meant it: mojibake undone, entities and terminal codes resolved, one kind of line end.

    Quotation marks stay as they are; composed letters (NFC) make é one character however it was typed.
    """
    text = storable(text)
    if text.isascii() and not any(sign in text for sign in "&\x1b\r\f"):
        return text
    from ftfy import fix_text

    text = fix_text(LOST_CLOSING_QUOTE.sub("â€\x9d", text), repairs())
    return BREAK_HINTS.sub("", text).replace("\f", " ")


def storable(text: str) -> str:
    """Half of a surrogate pair is no character and NUL ends a string in C: both become the replacement character."""
    return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text).replace("\x00", "\N{REPLACEMENT CHARACTER}")


@cache
def repairs() -> "TextFixerConfig":
    """What ftfy repairs. Not what is a matter of taste: curly quotes, full-width characters of Chinese and Japanese."""
    from ftfy import TextFixerConfig

    return TextFixerConfig(unescape_html=True, uncurl_quotes=False, fix_character_width=False)
