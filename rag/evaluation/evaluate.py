"""Run an evaluation: corpus, gold check, every case a few at a time, each outcome on disk at once. Prints nothing."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs
from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from rag.errors import EvaluationError
from rag.evaluation.cases import Case, CaseSet, check_gold
from rag.evaluation.outcome import Outcome, outcome_of
from rag.evaluation.results import Evaluation, measured_settings
from rag.ingestion.indexing import OnProgress
from rag.ingestion.read_articles import ArticleProblem, Skipped, read_paths
from rag.models.embedding import embedder_name
from rag.protocols import AnswersQuestions
from rag.settings import Settings
from vectorstore.errors import DatelineError
from vectorstore.values import SHARED_LIBRARY, Scope

OUTCOMES = TypeAdapter(Outcome)
OnOutcome = Callable[[Outcome], None]
OpenEngine = Callable[[Settings], AbstractAsyncContextManager[AnswersQuestions]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of articles. `digest` is over the articles, not over names of files; `texts` by article id."""

    paths: tuple[Path, ...]
    digest: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation, and the texts of the articles that were cited or are gold, for showing quotes in their place."""

    evaluation: Evaluation
    texts: Mapping[str, str]


async def evaluate(
    case_set: CaseSet,
    corpus: Corpus | None,
    settings: Settings,
    open_engine: OpenEngine,
    resume: bool = False,
    concurrency: int = 1,
    on_ingest: OnProgress | None = None,
    on_outcome: OnOutcome | None = None,
) -> Evaluated:
    """Ask every case of the set about the corpus, or about the user's library when there is none.

    Finished outcomes are on disk at any moment: a run that ends early goes on with `resume`. on_outcome is called for
    every outcome, resumed ones first. Raises EvaluationError, StoreError, EmbedderError.
    """
    unfinished = partial_path(case_set, corpus, settings)
    if corpus is not None:
        check_gold(case_set.cases, corpus.texts)
        settings = corpus_settings(settings, corpus)
    async with open_engine(settings) as engine:
        if corpus is not None:
            await engine.library.ingest(corpus.paths, SHARED_LIBRARY, True, on_ingest, prune_most=True)
        else:
            check_gold(case_set.cases, await stored_texts(engine, gold_articles(case_set.cases)))
        with partial_run(unfinished, resume, on_outcome) as partial:
            started = time.perf_counter()
            outcomes = await run_cases(case_set.cases, engine, partial, concurrency)
            wall_seconds = time.perf_counter() - started
        cited = [passage.article_id for outcome in outcomes for passage in outcome.citations]
        texts = await stored_texts(engine, [*cited, *gold_articles(case_set.cases)])
    digest = corpus.digest if corpus else ""
    return Evaluated(Evaluation(case_set, tuple(outcomes), digest, measured_settings(settings), wall_seconds), texts)


def gold_articles(cases: Sequence[Case]) -> list[str]:
    return [article_id for case in cases for article_id in case.gold_articles]


async def stored_texts(engine: AnswersQuestions, article_ids: Sequence[str]) -> dict[str, str]:
    """The texts of those of these articles that the shared library holds."""
    articles = [await engine.library.article(SHARED_LIBRARY, article_id) for article_id in dict.fromkeys(article_ids)]
    return {article.id: article.text for article in articles if article}


def partial_path(case_set: CaseSet, corpus: Corpus | None, settings: Settings) -> Path:
    """File of this run's outcomes: another set, corpus, library or setting is another run."""
    library = corpus.digest if corpus else str(settings.ledger_url)
    options = [settings.embedder_options, settings.reranker_options]
    servers = [settings.openai_base_url, settings.embedder_base_url]
    run = [case_set.digest, library, measured_settings(settings), options, servers]
    key = hashlib.sha256(json.dumps(run, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return cache_folder(settings) / "runs" / f"{key}.jsonl"


async def run_cases(
    cases: Sequence[Case], engine: AnswersQuestions, partial: "PartialRun", concurrency: int = 1
) -> list[Outcome]:
    """The outcome of every case, in the order of the cases; finished ones are not asked again."""
    outcomes = dict(partial.finished)
    waiting = iter([case for case in cases if case.id not in outcomes])

    async def work() -> None:
        for case in waiting:
            outcomes[case.id] = await run_case(case, engine)
            partial.keep(outcomes[case.id])

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

    def __init__(self, file: IO[str], finished: Mapping[str, Outcome], on_outcome: OnOutcome | None) -> None:
        self.file = file
        self.finished = finished
        self.on_outcome = on_outcome

    def keep(self, outcome: Outcome) -> None:
        """Append an outcome; it is on disk when on_outcome is called."""
        self.file.write(OUTCOMES.dump_json(outcome).decode() + "\n")
        self.file.flush()
        if self.on_outcome:
            self.on_outcome(outcome)


@contextmanager
def partial_run(path: Path, resume: bool, on_outcome: OnOutcome | None) -> Iterator[PartialRun]:
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
            partial = PartialRun(file, finished, on_outcome)
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


def read_corpus(paths: Sequence[Path]) -> Corpus:
    """All articles of these files and folders. Raises EvaluationError for the first that cannot be read."""
    texts: dict[str, str] = {}
    digest = hashlib.sha256()
    for read in read_paths(paths):
        if isinstance(read, Skipped):
            continue
        lost = (read.reason,) if isinstance(read, ArticleProblem) else read.draft.remarks
        if isinstance(read, ArticleProblem) or lost:
            raise EvaluationError(f"{read.place} {lost[0].rstrip('.')}: a corpus must be read in full.")
        article = read.article
        if article.id in texts:
            raise EvaluationError(f"{read.place} repeats the article id {article.id!r}: give every article its own.")
        texts[article.id] = article.text
        digest.update(article.digest.encode())
    if not texts:
        raise EvaluationError(f"{', '.join(map(str, paths))} holds no articles: name a corpus with articles.")
    return Corpus(tuple(paths), digest.hexdigest(), texts)


def corpus_settings(settings: Settings, corpus: Corpus) -> Settings:
    """The same settings with a library of the corpus's own: made once, found again while nothing has changed."""
    made_from = f"{corpus.digest} {embedder_name(settings)} {settings.embedder_options} {settings.chunk_tokens}"
    key = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    home = cache_folder(settings) / "corpora" / key
    in_files = {"home": home, "database_url": "", "chroma_url": ""}
    return settings.model_copy(update=in_files | {"store_answers": False})


def cache_folder(settings: Settings) -> Path:
    """Cache folder of evaluations: inside a configured home folder, else the user's cache folder."""
    if "home" in settings.model_fields_set:
        return settings.home / "cache"
    return Path(platformdirs.user_cache_dir("dateline", appauthor=False))
