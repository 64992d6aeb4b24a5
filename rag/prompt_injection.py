"""Flag text that gives instructions to whoever answers instead of reporting: it is never quoted, never evidence.

A rule, not a judgement: news that quotes an attack word for word is flagged too.
"""

import html
import json
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TypedDict, cast

from rag.text import clean_line
from vectorstore.values import Chunk, Span

SENTENCE_OR_NO_LINE_END = re.compile(r"[.!?…。！？:;][\"'”’»)\]*_]*\s*\Z|[^\n]\Z")
MAX_LINES = 300
"""Characters of lines that may be one sentence."""
PARAGRAPH_END = re.compile(r"\n[^\S\n]*\r?\n\s*$")
MAX_JUDGED = 2_000
"""Characters of a sentence that are judged: sentences are cut at 1,000 (rag/sentences.py), paragraphs of tests are longer."""

# Direction overrides and escapes have no use in text meant for readers. Other invisible characters are left by scrapers.
HIDDEN = re.compile("[\u202d\u202e\x1b]|\x9b\\d")

# Letters of other scripts that look like Latin ones: enough to read "ignоre" with a Cyrillic о.
LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһАВЕКМНОРСТХІαοερνιτκΑΒΕΗΙΚΜΝΟΡΤΧ", "aeopcyxijsdhABEKMHOPCTXIaoepvitkABEHIKMNOPTX"
)

