"""`dateline evaluate`: run a question set, print how good the answers are, and block when they got worse."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from bot.terminal.errors import ANSWERED, FAILED, notify
from bot.terminal.render_evaluation import evaluation_view, model_grades_view, verdict_view
from rag.evaluation import gate
from rag.evaluation.cases import Case, CaseSet, load_cases
from rag.evaluation.evaluate import Corpus, Evaluated, evaluate, read_corpus
from rag.evaluation.model_judge import ModelGrades, grade_answers
from rag.evaluation.outcome import Outcome
from rag.evaluation.report import report_html
from rag.evaluation.results import baseline_json, evaluation_json, json_text, read_baseline
from rag.evaluation.scores import score
from rag.factory import open_engine
from rag.ingestion.indexing import Progress
from rag.models.openai_client import Limits, Message, ModelServer
from rag.models.server import Server
from rag.settings import Settings

# A grade is one word; a model that thinks aloud first gets some room.
GRADE_TOKENS, GRADE_CHARACTERS = 200, 2_000


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """The options of `dateline evaluate`, as bot/cli.py declares them."""

    cases: tuple[Path, ...]
    corpus: tuple[Path, ...]
    json_file: Path | None
    report: Path | None
    baseline: Path | None
    thresholds: Path | None
    write_baseline: Path | None
    resume: bool
    concurrency: int
    no_model: bool
    judge: bool
    judge_model: str
    judge_repeats: int
    all_metrics: bool


async def evaluate_cases(settings: Settings, options: EvaluateOptions) -> int:
    """Evaluate, print, write what was asked for. FAILED when the gate does not pass. Raises DatelineError."""
    judge_model = options.judge_model or settings.model
    if options.judge and not judge_model:
        raise click.UsageError("--judge needs a model: set DATELINE_MODEL, or name one with --judge-model.")
    # Everything that can be wrong is read before the questions are asked: a typo must not cost minutes.
    case_set = load_cases(options.cases)
    corpus = read_corpus(options.corpus) if options.corpus else None
    limits = gate.read_thresholds(options.thresholds) if options.thresholds else None
    baseline = read_baseline(options.baseline) if options.baseline else None
    if baseline and options.baseline:
        gate.check_comparable(baseline, case_set, corpus.digest if corpus else "", options.baseline)

    answering = settings.model_copy(update={"model": ""}) if options.no_model else settings
    evaluated = await run(case_set, corpus, answering, options)
    console = Console()
    console.print(evaluation_view(evaluated.evaluation, options.all_metrics))
    if options.json_file:
        options.json_file.write_text(json_text(evaluation_json(evaluated.evaluation)), "utf-8")
    if options.report:
        options.report.write_text(report_html(evaluated.evaluation, evaluated.texts), "utf-8")
    if options.write_baseline:
        options.write_baseline.write_text(json_text(baseline_json(evaluated.evaluation)), "utf-8")
    if options.judge:
        console.print(model_grades_view(await graded(evaluated, settings, judge_model, options.judge_repeats)))
    if not (limits or baseline):
        return ANSWERED
    verdict = gate.gate_verdict(evaluated.evaluation, limits, baseline)
    console.print(verdict_view(verdict))
    return ANSWERED if verdict.passed else FAILED


async def run(case_set: CaseSet, corpus: Corpus | None, settings: Settings, options: EvaluateOptions) -> Evaluated:
    """The evaluation, with progress on a terminal. Ctrl-C says what to do next; finished cases are kept."""
    shown = ShownProgress({case.id: case for case in case_set.cases})
    with shown.bar:
        try:
            return await evaluate(
                case_set,
                corpus,
                settings,
                # Waits are told above the progress bar, which takes stderr over while it is shown.
                partial(open_engine, on_wait=notify),
                options.resume,
                options.concurrency,
                shown.on_ingest,
                shown.on_outcome,
            )
        except asyncio.CancelledError:
            kept = f"{shown.finished} of {len(case_set.cases)} cases are kept"
            notify(f"Stopped: {kept}; the same command with --resume goes on.")
            raise


async def graded(evaluated: Evaluated, settings: Settings, model: str, repeats: int) -> ModelGrades:
    """What a model of the settings' server thinks of the answers."""
    server = ModelServer(Server.of(settings, model), Limits.of(settings), notify)

    async def grade(prompt: str) -> str:
        return await server.text([Message("user", prompt)], GRADE_TOKENS, GRADE_CHARACTERS)

    try:
        return await grade_answers(evaluated.evaluation, grade, model, repeats)
    finally:
        await server.close()


class ShownProgress:
    """A progress bar on stderr with running scores; nothing where stderr is no terminal."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Bar(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.task = self.bar.add_task("reading articles", total=None)
        self.cases = cases
        self.finished = 0
        self.right = 0.0
        self.errors = 0

    def on_ingest(self, progress: Progress) -> None:
        self.bar.update(self.task, description=progress.step, completed=progress.done, total=progress.total)

    def on_outcome(self, outcome: Outcome) -> None:
        self.finished += 1
        self.right += score(self.cases[outcome.case_id], outcome)["correct"] or 0.0
        self.errors += bool(outcome.error)
        description = f"{self.right / self.finished:.0%} right" + (f", {self.errors} errors" if self.errors else "")
        self.bar.update(self.task, description=description, completed=self.finished, total=len(self.cases))
