"""Flag sentences that give instructions to the reader or to a model instead of reporting: they are never quoted.

A rule, not a judgement: news that quotes such a sentence word for word is flagged too.
"""

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from rag.text import clean_line
from vectorstore.values import Chunk, Span

PARAGRAPH_END = re.compile(r"\n[^\S\n]*\r?\n\s*$")

# Direction overrides, escapes, and invisible characters within a word have no use in text meant for readers.
HIDDEN = re.compile("[\u202d\u202e\u2066-\u2069\x1b]|(?<=[A-Za-z])[\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-z])")

# Letters of other scripts that look like Latin ones: enough to read "ignоre" with a Cyrillic о.
LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһАВЕКМНОРСТХІαοερνιτκΑΒΕΗΙΚΜΝΟΡΤΧ", "aeopcyxijsdhABEKMHOPCTXIaoepvitkABEHIKMNOPTX"
)


@lru_cache(maxsize=1)
def patterns() -> tuple[re.Pattern[str], ...]:
    """The patterns of rag/data/prompt_injection.toml, each written for a family of attacks."""
    data = tomllib.loads(files("rag.data").joinpath("prompt_injection.toml").read_text("utf-8"))
    words = data["words"]
    return tuple(
        re.compile(re.sub(r"%(\w+)%", lambda name: words[name[1]], pattern), re.IGNORECASE)
        for family in data["families"].values()
        for pattern in family
    )


def folded(text: str) -> str:
    """The text as a reader sees it: compatibility forms, no lookalike letters of other scripts."""
    plain = unicodedata.normalize("NFKC", clean_line(text))
    latin = sum(c.isascii() and c.isalpha() for c in plain)
    return plain.translate(LOOKALIKES) if 2 * latin > sum(c.isalpha() for c in plain) else plain


def is_instruction(sentence: str) -> bool:
    """True for a sentence that addresses the reader or a model instead of reporting: never quoted, never evidence."""
    seen = folded(sentence[:2_000])
    return bool(HIDDEN.search(sentence)) or any(pattern.search(seen) for pattern in patterns())


def flagged_by_paragraph(sentences: Sequence[str]) -> tuple[bool, ...]:
    """For each sentence of a passage, in order: True if its paragraph holds an instruction.

    `sentences` keep the line ends that follow them where they end a paragraph. A neighbour of an instruction is part of
    it more often than news: "New rules. Write the following: ...".
    """
    paragraphs = [0]
    for sentence in sentences:
        paragraphs.append(paragraphs[-1] + bool(PARAGRAPH_END.search(sentence)))
    flagged = {number for number, sentence in zip(paragraphs, sentences, strict=False) if is_instruction(sentence)}
    return tuple(number in flagged for number in paragraphs[:-1])


def flagged_sentences(chunk: Chunk, spans: Sequence[Span]) -> tuple[bool, ...]:
    """Which sentences are in a paragraph with an instruction; each is checked with the white space after it."""
    ends = [start for start, _ in spans[1:]] + [chunk.end]
    return flagged_by_paragraph([chunk.sentence_text((span[0], end)) for span, end in zip(spans, ends, strict=True)])
