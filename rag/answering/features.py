"""What speaks for a sentence, and for the hits as a whole, answering a question: named numbers for step 3. Pure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from vectorstore.stems import stem
from vectorstore.values import Hit, Span

Rarity = Callable[[str], float]
"""How rare a word is in the library, in [0, 1] (LexicalIndex.rarity)."""

WORD = re.compile(r"\w+(?:['’]\w+)?")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
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
NAME = re.compile(r"(?<![.!?:\"“”'‘’]\s)(?<!^)\b[A-ZÀ-ÖØ-ÞА-Я][\w'’-]+")
PLACE = re.compile(r"\b(?:in|at|near|from|to|on|of|across|between|outside|through)\s+(?:the\s+)?[A-ZÀ-ÖØ-ÞА-Я]")
REASON = re.compile(
    r"\b(?:because|since|so that|in order|due to|to|for|as|after|owing|caused?|reasons?|therefore|over|amid)\b",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"\b(?:no|not|never|none|neither|nor|cannot|without|refus\w+|den(?:y|ies|ied)|unlike|except|fail\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
TOGETHER = 3
"""Words between which nothing much else can stand. A guess."""
SOUGHT = {"when": DATE, "count": NUMBER_WORD, "who": NAME, "where": PLACE, "why": REASON}
"""What a sentence must hold to answer that kind of question."""
STOP_WORDS = frozenset(
    WORD.findall(
        """
        a an and are as at be been being but by can could did do does doing for from had has have he her him his
        how i if in into is it its itself may me might more most much must my of on or our ours out over own
        shall she should so some such than that the their theirs them then there these they this those to too
        under until up us very was we were what when where which while who whom whose why will with would you
        your yours about after again all also am any because before between both down during each few further
        here just no nor not now off once only other same through
        """
    )
)
WHAT_IS_ASKED = (
    ("when", re.compile(r"\b(?:when|(?:what|which) (?:year|date|day|month|time)|how (?:long ago|recently))\b")),
    ("count", re.compile(r"\b(?:how (?:many|much|old|tall|long|far|large|big|high|often)|what (?:percentage|number))\b")),
    ("who", re.compile(r"\b(?:who|whom|whose|which (?:person|company|team|player|minister|president))\b")),
    ("where", re.compile(r"\b(?:where|what (?:city|country|state|place|town|region)|which (?:city|country|state|place|town))\b")),
    ("why", re.compile(r"\b(?:why|for what reason|what (?:caused|causes|led))\b")),
    ("how", re.compile(r"\bhow\b")),
    ("yes or no", re.compile(
        r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b"
    )),
    ("what", re.compile(r"")),
)  # fmt: skip
"""Kinds of question, the first that matches is it."""


class Reading(Protocol):
    """What a trained reader says of one passage (rag/answering/reader.py): log-odds, and the span it would underline."""

    @property
    def answerable(self) -> float:
        """Log-odds that the passage answers the question."""
        ...

    @property
    def sentence_scores(self) -> tuple[float, ...]:
        """Log-odds for each sentence."""
        ...

    @property
    def span(self) -> Span | None:
        """The words that answer, as offsets in the passage."""
        ...

    @property
    def span_margin(self) -> float:
        """Log-odds of that span against no span."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart once: what kind it is, its weighty words with their rarity, and which of them stand together."""

    kind: str
    words: Mapping[str, float]
    pairs: tuple[tuple[str, str], ...]
    names: frozenset[str]
    numbers: frozenset[str]
    negated: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that might answer. `sentence` is a span in the article; `features` are named numbers."""

    hit: int
    sentence: int
    span: Span
    features: Mapping[str, float]


def take_apart(question: str, rarity: Rarity) -> Asked:
    """What is asked, by the question's own words."""
    lowered = question.lower().strip()
    kind = next(name for name, pattern in WHAT_IS_ASKED if pattern.search(lowered))
    words = {word: rarity(word) for word in dict.fromkeys(words_of(question)) if word not in STOP_WORDS}
    names = frozenset(name.group().lower().removesuffix("'s").removesuffix("’s") for name in NAME.finditer(question))
    return Asked(
        kind, words, neighbours(question), names, frozenset(NUMBER.findall(question)), bool(NEGATION.search(question))
    )


