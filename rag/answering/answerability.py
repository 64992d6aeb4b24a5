"""Step 3: which sentences answer, and whether the hits hold an answer at all. Two small logistic models. Pure.

The weights are fitted on public question sets by training/fit_judge.py and lie in rag/data/judge.json.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from rag.answering.features import Candidate, Idf, analyse_question, candidates_of, evidence_of
from rag.answering.reader import Reading
from vectorstore.values import Hit


@dataclass(frozen=True, slots=True)
class Logistic:
    """P = 1 / (1 + exp(-(bias + weights · features))). A feature without a weight is not looked at."""

    bias: float
    weights: Mapping[str, float]

    def probability(self, features: Mapping[str, float]) -> float:
        """In (0, 1)."""
        score = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))


@dataclass(frozen=True, slots=True)
class Parameters:
    """The fitted models. `threshold`: P(answered) from which the program answers; `reads`: made for a reader."""

    sentence: Logistic
    answer: Logistic
    threshold: float
    reads: bool
    operating_point: str


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
        fields["reads"],
        fields["operating_point"],
    )


def score_answerability(
    question: str, hits: Sequence[Hit], readings: Sequence[Reading], idf: Idf, parameters: Parameters
) -> AnswerabilityScore:
    """Rank the sentences and say how probable an answer is; 0 without hits."""
    asked = analyse_question(question, idf)
    candidates = candidates_of(asked, hits, readings)
    scored = [(candidate, parameters.sentence.probability(candidate.features)) for candidate in candidates]
    ranked = sorted(scored, key=lambda pair: (-pair[1], pair[0].hit, pair[0].sentence))
    evidence = evidence_of(asked, hits, readings, ranked)
    probability = parameters.answer.probability(evidence) if evidence else 0.0
    return AnswerabilityScore(asked.answer_type, tuple(ranked), probability, evidence)
