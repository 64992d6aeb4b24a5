"""`dateline evaluate`: run a question set, print how good the answers are, and block when they got worse."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rag.evaluation.cases import Case, CaseSet
    from rag.evaluation.corpus import Corpus
    from rag.evaluation.evaluate import Evaluated
    from rag.evaluation.model_judge import Judgement
    from rag.evaluation.outcome import Outcome
    from rag.ingestion.indexing import Progress
    from rag.settings import Settings

STOPPED = 130
# A grade is one word; a model that thinks aloud first gets some room.
GRADE_TOKENS, GRADE_CHARACTERS = 200, 2_000
IN_FILE = click.Path(path_type=Path)
OUT_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


def in_a_folder(_context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file to write must have a folder to stand in: said before the questions are asked, not after."""
    if path and not path.parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} does not exist.", param=parameter)
    return path


@click.command()
@click.argument("cases", nargs=-1, required=True, type=IN_FILE)
@click.option("--corpus", multiple=True, type=IN_FILE, help="Articles to ask about, a file or folder; repeatable.")
@click.option("--json", "json_file", type=OUT_FILE, callback=in_a_folder, help="Write everything measured here.")
@click.option("--report", type=OUT_FILE, callback=in_a_folder, help="Write a page with every case and its quotes.")
@click.option("--baseline", type=IN_FILE, help="Compare with this earlier run; a significant loss exits with 1.")
@click.option("--thresholds", type=IN_FILE, help="Limits for metrics; a breach exits with 1.")
@click.option("--write-baseline", type=OUT_FILE, callback=in_a_folder, help="Keep this run for later comparison.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped; errors are asked again.")
@click.option("--concurrency", default=1, show_default=True, type=click.IntRange(1, 64), help="Questions at a time.")
@click.option("--no-model", is_flag=True, help="Extractive answers, even if a model is set.")
@click.option("--judge", is_flag=True, help="Let a model grade the answers; printed apart from what is measured.")
@click.option("--judge-model", default="", help="The model that grades; DATELINE_MODEL when not given.")
@click.option("--judge-repeats", default=1, show_default=True, type=click.IntRange(1, 20), help="Grades an answer.")
@click.pass_context
def evaluate(
    context: click.Context,
    cases: tuple[Path, ...],
    corpus: tuple[Path, ...],
    json_file: Path | None,
    report: Path | None,
    baseline: Path | None,
    thresholds: Path | None,
    write_baseline: Path | None,
    resume: bool,
    concurrency: int,
    no_model: bool,
    judge: bool,
    judge_model: str,
    judge_repeats: int,
) -> None:
    """Ask every question of CASES (.jsonl or .yaml) and say how good the answers are.

    With --corpus the questions are put to a library of their own in the cache folder; yours is not touched.
    """
    from rich.console import Console

    from bot.terminal.render_evaluation import evaluation_view, judgement_view, verdict_view
    from rag.evaluation import gate
    from rag.evaluation.cases import load_cases
    from rag.evaluation.corpus import read_corpus
    from rag.evaluation.results import baseline_json, evaluation_json, json_text, read_baseline
    from rag.settings import load_settings

    with told_in_one_sentence():
        settings = load_settings()
        judge_model = judge_model or settings.model
        if judge and not judge_model:
            raise click.UsageError("--judge needs a model: set DATELINE_MODEL, or name one with --judge-model.")
        # Everything that can be wrong is read before the questions are asked: nobody waits minutes to learn of a typo.
        case_set = load_cases(cases)
        articles = read_corpus(corpus) if corpus else None
        limits = gate.read_thresholds(thresholds) if thresholds else None
        earlier = read_baseline(baseline) if baseline else None
        if earlier and baseline:
            gate.check_comparable(earlier, case_set, articles.digest if articles else "", baseline)

        answering = settings.model_copy(update={"model": ""}) if no_model else settings
        evaluated = run(case_set, articles, answering, resume, concurrency)

        console = Console()
        console.print(evaluation_view(evaluated.evaluation))
        if json_file:
            json_file.write_text(json_text(evaluation_json(evaluated.evaluation)), "utf-8")
        if report:
            from rag.evaluation.report import report_html

            report.write_text(report_html(evaluated.evaluation, evaluated.texts), "utf-8")
        if write_baseline:
            write_baseline.write_text(json_text(baseline_json(evaluated.evaluation)), "utf-8")
        if judge:
            console.print(judgement_view(judged(evaluated, settings, judge_model, judge_repeats)))
        if limits or earlier:
            verdict = gate.judge(evaluated.evaluation, limits, earlier)
            console.print(verdict_view(verdict))
            context.exit(0 if verdict.passed else 1)


