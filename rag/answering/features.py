"""Features of step 3: named numbers on how well a sentence, and the hits as a whole, answer a question. Pure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.answering.reader import Reading
from rag.text import STOP_WORDS, stems_of, words_of
from vectorstore.stems import stem
from vectorstore.values import Hit, Span

Idf = Callable[[str], float]
"""How rare a word is in the library, in [0, 1] (LexicalIndex.idf)."""

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
MAX_BIGRAM_DISTANCE = 3
"""Largest distance in words at which two words count as a bigram. A guess."""
EXPECTED_ANSWER_TYPE = {"when": DATE, "count": NUMBER_WORD, "who": NAME, "where": PLACE, "why": REASON}
"""What a sentence must contain to answer a question of that type."""
QUESTION_TYPES = (
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
"""Question types; the first pattern that matches decides."""


@dataclass(frozen=True, slots=True)
class QuestionAnalysis:
    """A question analysed once: its answer type, its content words with their idf, and its bigrams of content words."""

    answer_type: str
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


def analyse_question(question: str, idf: Idf) -> QuestionAnalysis:
    """What the words of a question ask for."""
    lowered = question.lower().strip()
    answer_type = next(name for name, pattern in QUESTION_TYPES if pattern.search(lowered))
    words = {word: idf(word) for word in dict.fromkeys(words_of(question)) if word not in STOP_WORDS}
    names = frozenset(name.group().lower().removesuffix("'s").removesuffix("’s") for name in NAME.finditer(question))
    return QuestionAnalysis(
        answer_type,
        words,
        content_bigrams(question),
        names,
        frozenset(NUMBER.findall(question)),
        bool(NEGATION.search(question)),
    )


def content_bigrams(question: str) -> tuple[tuple[str, str], ...]:
    """Stems of content words that follow each other, at most one stop word between them ("Kremlin spokesman")."""
    places = [(place, stem(word)) for place, word in enumerate(words_of(question)) if word not in STOP_WORDS]
    return tuple((first, then) for (at, first), (to, then) in pairwise(places) if to - at <= 2)


def coverage(asked: QuestionAnalysis, stems: frozenset[str]) -> float:
    """Share of the question's content words, weighted by idf, that occur among the stems; 1 when it has none."""
    total = sum(asked.words.values())
    return sum(weight for word, weight in asked.words.items() if stem(word) in stems) / total if total > 0 else 1.0


def bigram_proximity(asked: QuestionAnalysis, text: str) -> float:
    """Share of the question's bigrams that are close to each other in the text too, in any order; 1 without any."""
    if not asked.pairs:
        return 1.0
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words_of(text)):
        places.setdefault(stem(word), []).append(place)
    found = sum(
        any(abs(a - b) <= MAX_BIGRAM_DISTANCE for a in places.get(first, ()) for b in places.get(then, ()))
        for first, then in asked.pairs
    )
    return found / len(asked.pairs)


def max_missing_idf(asked: QuestionAnalysis, stems: frozenset[str]) -> float:
    """Idf of the rarest question word that does not occur, 0 when all do."""
    return max((weight for word, weight in asked.words.items() if stem(word) not in stems), default=0.0)


def missing_share(wanted: frozenset[str], stems: frozenset[str]) -> float:
    """Share of names or numbers that do not occur, 0 without any."""
    return sum(stem(word) not in stems for word in wanted) / len(wanted) if wanted else 0.0


def matches_answer_type(answer_type: str, sentence: str) -> float:
    """1 when the sentence holds what such a question asks for (a date, a number, a name, a reason), -1 when it does not.

    0 for questions that could be answered by anything.
    """
    pattern = EXPECTED_ANSWER_TYPE.get(answer_type)
    return 0.0 if pattern is None else 1.0 if pattern.search(sentence) else -1.0


def contains_span(outer: Span, inner: Span) -> bool:
    """True if `inner` lies within `outer`."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def is_complete_sentence(sentence: str) -> bool:
    """True if it ends as sentences end. Headings, captions and list entries do not."""
    return sentence.rstrip("\"'”’»)]} ")[-1:] in tuple(".!?…。！？؟:;")


def candidates_of(asked: QuestionAnalysis, hits: Sequence[Hit], readings: Sequence[Reading]) -> list[Candidate]:
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
        # A derived title is the article's first words: they say nothing about this sentence.
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
                "rarest_missing": max_missing_idf(asked, around),
                "names_missing": missing_share(asked.names, around),
                "numbers_missing": missing_share(asked.numbers, around),
                "together": bigram_proximity(asked, texts[index]),
                "fits_kind": matches_answer_type(asked.answer_type, texts[index]),
                "is_whole": float(is_complete_sentence(texts[index])),
                "is_question": float(texts[index].rstrip("\"'”’").endswith("?")),
                "words": math.log1p(len(texts[index].split())),
                "negation_differs": float(asked.negated != bool(NEGATION.search(texts[index]))),
                "read": read,
                "read_behind_passage": best_read - read,
                "passage_answerable": reading.answerable if reading else -12.0,
                "holds_span": float(
                    span is not None and contains_span((sentence_start - chunk.start, sentence_end - chunk.start), span)
                ),
                "span_margin": reading.span_margin if reading else -20.0,
            }
            found.append(Candidate(number, index, (sentence_start, sentence_end), features))
    return found


def evidence_of(
    asked: QuestionAnalysis, hits: Sequence[Hit], readings: Sequence[Reading], ranked: Sequence[tuple[Candidate, float]]
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
        "rarest_missing_top": max_missing_idf(asked, top_stems),
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
