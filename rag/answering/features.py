"""Features of step 3: a few named numbers on how well a sentence, and the hits as a whole, answer a question. Pure.

The reader decides; what it cannot know is added: similarity, the words a sentence shares, whether it is one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.answering.reader import Reading
from rag.text import STOP_WORDS, stems_of, words_of
from vectorstore.stems import stem
from vectorstore.values import Chunk, Hit, Span

DATE = re.compile(
    r"\b(?:1\d{3}|20\d{2})s?\b|\b(?:Jan(?:uary)?|Feb(?:ruary)?|March|April|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?(?:\s+\d{1,2}\b)?|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|\b(?:today|yesterday|tomorrow|century|ago)\b"
)
NUMBER_WORD = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundreds?|thousands?|millions?|billions?"
    r"|half|third|quarter|percent|per cent|several|both|no|none|once|twice)\b",
    re.IGNORECASE,
)
REASON = re.compile(
    r"\b(?:[Bb]ecause|[Dd]ue to|[Oo]wing to|[Aa]s a result|[Tt]hanks to|in order to|so that|so as to|citing|blam(?:es?|ed|ing)"
    r"|saying|arguing|(?:caused|prompted|forced|triggered) by|[Tt]he reason|(?:over|amid|for) (?:fears?|concerns?)|following)\b"
    r"|(?<=[a-z] )(?<!day )(?<!days )(?<!week )(?<!weeks )(?<!month )(?<!months )(?<!year )(?<!years )(?<!hours )(?<!minutes )"
    r"(?<!shortly )(?<!soon )after (?!(?:\w+ ){0,3}\d)"
)
"""Where a sentence begins to give a reason. "Closed after inspectors found a crack" does, "five weeks after" does not."""
PURPOSE = re.compile(r"(?:--|[—–,;])\s+to\s+[a-z]+|\b(?:in order|so as|aim(?:s|ed|ing)?|hop(?:es?|ed|ing)) to\b")
"""Where a sentence says what for: an infinitive that is set apart, as in "asks for boats -- to reach the islands"."""
AGE = re.compile(
    r"\b\d{1,3}-year-old|\b(?:aged?|turn(?:s|ed|ing)?) \d|, \d{1,3}[,.;)]|\(\d{1,3}\)|\b\w+ (?:years?|months?|weeks?) old"
    r"|\bborn\b|birthday|\bin (?:his|her|their) (?:early |mid-?|late )?(?:teens|\w+ties)\b|\bcentur(?:y|ies)\b"
    r"|\b(?:built|founded|opened|established|created|introduced|made|dat(?:es?|ing))\b[^.]*\b(?:1\d|20)\d\d\b",
    re.IGNORECASE,
)
"""How old somebody or something is, or since when there is such a thing."""
NAME = re.compile(r"(?<![.!?:\"“”'‘’]\s)(?<!^)\b[A-ZÀ-ÖØ-ÞА-Я][\w'’-]+")
LOWEST = -6.0
"""Log-odds below this say the same: no answer here. What the reader did not read gets it too."""
SIMILARITY_WORTH = 4.0
"""Log-odds that a cosine of 1 is worth beside the reader's: less loses encyclopedias, more loses news. Measured:
docs/experiments.md."""
LONG_QUESTION = 18
"""From so many words on a question tells at length what it is about: similarity knows more of it, the reader less."""
LEAST_WORDS = 4
CAPTION = re.compile(
    r"[*_]*(?:(?:file )?(?:photo(?:graph)?|picture|image|video|graphic)s?|caption|read (?:more|also)|related|watch|listen)\b"
    r"[^.!?:]{0,30}:",
    re.IGNORECASE,
)
"""Begins what stands beside a text: "Photo: Smoke over the levee." """
QUESTION_TYPES = (
    ("when", re.compile(r"\b(?:when|(?:what|which) (?:year|date|day|month|time)|how (?:long ago|recently))\b")),
    ("count", re.compile(r"\b(?:how (?:many|much|old|tall|long|far|large|big|high|often)|what (?:percentage|number)"
        r"|what (?:is|was) the (?:final |official )?(?:death )?toll)\b")),
    ("who", re.compile(r"\b(?:who|whom|whose|which (?:person|company|team|player|minister|president))\b")),
)  # fmt: skip
"""What a question asks for, by its words; the first pattern that matches decides, "" where none does."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that might answer. `sentence` is its number in the passage, `span` its offsets in the article.

    span_margin: how sure the reader is of the words that answer, where they lie in this sentence, as log-odds; None elsewhere.
    """

    hit: int
    sentence: int
    span: Span
    features: Mapping[str, float]
    span_margin: float | None = None

    @property
    def is_statement(self) -> bool:
        """True for a whole sentence that asks nothing: neither a heading nor a question."""
        return bool(self.features["is_whole"]) and not self.features["is_question"]


def answer_type_of(question: str) -> str:
    """What the question asks for: "when", "count", "who" or "" for anything."""
    lowered = question.lower()
    return next((name for name, pattern in QUESTION_TYPES if pattern.search(lowered)), "")


def content_stems(question: str) -> frozenset[str]:
    """Stems of the words that name its subject."""
    return frozenset(stem(word) for word in words_of(question) if word not in STOP_WORDS)


def coverage(wanted: frozenset[str], stems: frozenset[str]) -> float:
    """Share of the stems that occur; 1 when none is wanted."""
    return len(wanted & stems) / len(wanted) if wanted else 1.0


def is_about(chunk: Chunk, subject: str, least: float = 0.5) -> bool:
    """True if a passage, its title or outlet holds at least this share of the subject's words."""
    return coverage(content_stems(subject), stems_of(f"{chunk.title} {chunk.source} {chunk.text}")) >= least


