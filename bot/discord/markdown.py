"""Make any text safe to show in Discord, and cut it to Discord's limits. Pure functions of strings."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, urlsplit

from rag.text import keeping_joiners

INVISIBLE = "\u200b"
FILLERS = "\u034f\u115f\u1160\u3164\uffa0"
MAX_LINK = 400

# Everything that opens formatting, a link, a mention, a timestamp or an emoji anywhere in a line.
ANYWHERE = re.compile(r"[\\*_~`|\[\]<>]|:(?=//|\w+:)")
LINE_START = re.compile(r"^(\s*)([#>+\-]|\d{1,9}(?=[.)]))", re.MULTILINE)
NUMBERED_MARK = re.compile(r"\[(\d{1,3})\]")
BREAKS = (
    re.compile(r"\n\n+"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])[\"'”’»]?(?: \[\d{1,3}\])*\s+"),
    re.compile(r"\s+"),
)
ATOM = re.compile(
    r"\[(?:\\.|[^\[\]\\\n])*\]\([^()\s]*\)|\\[^a-zA-Z\d\s]|\[\d{1,3}\]|\*\*|@" + INVISIBLE + r"|.", re.DOTALL
)


def units(text: str) -> int:
    """Length in UTF-16 units, the strictest reading of Discord's limits."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clean(text: str) -> str:
    """The text without invisible characters: controls, zero-width, direction marks, lone surrogates."""
    kept = text.replace("\r\n", "\n")
    # Most text has nothing to remove, and checking each character of a long answer would hold up the event loop.
    if not kept.isascii() or not kept.replace("\n", "").isprintable():
        kept = keeping_joiners(lambda piece: "".join(filter(visible, piece)), kept)
    return re.sub(r"\n{3,}", "\n\n", kept).strip()


@lru_cache(maxsize=4_096)
def visible(character: str) -> bool:
    """True if a reader can see the character. The fillers are blank although Unicode calls them letters or marks."""
    if character in "\n\t":
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Cn") and character not in FILLERS


def escape(text: str) -> str:
    """Cleaned text in which nothing formats, links or mentions: Discord shows the very characters."""
    escaped = ANYWHERE.sub(r"\\\g<0>", clean(text))
    escaped = LINE_START.sub(escape_line_start, escaped)
    return escaped.replace("@", "@" + INVISIBLE)


def escape_line_start(match: re.Match[str]) -> str:
    """Headings, quotes and lists begin a line. In a numbered list it is the dot that must not follow the number."""
    return f"{match[1]}{match[2]}{INVISIBLE}" if match[2].isdigit() else f"{match[1]}\\{match[2]}"


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def dotted(*parts: str) -> str:
    """The parts that are not empty on one line, with dots between them."""
    return " · ".join(part for part in parts if part)


def escape_answer(text: str, numbers: frozenset[int]) -> str:
    """An answer's text, escaped except for the marks [n] of its citations."""
    pieces: list[str] = []
    end = 0
    cleaned = clean(text)
    for mark in NUMBERED_MARK.finditer(cleaned):
        if int(mark[1]) in numbers:
            pieces.append(keep_edges(cleaned[end : mark.start()]))
            pieces.append(mark[0])
            end = mark.end()
            # A bracket right behind the mark would make it a link.
            if cleaned[end : end + 1] in ("(", "["):
                pieces.append(INVISIBLE)
    pieces.append(keep_edges(cleaned[end:]))
    return "".join(pieces)


def keep_edges(text: str) -> str:
    """Escape a piece of a text; `escape` alone would drop the white space at its ends."""
    core = text.strip()
    if not core:
        return text
    start = text.index(core)
    return text[:start] + escape(core) + text[start + len(core) :]


def safe_url(url: str) -> str:
    """The URL if it is http(s) and can neither end a link early nor pose as another host; else ""."""
    if any(character.isspace() or not visible(character) for character in url.strip()):
        return ""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except (ValueError, UnicodeError):
        return ""
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9.\-]+", host) or "@" in parts.netloc:
        return ""
    path = quote(parts.path, safe="/%:=&;,+!$~-._@")
    query = quote(parts.query, safe="/%:=&;,+!$~-._@?")
    fragment = quote(parts.fragment, safe="/%:=&;,+!$~-._@?")
    netloc = host if port is None else f"{host}:{port}"
    built = f"{parts.scheme}://{netloc}{path}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    built = built.replace("@", "%40")
    return built if len(built) <= MAX_LINK else ""


def link(title: str, url: str, limit: int = 140) -> str:
    """A title as a masked link, or only the escaped title if the URL is not safe."""
    label = escape(shorten(one_line(title), limit)) or "untitled"
    target = safe_url(url)
    return f"[{label}]({target})" if target else label


def shorten(text: str, limit: int) -> str:
    """At most `limit` units, cut at a word with an ellipsis. Only for text that is not escaped yet."""
    if units(text) <= limit:
        return text
    cut = text
    while units(cut) > limit - 1:
        cut = cut[: len(cut) - max(1, (units(cut) - limit + 1) // 2)]
    at_word = cut.rsplit(None, 1)[0] if " " in cut[len(cut) // 2 :] else cut
    return at_word.rstrip() + "…"


def shorten_escaped(text: str, limit: int) -> str:
    """`text` escaped to at most `limit` units: escapes count against Discord's limits."""
    room = limit
    escaped = escape(text)
    while units(escaped) > limit:
        room = min(room - 1, int(room * limit / units(escaped)))
        escaped = escape(shorten(clean(text), max(room, 1)))
    return escaped


def split_text(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` units, cut at a paragraph, else a line, a sentence, a word; never inside a link or mark."""
    pieces: list[str] = []
    rest = text.strip()
    while units(rest) > limit:
        end = best_break(rest, limit)
        piece, rest = rest[:end].rstrip(), rest[end:].lstrip()
        if piece:
            pieces.append(piece)
    return [*pieces, rest] if rest else pieces


def best_break(text: str, limit: int) -> int:
    """Where to cut: after the last break of the best kind, unless that would leave less than a third of what fits."""
    edges = atom_edges(text, limit)
    longest = edges[-1]
    allowed = set(edges)
    for kind in BREAKS:
        ends = [match.end() for match in kind.finditer(text, 0, longest) if match.end() in allowed]
        if ends and ends[-1] >= longest // 3:
            return ends[-1]
    return longest


def atom_edges(text: str, limit: int) -> list[int]:
    """The positions between atoms (a link, a mark, an escape, a character) up to `limit` units; at least one."""
    edges: list[int] = []
    used = 0
    for atom in ATOM.finditer(text):
        used += units(atom[0])
        if used > limit and edges:
            break
        edges.append(atom.end())
    return edges