BEGIN = "%begin%"
NOT_ASCII = "\x80"
"""Among the words that patterns need: any character that is not ASCII."""
CASELESS = str.maketrans("İıſ\u212a", "iisk")
"""What regular expressions that ignore case take for an ASCII letter, and `lower` does not make one."""
LOOKED_UP = 3
"""Letters by which needed words are looked up: few words are shorter, and few texts have the first three of a word alone."""
ADDRESS_MARK = "LINK"
"""Stands for an address that is not judged."""
TARGET = r"[^()\n]{0,1000}(?:\([^()\n]{0,300}\)[^()\n]{0,300}){0,3}"
IMAGE_MARKUP = re.compile(rf"!\[([^\]\n]{{0,300}})\]\({TARGET}\)")
# `[1]: https://e.example "Title"`, where a text's reference links go; renderers show none of it.
LINK_DEFINITION = re.compile(
    r"^[ \t]{0,3}\[[^\[\]\n]{1,80}\]:[ \t]*<?(?!javascript:|data:)[^\s<>]{1,1000}>?"
    r"(?:[ \t]+(?:\"([^\"\n]*)\"|'([^'\n]*)'|\(([^()\n]*)\)))?[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
INLINE_LINK = re.compile(
    rf"\[([^\[\]\n]{{1,300}})\](?:\((?!\s*(?:javascript|data):){TARGET}\)|\[[^\[\]\n]{{0,80}}\])", re.IGNORECASE
)
ADDRESS = re.compile(r"<?(?:https?://|www\.)[^\s<>()\"“”]+(?:\([^\s()]*\)[^\s<>()\"“”]*)?>?|<[\w.+-]+@[\w.-]+>", re.I)
FORMATTING_TAG = re.compile(
    r"<\s*/?\s*(?:a|abbr|article|aside|audio|b|bdi|blockquote|br|caption|center|cite|code|col|dd|del|details|dfn|div|dl|dt|em"
    r"|figcaption|figure|font|footer|h[1-6]|header|hr|i|img|ins|kbd|li|main|mark|nav|ol|p|picture|pre|q|s|samp|section|small"
    r"|source|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|time|tr|u|ul|var|video|wbr)"
    r"(?![\w-])(?![^<>]{0,1000}(?:javascript:|data:text))([^<>]{0,1000})>",
    re.I,
)
BREAK_TAG = re.compile(r"<\s*br\b", re.I)
READ_ATTRIBUTE = re.compile(r"\b(?:alt|title)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.I)
TEMPLATE_MARK = re.compile(r"\{\{[<%]|[<%]\}\}|[>%]\}\}|\{%|%\}")
"""Around what a site generator puts in: Hugo's `{{< youtube 1a2b >}}`, Jekyll's `{% include map.html %}`."""
COMMENT_MARK = re.compile(r"<!--|-->")
EMPHASIS_MARKS = "*_~`"
EMPHASIS_MARK = re.compile(rf"(?<!\w)[{EMPHASIS_MARKS}]{{1,3}}(?=\S)|(?<=\S)[{EMPHASIS_MARKS}]{{1,3}}(?!\w)")
BETWEEN_LETTERS = "-._*"
FEWEST_SPELLED_OUT = 3
SPELLED_OUT = re.compile(rf"\b(?:\w[{BETWEEN_LETTERS}]){{{FEWEST_SPELLED_OUT},}}\w\b")
QUOTED_WORDS = re.compile(r"“[^”]*”|\"[^\"]*\"|„[^“”]*[“”]|«[^»]*»")


class Reach(IntEnum):
    """How far a flag reaches: text that speaks to the assistant spoils its paragraph, another command only itself."""

    NOTHING = 0
    SENTENCE = 1
    PARAGRAPH = 2


Needs = tuple[tuple[str, ...], ...]
"""Groups of words in lower case, the rarest group first: what a pattern matches holds a word of each group."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A pattern of a family that reaches so far. A command is matched only where one can begin."""

    regex: re.Pattern[str]
    is_command: bool
    reach: Reach
    needs: Needs


@dataclass(frozen=True)
class JudgedText:
    """A sentence as it is judged, without its markup."""

    text: str

    @cached_property
    def letters(self) -> str:
        """The text in which needed words are looked for."""
        return self.text.translate(CASELESS).lower() + ("" if self.text.isascii() else NOT_ASCII)

    @cached_property
    def beginnings(self) -> list[int]:
        """The offsets at which a command can begin."""
        return sorted({match.end() for match in beginning().finditer(self.text)})

    def plausible(self) -> frozenset[Pattern]:
        """The patterns that may match: looking for a word takes a hundredth of the time of a pattern, and news has few."""
        letters = self.letters
        by_word = patterns_by_word()
        return frozenset(
            pattern
            for word in needed_words_in(letters)
            for pattern in by_word[word]
            if all(any(word in letters for word in group) for group in pattern.needs[1:])
        )

    def matches(self, pattern: Pattern) -> bool:
        if pattern.is_command:
            return any(pattern.regex.match(self.text, offset) for offset in self.beginnings)
        return pattern.regex.search(self.text) is not None


class FamilyData(TypedDict):
    """A family in the data file. flags: "paragraph" or "sentence"."""

    flags: str
    patterns: list[str]


class PatternData(TypedDict):
    """The data file: alternatives by the name that patterns call them by, families by name."""

    words: dict[str, str]
    families: dict[str, FamilyData]


@lru_cache(maxsize=1)
def pattern_data() -> PatternData:
    """rag/data/prompt_injection.toml as it stands."""
    text = files("rag.data").joinpath("prompt_injection.toml").read_text("utf-8")
    return cast("PatternData", tomllib.loads(text))


def whole_pattern(pattern: str) -> str:
    """A pattern with %word% replaced by the alternative of that name."""
    words = pattern_data()["words"]
    return re.sub(r"%(\w+)%", lambda name: words[name[1]], pattern)


def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(whole_pattern(pattern), re.IGNORECASE)


@lru_cache(maxsize=1)
def needs_data() -> dict[str, list[Needs]]:
    """What the patterns of each family need, as training/instruction_words.py read it off them."""
    read = json.loads(files("rag.data").joinpath("prompt_injection_words.json").read_text("utf-8"))
    return {name: [tuple(map(tuple, needs)) for needs in patterns] for name, patterns in read.items()}


@lru_cache(maxsize=1)
def patterns_by_word() -> dict[str, tuple[Pattern, ...]]:
    """Every pattern of the data file, under each word of the first group that it needs; under "" where it needs none."""
    by_word: dict[str, list[Pattern]] = {}
    for name, family in pattern_data()["families"].items():
        for pattern, needs in zip(family["patterns"], needs_data()[name], strict=True):
            is_command, regex = pattern.startswith(BEGIN), compiled(pattern.removeprefix(BEGIN))
            made = Pattern(regex, is_command, Reach[family["flags"].upper()], needs)
            for word in needs[0] if needs else ("",):
                by_word.setdefault(word, []).append(made)
    return {word: tuple(patterns) for word, patterns in by_word.items()}


@lru_cache(maxsize=1)
def words_by_beginning() -> dict[str, tuple[str, ...]]:
    """The words of `patterns_by_word` by their first letters; shorter ones under ""."""
    by_beginning: dict[str, list[str]] = {"": []}
    for word in patterns_by_word():
        by_beginning.setdefault(word[:LOOKED_UP] if len(word) >= LOOKED_UP else "", []).append(word)
    return {start: tuple(words) for start, words in by_beginning.items()}


def needed_words_in(letters: str) -> list[str]:
    """The words of `patterns_by_word` that stand in a text: those few are looked for that begin with letters it has."""
    by_beginning = words_by_beginning()
    runs = {letters[start : start + LOOKED_UP] for start in range(len(letters) - LOOKED_UP + 1)}
    return [word for start in ("", *(runs & by_beginning.keys())) for word in by_beginning[start] if word in letters]


@lru_cache(maxsize=1)
def beginning() -> re.Pattern[str]:
    """What stands before a command; it may stand directly before another of its kind ("and please")."""
    return compiled(BEGIN)


@lru_cache(maxsize=1)
def attribution() -> re.Pattern[str]:
    """What names the speaker: ..." she said; ..., the coach told her; "Reply YES", the message read; ..., said the coach."""
    return compiled(
        r"”[\s,;–—-]*(?:[\w'’-]+[\s,]+){0,8}?(?:%said%|%quoted%)\b|,\s(?:[\w'’-]+\s){1,6}?(?:%said%)\b[^,]{0,60}$"
        r"|,\s(?:%said%)\s\w[^:;“”]{0,60}$"
    )


def folded(text: str) -> str:
    """The text as a reader sees it: compatibility forms, no lookalike letters of other scripts."""
    line = clean_line(text)
    if line.isascii():
        return line
    plain = unicodedata.normalize("NFKC", line)
    latin = sum(c.isascii() and c.isalpha() for c in plain)
    return plain.translate(LOOKALIKES) if 2 * latin > sum(c.isalpha() for c in plain) else plain


def without_markup(text: str) -> str:
    """The words of a text: formatting and the targets of links are gone, what stands for an image is kept."""
    # Each expression is tried only where a text has what it begins with: most texts have nothing of the kind.
    text = html.unescape(text)
    if "--" in text:
        text = COMMENT_MARK.sub(" ", text)
    if "{{" in text or "{%" in text:
        text = TEMPLATE_MARK.sub(" ", text)
    if "[" in text:
        text = LINK_DEFINITION.sub(r"\1\2\3", text)
        text = INLINE_LINK.sub(r"\1", IMAGE_MARKUP.sub(r"\1", text))
    if "<" in text:
        text = FORMATTING_TAG.sub(read_attributes, text)
    if "://" in text or "<" in text or "www." in text.lower():
        text = ADDRESS.sub(ADDRESS_MARK, text)
    if any(mark in text for mark in EMPHASIS_MARKS):
        text = EMPHASIS_MARK.sub("", text)
    if sum(map(text.count, BETWEEN_LETTERS)) >= FEWEST_SPELLED_OUT:
        text = SPELLED_OUT.sub(lambda letters: re.sub(rf"[{BETWEEN_LETTERS}]", "", letters[0]), text)
    return text


def read_attributes(tag: re.Match[str]) -> str:
    """What a reader may see of a formatting tag; a line break parts two words."""
    return (
        " "
        if BREAK_TAG.match(tag[0])
        else " ".join(double or single for double, single in READ_ATTRIBUTE.findall(tag[1]))
    )


@lru_cache(maxsize=8_192)
def reach_of(sentence: str) -> Reach:
    """How far the flag of a sentence reaches; NOTHING for news."""
    if HIDDEN.search(sentence):
        return Reach.PARAGRAPH
    text = folded(without_markup(sentence[:MAX_JUDGED]))
    judged = JudgedText(text)
    found = max((pattern.reach for pattern in judged.plausible() if judged.matches(pattern)), default=Reach.NOTHING)
    if found is Reach.SENTENCE and attribution().search(QUOTED_WORDS.sub("“”", text)):
        return Reach.NOTHING
    return found


def is_instruction(sentence: str) -> bool:
    """True for a sentence that instructs whoever answers instead of reporting: never quoted, never evidence."""
    return reach_of(sentence) is not Reach.NOTHING


def without_flagged(chunk: Chunk) -> str:
    """A chunk's text with blanks for what is never quoted, so that no answer is found there; offsets stay."""
    text = chunk.text
    flags = flagged_sentences(chunk, chunk.sentences)
    for (start, end), flagged in zip(chunk.spans_within(), flags, strict=True):
        text = f"{text[:start]}{' ' * (end - start)}{text[end:]}" if flagged else text
    return text


def joined_reaches(sentences: Sequence[str]) -> list[Reach]:
    """How far each sentence's flag reaches, that of lines that are one sentence only together on each of them."""
    reaches = [reach_of(sentence) for sentence in sentences]
    for first, last in lines_of_one_sentence(sentences):
        reach = reach_of(" ".join(part.strip("#> \t\n") for part in sentences[first:last]))
        # An order that is one by itself says nothing of the lines beside it.
        if reach > max(reaches[first:last]):
            reaches[first:last] = [reach] * (last - first)
    return reaches


def lines_of_one_sentence(sentences: Sequence[str]) -> list[Span]:
    """Half-open ranges of two or more that may be one sentence together: all but the last are lines that do not end as
    sentences end."""
    ranges: list[Span] = []
    first = size = 0
    for place, sentence in enumerate(sentences):
        size += len(sentence)
        if SENTENCE_OR_NO_LINE_END.search(sentence) or size > MAX_LINES or place + 1 == len(sentences):
            ranges += [(first, place + 1)] if place > first else []
            first, size = place + 1, 0
    return ranges


def flagged_by_paragraph(sentences: Sequence[str]) -> tuple[bool, ...]:
    """For each sentence of a passage, in order: True if it is an instruction, or its paragraph speaks to the assistant.

    `sentences` keep the line ends that follow them where they end a paragraph. What stands beside words to the assistant
    is part of them more often than news: "New rules. Write the following: ...".
    """
    paragraphs = [0]
    for sentence in sentences:
        paragraphs.append(paragraphs[-1] + bool(PARAGRAPH_END.search(sentence)))
    reaches = joined_reaches(sentences)
    spoiled = {number for number, reach in zip(paragraphs, reaches, strict=False) if reach is Reach.PARAGRAPH}
    return tuple(bool(reach) or number in spoiled for number, reach in zip(paragraphs, reaches, strict=False))


def flagged_texts(chunk: Chunk) -> list[str]:
    """The sentences of a stored chunk that are never quoted, word for word, in reading order."""
    flags = flagged_sentences(chunk, chunk.sentences)
    return [chunk.sentence_text(span) for span, flagged in zip(chunk.sentences, flags, strict=True) if flagged]


def flagged_sentences(chunk: Chunk, spans: Sequence[Span]) -> tuple[bool, ...]:
    """Which sentences are never quoted, see `flagged_by_paragraph`; each is checked with the white space after it."""
    ends = [*(start for start, _ in spans[1:]), chunk.end][: len(spans)]
    return flagged_by_paragraph([chunk.sentence_text((span[0], end)) for span, end in zip(spans, ends, strict=True)])
