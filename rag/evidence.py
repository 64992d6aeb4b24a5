"""What the steps of a question hand to each other: Evidence after step 3, Written after step 4."""

from dataclasses import dataclass

from rag.answer import EXTRACTIVE, Citation, Draft
from rag.answering.answerability import AnswerabilityScore
from rag.answering.reader import Reading
from rag.question import StandaloneQuestion
from vectorstore.values import Hit


@dataclass(frozen=True, slots=True)
class Evidence:
    """What steps 1 to 3 leave for one question.

    question: as asked; `standalone` is what was searched for. readings: of the first hits. threshold: P(answered) from which
    the program answers; rates: as in Parameters, None for a threshold that was set by hand.
    """

    id: str
    question: str
    standalone: StandaloneQuestion
    hits: tuple[Hit, ...]
    readings: tuple[Reading, ...]
    answerability: AnswerabilityScore
    threshold: float
    rates: tuple[float, float] | None = None

    @property
    def probability(self) -> float:
        """That the hits hold an answer."""
        return self.answerability.probability

    @property
    def answers(self) -> bool:
        """True if the reader and the judge around it are sure enough of an answer."""
        return bool(self.answerability.ranked) and self.probability >= self.threshold


@dataclass(frozen=True, slots=True)
class Written:
    """What step 4 leaves: text with [n] and its citations, or the reason for a refusal.

    unanswered, model_failed: as in Answer.
    parts: what was found and quoted for each question of several in one; () for one question, and where a model wrote.
    """

    text: str = ""
    citations: tuple[Citation, ...] = ()
    refusal: str = ""
    model: str = EXTRACTIVE
    note: str = ""
    draft: Draft | None = None
    unanswered: tuple[str, ...] = ()
    model_failed: bool = False
    parts: "tuple[tuple[Evidence, Written], ...]" = ()