def run(
    case_set: "CaseSet", corpus: "Corpus | None", settings: "Settings", resume: bool, concurrency: int
) -> "Evaluated":
    """The evaluation, with progress on a terminal. Ctrl-C leaves with what to do next; finished cases are kept."""
    from rag.evaluation.evaluate import evaluate
    from rag.factory import open_engine

    with shown_progress({case.id: case for case in case_set.cases}) as shown:
        try:
            return asyncio.run(
                evaluate(
                    case_set, corpus, settings, open_engine, resume, concurrency, shown.on_ingest, shown.on_outcome
                )
            )
        except KeyboardInterrupt:
            click.echo(
                f"ShouldStop: {shown.finished} of {len(case_set.cases)} cases are kept; "
                "the same command with --resume goes on.",
                err=True,
            )
            sys.exit(STOPPED)


def judged(evaluated: "Evaluated", settings: "Settings", model: str, repeats: int) -> "Judgement":
    """What a model of the settings' server thinks of the answers."""
    from rag.evaluation.model_judge import judge_answers
    from rag.models.openai_client import Limits, Message, ModelServer, Server

    async def grade() -> "Judgement":
        server = Server(model, settings.openai_base_url, settings.openai_api_key.get_secret_value())
        limits = Limits(
            settings.model_connect_seconds,
            settings.model_first_token_seconds,
            settings.model_between_tokens_seconds,
            settings.model_answer_seconds,
            settings.model_retries,
        )
        asked = ModelServer(server, limits)
        try:
            return await judge_answers(
                evaluated.evaluation,
                lambda prompt: asked.text([Message("user", prompt)], GRADE_TOKENS, GRADE_CHARACTERS),
                model,
                repeats,
            )
        finally:
            await asked.close()

    return asyncio.run(grade())


@contextmanager
def told_in_one_sentence() -> "Iterator[None]":
    """Known failures leave as one sentence on stderr."""
    from bot.cli import one_sentence
    from vectorstore.errors import DatelineError

    try:
        yield
    except DatelineError as error:
        raise one_sentence(error) from error


class ShownProgress:
    """A progress bar on stderr with running scores; nothing where stderr is no terminal."""

    def __init__(self, cases: "Mapping[str, Case]") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.task = self.bar.add_task("reading articles", total=None)
        self.cases = cases
        self.finished = 0
        self.right = 0.0
        self.errors = 0

    def on_ingest(self, progress: "Progress") -> None:
        """How far the corpus is."""
        self.bar.update(self.task, description=progress.step, completed=progress.done, total=progress.total)

    def on_outcome(self, outcome: "Outcome") -> None:
        """One more case is there."""
        from rag.evaluation.scores import score

        self.finished += 1
        self.right += score(self.cases[outcome.case_id], outcome)["correct"] or 0.0
        self.errors += bool(outcome.error)
        description = f"{self.right / self.finished:.0%} right" + (f", {self.errors} errors" if self.errors else "")
        self.bar.update(self.task, description=description, completed=self.finished, total=len(self.cases))


@contextmanager
def shown_progress(cases: "Mapping[str, Case]") -> "Iterator[ShownProgress]":
    """A progress display for as long as the questions are asked."""
    shown = ShownProgress(cases)
    with shown.bar:
        yield shown