def is_complete_sentence(sentence: str) -> bool:
    """True if it has words enough to say something and ends as sentences end: no heading, caption, list entry, "he said."."""
    return (
        len(sentence.split()) >= LEAST_WORDS
        and sentence.rstrip("\"'”’»)]}*_ ")[-1:] in tuple(".!?…。！？؟;")
        and not CAPTION.match(sentence)
    )


def candidates_of(question: str, hits: Sequence[Hit], readings: Sequence[Reading]) -> list[Candidate]:
    """Every sentence of the hits with its features, in the order of hits and of reading.

    readings: one for each of the first hits, none for the rest.
    """
    wanted = content_stems(question)
    found: list[Candidate] = []
    for number, hit in enumerate(hits):
        chunk = hit.chunk
        texts = [chunk.sentence_text(sentence) for sentence in chunk.sentences]
        stems = [stems_of(text) for text in texts]
        # A derived title is the article's first words: they say nothing about this sentence.
        title_stems = frozenset() if chunk.title_derived else stems_of(chunk.title)
        reading = readings[number] if number < len(readings) else None
        for index, (start, end) in enumerate(chunk.sentences):
            around = stems[index] | title_stems | (stems[index - 1] if index else frozenset())
            read = reading.sentence_scores[index] if reading and index < len(reading.sentence_scores) else LOWEST
            features = {
                "read": max(read, LOWEST),
                "read_passage": max(reading.log_odds, LOWEST) if reading else LOWEST,
                "similarity": hit.sentence_similarities[index] if index < len(hit.sentence_similarities) else 0.0,
                "coverage": coverage(wanted, around),
                "is_whole": float(is_complete_sentence(texts[index])),
                "is_question": float(texts[index].rstrip("\"'”’").endswith("?")),
            }
            holds_span = (
                reading and reading.span and contains_span((start - chunk.start, end - chunk.start), reading.span)
            )
            margin = reading.span_margin if reading and holds_span else None
            found.append(Candidate(number, index, (start, end), features, margin))
    return found


def text_of(candidate: Candidate, hits: Sequence[Hit]) -> str:
    return hits[candidate.hit].chunk.sentence_text(candidate.span)


def text_before(candidate: Candidate, hits: Sequence[Hit], sentences: int) -> str:
    """Up to so many sentences before it in the same passage, "" at its beginning."""
    chunk, first = hits[candidate.hit].chunk, max(0, candidate.sentence - sentences)
    if not candidate.sentence:
        return ""
    return chunk.sentence_text((chunk.sentences[first][0], chunk.sentences[candidate.sentence - 1][1]))


def contains_span(outer: Span, inner: Span) -> bool:
    """True if `inner` lies within `outer`."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def features_of_all(question: str, hits: Sequence[Hit], readings: Sequence[Reading]) -> dict[str, float]:
    """Features of the whole: do these hits hold an answer? {} without readings."""
    if not readings:
        return {}
    similarity = max((similarity for hit in hits for similarity in hit.sentence_similarities), default=0.0)
    return {
        "read_and_similar": highest_log_odds(readings) + SIMILARITY_WORTH * similarity,
        "similarity_of_long": similarity if len(question.split()) >= LONG_QUESTION else 0.0,
    }


def highest_log_odds(readings: Sequence[Reading]) -> float:
    """Of the passage that is most likely to answer: of those that both networks have read, where there are any."""
    both = [reading.log_odds for reading in readings if reading.reread is not None]
    return max(both or [reading.answerable for reading in readings])
