"""Run an evaluation from beginning to end: corpus, gold check, questions, outcomes. Prints nothing."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from rag.evaluation.cases import Case, CaseSet, check_gold
from rag.evaluation.corpus import Corpus, cache_folder, corpus_settings
from rag.evaluation.outcome import Outcome
from rag.evaluation.results import Evaluation, measured_settings
from rag.evaluation.run import Keep, partial_run, run_cases
from rag.ingestion.indexing import OnProgress
from rag.protocols import AnswersQuestions
from rag.settings import Settings
from vectorstore.values import SHARED_LIBRARY

OpenEngine = Callable[[Settings], AbstractAsyncContextManager[AnswersQuestions]]


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
    on_outcome: Keep | None = None,
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
            await engine.library.ingest(corpus.paths, SHARED_LIBRARY, True, on_ingest)
        else:
            check_gold(case_set.cases, await stored_texts(engine, gold_articles(case_set.cases)))
        with partial_run(unfinished, resume) as partial:

            def keep(outcome: Outcome) -> None:
                partial.keep(outcome)
                if on_outcome:
                    on_outcome(outcome)

            for outcome in partial.finished.values():
                if on_outcome:
                    on_outcome(outcome)
            started = time.perf_counter()
            outcomes = await run_cases(case_set.cases, engine, keep, partial.finished, concurrency)
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
    library = corpus.digest if corpus else settings.ledger_url
    options = [settings.embedder_options, settings.reranker_options]
    servers = [settings.openai_base_url, settings.embedder_base_url]
    run = [case_set.digest, library, measured_settings(settings), options, servers]
    key = hashlib.sha256(json.dumps(run, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return cache_folder(settings) / "runs" / f"{key}.jsonl"
