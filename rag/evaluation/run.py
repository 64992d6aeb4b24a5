"""Ask every case of a set, a few at a time, and write each outcome to disk at once: a run can be resumed."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from rag.errors import EvaluationError
from rag.evaluation.cases import Case
from rag.evaluation.outcome import Outcome, outcome_of
from rag.protocols import AnswersQuestions
from vectorstore.errors import DatelineError
from vectorstore.values import Scope

OUTCOMES = TypeAdapter(Outcome)
Keep = Callable[[Outcome], None]


async def run_cases(
    cases: Sequence[Case],
    engine: AnswersQuestions,
    keep: Keep,
    finished: Mapping[str, Outcome],
    concurrency: int = 1,
) -> list[Outcome]:
    """The outcome of every case, in the order of the cases; those in `finished` are not asked again."""
    outcomes = dict(finished)
    waiting = iter([case for case in cases if case.id not in outcomes])

    async def work() -> None:
        for case in waiting:
            outcomes[case.id] = await run_case(case, engine)
            keep(outcomes[case.id])

    await asyncio.gather(*(work() for _ in range(concurrency)))
    return [outcomes[case.id] for case in cases]


async def run_case(case: Case, engine: AnswersQuestions) -> Outcome:
    """The outcome of one case; whatever goes wrong is an outcome, too."""
    scope = Scope(asked_at=case.asked_at)
    # gather() hands errors over as values: one broken question must not end an evaluation of hundreds.
    [answer] = await asyncio.gather(engine.ask(case.question, case.history, scope), return_exceptions=True)
    if isinstance(answer, BaseException):
        known = isinstance(answer, DatelineError)
        return Outcome(case.id, error=str(answer) if known else f"{type(answer).__name__}: {answer}")
    return await outcome_of(case, answer, engine.library.article, scope.libraries)


class PartialRun:
    """Finished outcomes of a run on disk, one JSON object a line. Open it with `partial_run`."""

    def __init__(self, file: IO[str], finished: Mapping[str, Outcome]) -> None:
        self.file = file
        self.finished = finished

    def keep(self, outcome: Outcome) -> None:
        """Append an outcome; it is on disk when this returns."""
        self.file.write(OUTCOMES.dump_json(outcome).decode() + "\n")
        self.file.flush()


@contextmanager
def partial_run(path: Path, resume: bool) -> Iterator[PartialRun]:
    """The partial run at `path`: its finished outcomes when resuming, an empty one otherwise.

    Raises EvaluationError when another evaluation is writing it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise EvaluationError(
            f"Another evaluation of these cases is running ({path}): wait for it or end it."
        ) from None
    try:
        finished = read_finished(path) if resume else {}
        with path.open("w", encoding="utf-8") as file:
            partial = PartialRun(file, finished)
            for outcome in finished.values():
                partial.keep(outcome)
            yield partial
    finally:
        lock.release()


def read_finished(path: Path) -> dict[str, Outcome]:
    """Outcomes kept by an earlier run, without those that ended in an error: they are asked again."""
    finished: dict[str, Outcome] = {}
    for line in path.read_text("utf-8").split("\n") if path.exists() else ():
        try:
            outcome = OUTCOMES.validate_json(line)
        except ValidationError:
            # The last line of a run that was killed may be half a line; that case is asked again.
            continue
        if not outcome.error:
            finished[outcome.case_id] = outcome
    return finished
