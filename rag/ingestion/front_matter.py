"""The fields at the head of a text: front matter in YAML (---), TOML (+++) or JSON, named lines, a first line with the date."""

import json
import re
from dataclasses import dataclass, field

from rag.ingestion.article_fields import KNOWN_NAMES, plain_name
from rag.ingestion.dates import NoDate, parse_published

YAML = re.compile(
    r"\A(?:\s|<!--.{0,1000}?-->)*---[ \t]*(?:ya?ml)?[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL
)
TOML = re.compile(r"\A\s*\+\+\+[ \t]*\n(.*?\n)?\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
NAMED_LINE = re.compile(r"^(?:#\+|:)?([A-Za-z][\w .-]{0,40}?)::?(?:[ \t]+(.*))?$", re.MULTILINE)
"""`name: value`; `name:: value` (Logseq), `#+NAME: value` (Org), `:name: value` (Pelican's reStructuredText)."""
JSON_RULES = re.compile(r"\A\s*;;;[ \t]*\n(\{.*?\})\s*\n;;;[ \t]*(?=\n)", re.DOTALL)
COMMENT = re.compile(r"\s+#\s.*\Z")
LEAST_NAMED_LINES = 2
"""A single line is not enough: "Title: the word is older than the boxing ring"."""
KNOWN_SHARE = 0.5
"""Of the named lines so many must be fields of ours. A guess."""
TITLE_ABOVE = re.compile(r"#[ \t]+([^\n]+)|([^\n]+)\n[#=]{3,}")
PANDOC = re.compile(r"\A\s*%[ \t]+([^\n]+)(?:\n%([^\n]*))?(?:\n%([^\n]*))?\n\s*\n")
DATE_LINE = re.compile(r"\A\s*date\b:?[ \t]+([^\n]*)(?:\n|\Z)", re.IGNORECASE)
LOOKS_LIKE_A_DATE = re.compile(r"\d{4}[-./]\d")


@dataclass(frozen=True, slots=True)
class Headed:
    """A text without its head, the fields that stood there, and what could not be read of them."""

    body: str
    fields: dict[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_head(text: str) -> Headed:
    """Take the fields off the beginning of a text; a text without any stays as it is."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for read in (yaml_head, toml_head, json_head, pandoc_head, lines_head, date_head):
        if headed := read(text):
            return headed
    return Headed(text)


def yaml_head(text: str) -> Headed | None:
    """Front matter of Jekyll, Hugo and Obsidian. Every scalar is kept as it is written: a title `Yes` is no truth value."""
    import yaml

    found = YAML.match(text)
    if found is None:
        return None
    written, body = found.group(1) or "", text[found.end() :]
    remarks: tuple[str, ...] = ()
    try:
        fields = yaml.load(written, yaml.BaseLoader) if written.strip() else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        fields = named_lines(written)
        remarks = (f"has front matter that is not YAML ({why_not(error)}): its lines were read one by one.",)
    # Between two rules stands text as well.
    return Headed(body, fields, remarks) if isinstance(fields, dict) and (fields or not written.strip()) else None


def named_lines(written: str) -> dict[str, object]:
    """`name: value` lines as they stand, for what only looks like YAML: `title: Theatre sold: actor buys`."""
    return {name: COMMENT.sub("", value or "").strip().strip("\"'") for name, value in NAMED_LINE.findall(written)}


def toml_head(text: str) -> Headed | None:
    import tomllib

    found = TOML.match(text)
    if found is None:
        return None
    try:
        return Headed(text[found.end() :], tomllib.loads(found.group(1) or ""))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        remark = f"has front matter that is not TOML ({why_not(error)}): it is stored as text."
        return Headed(text, {}, (remark,))


def json_head(text: str) -> Headed | None:
    """Hugo's third kind: an object, then the text; others put it between rules (;;;)."""
    begun = JSON_RULES.sub(r"\1", text, count=1).lstrip()
    if not begun.startswith("{"):
        return None
    try:
        fields, end = json.JSONDecoder().raw_decode(begun)
    except (ValueError, RecursionError):
        return None
    body = begun[end:]
    return Headed(body, fields) if body.strip() and body.startswith("\n") else None


def pandoc_head(text: str) -> Headed | None:
    """Title, authors and date by their place: `% Sold`, `% A. B.`, `% 15 March 2024`."""
    found = PANDOC.match(text)
    if found is None:
        return None
    named = zip(("title", "author", "date"), found.groups(), strict=True)
    return Headed(text[found.end() :], {name: value.strip() for name, value in named if value and value.strip()})


def lines_head(text: str) -> Headed | None:
    """Named lines (`Title: ...`) above a blank line or a lone rule, as MultiMarkdown has them; below a title, as Notion does."""
    written, _, body = text.lstrip().removeprefix("---\n").lstrip().partition("\n\n")
    heading: dict[str, object] = {}
    if found := TITLE_ABOVE.fullmatch(written):
        heading = {"title": found[1] or found[2]}
        written, _, body = body.lstrip().partition("\n\n")
    above, rule, below = written.partition("\n---\n")
    written, body = (above, f"{below}\n\n{body}") if rule else (written, body)
    lines = written.split("\n")
    if len(lines) < LEAST_NAMED_LINES or not body.strip():
        return None
    named = [found[1] if (found := NAMED_LINE.fullmatch(line.rstrip())) else "" for line in lines]
    known = [*heading, *(name for name in named if plain_name(name) in KNOWN_NAMES)]
    # Keywords and the like may stand between, but a text that begins with one is no head.
    if not all(named) or named[0] not in known or len(known) < max(LEAST_NAMED_LINES, KNOWN_SHARE * len(named)):
        return None
    return Headed(body, {**heading, **named_lines(written)})


def date_head(text: str) -> Headed | None:
    """A first line ` date 2025-10-17 ` or `Date: Oct. 17, 2025`; the article may follow on the same line."""
    found = DATE_LINE.match(text)
    if found is None:
        return None
    line = found.group(1).strip()
    first = line.partition(" ")[0]
    for written, rest in ((line, text[found.end() :]), (first, line[len(first) :] + "\n" + text[found.end() :])):
        # An article may well begin with the words "date palms": only a digit makes it a date.
        if not any(character.isdigit() for character in written):
            continue
        try:
            if parse_published(written):
                return Headed(rest, {"published": written})
        except NoDate as why:
            # The whole line fails wherever the article follows on it.
            if written is first and LOOKS_LIKE_A_DATE.match(written):
                return Headed(text, {}, (f"has {why}; it is stored without a date.",))
    return None


def why_not(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