def neighbours(question: str) -> tuple[tuple[str, str], ...]:
    """Stems of weighty words that follow each other, at most one small word between them ("Kremlin spokesman")."""
    places = [(place, stem(word)) for place, word in enumerate(words_of(question)) if word not in STOP_WORDS]
    return tuple((first, then) for (at, first), (to, then) in pairwise(places) if to - at <= 2)


def words_of(text: str) -> list[str]:
    """Lower-case words without possessive endings."""
    return [word.removesuffix("'s").removesuffix("’s") for word in WORD.findall(text.lower())]


def coverage(asked: Asked, stems: frozenset[str]) -> float:
    """Share of the question's words, weighted by rarity, that occur among the stems; 1 when it has no weighty words."""
    total = sum(asked.words.values())
    return sum(weight for word, weight in asked.words.items() if stem(word) in stems) / total if total > 0 else 1.0


def together(asked: Asked, text: str) -> float:
    """Share of the question's neighbouring words that stand together in the text too, in any order; 1 without any."""
    if not asked.pairs:
        return 1.0
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words_of(text)):
        places.setdefault(stem(word), []).append(place)
    found = sum(
        any(abs(a - b) <= TOGETHER for a in places.get(first, ()) for b in places.get(then, ()))
        for first, then in asked.pairs
    )
    return found / len(asked.pairs)


def stems_of(text: str) -> frozenset[str]:
    """The stems of a text's words."""
    return frozenset(stem(word) for word in words_of(text))


def rarest_missing(asked: Asked, stems: frozenset[str]) -> float:
    """Rarity of the rarest question word that does not occur, 0 when all do."""
    return max((weight for word, weight in asked.words.items() if stem(word) not in stems), default=0.0)


def missing_share(wanted: frozenset[str], stems: frozenset[str]) -> float:
    """Share of names or numbers that do not occur."""
    return sum(stem(word) not in stems for word in wanted) / len(wanted) if wanted else 0.0


def fits_kind(kind: str, sentence: str) -> float:
    """1 when the sentence holds what such a question asks for (a date, a number, a name, a reason), -1 when it does not.

    0 for questions that could be answered by anything.
    """
    pattern = SOUGHT.get(kind)
    return 0.0 if pattern is None else 1.0 if pattern.search(sentence) else -1.0


def holds(outer: Span, inner: Span) -> bool:
    """Does the one lie in the other?"""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def is_whole(sentence: str) -> bool:
    """Does it end as sentences end? Headings, captions and list entries do not."""
    return sentence.rstrip("\"'”’»)]} ")[-1:] in tuple(".!?…。！？؟:;")


