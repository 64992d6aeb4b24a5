"""Step 3: which sentences answer, and whether the hits hold an answer at all. Two small logistic models. Pure.

The weights are fitted on question sets, public ones and the project's own, by training/fit_judge.py and lie in
rag/data/judge.json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from rag.answering.features import (
    Candidate,
    answer_type_of,
    candidates_of,
    content_stems,
    features_of_all,
    highest_log_odds,
)
from rag.answering.keywords import keywords_of, telling_most
from rag.answering.reader import Reading
from rag.answering.speakers import speaking_of_it
from rag.logistic import Logistic, sigmoid
from vectorstore.values import Hit

SHORT_QUESTION, SURE = 3, 1.0
"""On a question of at most so many words of content the reader alone is believed from these log-odds on: "Who is Steve
Witkoff?" has too few words to be very similar to any sentence. Measured: docs/quality.md."""
SPOKEN = 0.9
"""That a sentence in which the asked one speaks of what was asked answers "What did Peskov say about the summit?"."""
ALL_TOLD = 0.8
"""That sentences with all keywords tell of them: they do, but nobody asked a question."""
MAX_LEADING = 3
"""Sentences of a summary."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The fitted models. `threshold`: P(answered) from which the program answers.

    rates: at that threshold, of the second question set, to which nothing is fitted, the answerable questions that are answered
    and the others that are refused.
    """

    sentence: Logistic
    answer: Logistic
    threshold: float
    rates: tuple[float, float]


@dataclass(frozen=True, slots=True)
class AnswerabilityScore:
    """`ranked`: candidates with P(answers), best first. `probability`: that the hits hold an answer."""

    answer_type: str
    ranked: tuple[tuple[Candidate, float], ...]
    probability: float
    features: Mapping[str, float]


@lru_cache(maxsize=1)
def shipped_parameters() -> Parameters:
    """The parameters in rag/data/judge.json."""
    return parameters_from(files("rag.data").joinpath("judge.json").read_text("utf-8"))


def parameters_from(text: str) -> Parameters:
    """Parameters from their JSON form."""
    fields = json.loads(text)
    return Parameters(
        Logistic(fields["sentence"]["bias"], fields["sentence"]["weights"]),
        Logistic(fields["answer"]["bias"], fields["answer"]["weights"]),
        fields["threshold"],
        (fields["rates"]["answered"], fields["rates"]["refused"]),
    )


def score_answerability(
    question: str, hits: Sequence[Hit], readings: Sequence[Reading], parameters: Parameters
) -> AnswerabilityScore:
    """Rank the sentences and say how probable an answer is; 0 without hits."""
    candidates = candidates_of(question, hits, readings)
    scored = [(candidate, parameters.sentence.probability(candidate.features)) for candidate in candidates]
    ranked = sorted(scored, key=lambda pair: (-pair[1], pair[0].hit, pair[0].sentence))
    evidence = features_of_all(question, hits, readings)
    probability = parameters.answer.probability(evidence) if evidence else 0.0
    if evidence and len(content_stems(question)) <= SHORT_QUESTION:
        probability = max(probability, sigmoid(highest_log_odds(readings) - SURE))
    if speaking_of_it(question, [candidate for candidate, _ in ranked], hits):
        probability = max(probability, SPOKEN)
    if telling := telling_most(keywords_of(question), ranked, hits):
        ranked, probability = telling, max(probability, ALL_TOLD)
    return AnswerabilityScore(answer_type_of(question), tuple(ranked), probability, evidence)


def leading_sentences(hits: Sequence[Hit]) -> AnswerabilityScore:
    """For a summary: the first statements of each passage, as sure as can be. What a news article says first, it is about."""
    ranked: list[tuple[Candidate, float]] = []
    statements = [candidate for candidate in candidates_of("", hits, ()) if candidate.is_statement]
    for hit in range(len(hits)):
        leading = [one for one in statements if one.hit == hit][: max(1, MAX_LEADING // len(hits))]
        ranked += [(one, 1.0 - place / 100) for place, one in enumerate(leading)]
    return AnswerabilityScore("", tuple(sorted(ranked, key=lambda pair: -pair[1])), 1.0 if ranked else 0.0, {})
