"""An optional second opinion: a model grades the answers given. Reported by the judge's name, apart from all metrics."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from rag.evaluation import metrics
from rag.evaluation.bootstrap import column, interval, on_all
from rag.evaluation.cases import Case
from rag.evaluation.outcome import Outcome
from rag.evaluation.results import Evaluation
from rag.evaluation.scores import Measured
from vectorstore.errors import DatelineError

AskModel = Callable[[str], Awaitable[str]]
"""From a prompt to the model's on_all reply. Raises ModelError."""

GRADE = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
PROMPT_TAG = re.compile(r"</?\s*(question|expected|answer|passages)\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelGrades:
    """What a judge found. correctness, faithfulness: share of yes, over the answers it graded.

    unreadable: replies that were neither yes nor no. errors: what a failing model server said, once each.
    """

    judge: str
    repeats: int
    correctness: Measured
    faithfulness: Measured
    unreadable: int
    errors: tuple[str, ...]


class Grades:
    """Grades as they come in, for one judge."""

    def __init__(self, ask: AskModel, repeats: int) -> None:
        self.ask = ask
        self.repeats = repeats
        self.unreadable = 0
        self.errors: dict[str, int] = {}

    async def grade(self, prompt: str) -> float | None:
        """Share of yes among the readable replies, None without any."""
        grades = []
        for _ in range(self.repeats):
            try:
                reply = await self.ask(prompt)
            except DatelineError as error:
                self.errors[str(error)] = self.errors.get(str(error), 0) + 1
                continue
            found = GRADE.search(reply)
            if found:
                grades.append(float(found.group(1).lower() == "yes"))
            else:
                self.unreadable += 1
        return sum(grades) / len(grades) if grades else None


async def grade_answers(evaluation: Evaluation, ask: AskModel, judge: str, repeats: int) -> ModelGrades:
    """Let a model grade every answer given to an answerable question. One question at a time: judges are slow servers."""
    grades = Grades(ask, repeats)
    given = [
        (case, outcome)
        for case, outcome in evaluation.pairs
        if not (case.refusal_expected or outcome.refused or outcome.error)
    ]
    correct = [await grades.grade(correctness_prompt(case, outcome)) for case, outcome in given]
    faithful = [await grades.grade(faithfulness_prompt(outcome)) for _, outcome in given]
    errors = tuple(f"{count} times: {error}" for error, count in grades.errors.items())
    return ModelGrades(judge, repeats, share_of(correct), share_of(faithful), grades.unreadable, errors)


def correctness_prompt(case: Case, outcome: Outcome) -> str:
    """Is the answer right, given what was expected?"""
    groups = [f"- one of: {' / '.join(group)}" for group in case.answers]
    expected = "\n".join([*groups, *(f"- {quote}" for quote in case.gold_quotes)])
    return fill_template("correctness.txt", question=case.question, expected=expected, answer=outcome.text)


def faithfulness_prompt(outcome: Outcome) -> str:
    """Does the answer say only what its quotes say?"""
    passages = "\n".join(f"[{passage.number}] {passage.quote}" for passage in outcome.citations)
    return fill_template("faithfulness.txt", passages=passages, answer=outcome.text)


def fill_template(name: str, **material: str) -> str:
    """A prompt file with its material put in; material cannot close the tags that it stands between."""
    prompt = files("rag.evaluation").joinpath(name).read_text("utf-8")
    return prompt.format(**{field: PROMPT_TAG.sub("", text) for field, text in material.items()})


def share_of(grades: Sequence[float | None]) -> Measured:
    n = sum(grade is not None for grade in grades)
    if n == 0:
        return Measured(float("nan"), float("nan"), float("nan"), 0)
    columns = {"grade": column(grades)}
    low, high = interval(lambda given: metrics.mean(given["grade"]), columns)
    return Measured(on_all(lambda given: metrics.mean(given["grade"]), columns), low, high, n)