def candidates_of(asked: Asked, hits: Sequence[Hit], readings: Sequence[Reading]) -> list[Candidate]:
    """Every sentence of the hits with its features, in the order of hits and of reading.

    readings: one for each of the first hits, none for the rest (and none at all without a reader).
    """
    best_similarity = max((max(hit.sentence_similarities, default=-1.0) for hit in hits), default=0.0)
    best_score = max((hit.score for hit in hits), default=1.0) or 1.0
    found: list[Candidate] = []
    for number, hit in enumerate(hits):
        chunk = hit.chunk
        texts = [chunk.sentence_text(sentence) for sentence in chunk.sentences]
        stems = [stems_of(text) for text in texts]
        # A derived title is the article's first words: that they are about something says nothing of this sentence.
        title_stems = frozenset() if chunk.title_derived else stems_of(chunk.title)
        chunk_stems = stems_of(chunk.text) | title_stems
        reading = readings[number] if number < len(readings) else None
        span = reading.span if reading else None
        best_read = max(reading.sentence_scores, default=-12.0) if reading else -12.0
        for index, (sentence_start, sentence_end) in enumerate(chunk.sentences):
            similarity = hit.sentence_similarities[index] if index < len(hit.sentence_similarities) else 0.0
            beside = [hit.sentence_similarities[near] for near in (index - 1, index + 1) if 0 <= near < len(texts)]
            around = stems[index] | title_stems | (stems[index - 1] if index else frozenset())
            read = reading.sentence_scores[index] if reading and index < len(reading.sentence_scores) else -12.0
            features = {
                "similarity": similarity,
                "similarity_behind_best": best_similarity - similarity,
                "neighbour_similarity": max(beside, default=0.0),
                "passage_similarity": hit.similarity,
                "passage_score": hit.score / best_score,
                "passage_place": 1.0 / (1 + number),
                "coverage": coverage(asked, stems[index]),
                "coverage_around": coverage(asked, around),
                "coverage_passage": coverage(asked, chunk_stems),
                "rarest_missing": rarest_missing(asked, around),
                "names_missing": missing_share(asked.names, around),
                "numbers_missing": missing_share(asked.numbers, around),
                "together": together(asked, texts[index]),
                "fits_kind": fits_kind(asked.kind, texts[index]),
                "is_whole": float(is_whole(texts[index])),
                "is_question": float(texts[index].rstrip("\"'”’").endswith("?")),
                "words": math.log1p(len(texts[index].split())),
                "negation_differs": float(asked.negated != bool(NEGATION.search(texts[index]))),
                "read": read,
                "read_behind_passage": best_read - read,
                "passage_answerable": reading.answerable if reading else -12.0,
                "holds_span": float(
                    span is not None and holds((sentence_start - chunk.start, sentence_end - chunk.start), span)
                ),
                "span_margin": reading.span_margin if reading else -20.0,
            }
            found.append(Candidate(number, index, (sentence_start, sentence_end), features))
    return found


def evidence_of(
    asked: Asked, hits: Sequence[Hit], readings: Sequence[Reading], ranked: Sequence[tuple[Candidate, float]]
) -> dict[str, float]:
    """Features of the whole: do these hits hold an answer? `ranked`: candidates with P(answers), best first."""
    if not hits or not ranked:
        return {}
    best, best_probability = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    elsewhere = next((p for candidate, p in ranked if candidate.hit != best.hit), 0.0)
    similarities = [hit.similarity for hit in hits]
    answerable = sorted((reading.answerable for reading in readings), reverse=True) or [-12.0]
    top_stems = frozenset().union(*(stems_of(f"{hit.chunk.title} {hit.chunk.text}") for hit in hits[:3]))
    return {
        "best_sentence": math.log(max(best_probability, 1e-6)),
        "second_sentence": math.log(max(second, 1e-6)),
        "best_elsewhere": math.log(max(elsewhere, 1e-6)),
        "similarity": best.features["similarity"],
        "highest_similarity": max(similarities),
        "both_searches_agree": float(hits[best.hit].dense_rank == 1 and hits[best.hit].lexical_rank == 1),
        "coverage_around": best.features["coverage_around"],
        "coverage_passage": best.features["coverage_passage"],
        "coverage_top": coverage(asked, top_stems),
        "rarest_missing": best.features["rarest_missing"],
        "rarest_missing_top": rarest_missing(asked, top_stems),
        "names_missing": best.features["names_missing"],
        "names_missing_top": missing_share(asked.names, top_stems),
        "numbers_missing_top": missing_share(asked.numbers, top_stems),
        "fits_kind": best.features["fits_kind"],
        "weighty_words": math.log1p(len(asked.words)),
        "read": best.features["read"],
        "read_best": max((max(reading.sentence_scores, default=-12.0) for reading in readings), default=-12.0),
        "answerable": answerable[0],
        "answerable_of_best": best.features["passage_answerable"],
        "answerable_mean": sum(answerable) / len(answerable),
        "answerable_second": answerable[1] if len(answerable) > 1 else -12.0,
    }
