"""How long an evaluation takes beside the answers themselves, and that a corpus is ingested once.

    python benchmarks/bench_evaluate.py CASES CORPUS

The limit is over everything a second run does: opening the library, asking, scoring, intervals.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rag.evaluation.cases import load_cases
from rag.evaluation.evaluate import evaluate, read_corpus
from rag.evaluation.results import evaluation_json
from rag.factory import open_engine
from rag.settings import Settings

MOST = 1.2
"""Longest evaluation, as a multiple of the sum of the answers' own times."""


def timed_run(home: Path, cases: Path, corpus: Path, concurrency: int) -> tuple[float, float, int]:
    """Seconds of a whole run, seconds of its answers, and how often articles were indexed."""
    indexed: list[object] = []
    started = time.perf_counter()
    run = evaluate(
        load_cases([cases]),
        read_corpus([corpus]),
        Settings(home=home),
        open_engine,
        concurrency=concurrency,
        on_ingest=lambda progress: indexed.append(progress) if progress.total else None,
    )
    evaluation = asyncio.run(run).evaluation
    evaluation_json(evaluation)
    seconds = time.perf_counter() - started
    answers = sum((outcome.timings_ms or {}).get("total", 0.0) for outcome in evaluation.outcomes) / 1000
    return seconds, answers, len(indexed)


def main(arguments: Sequence[str]) -> int:
    """Print the measurements; 1 when a limit is not kept."""
    cases, corpus = (Path(argument) for argument in arguments)
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        for name, concurrency in (("first", 1), ("second", 1), ("two at a time", 2), ("four at a time", 4)):
            seconds, answers, indexed = timed_run(Path(folder), cases, corpus, concurrency)
            ratio = seconds / answers
            print(f"{name:15} {seconds:7.1f} s, answers {answers:7.1f} s, ratio {ratio:.2f}, indexing steps {indexed}")
            if name != "first":
                kept = kept and ratio <= MOST and indexed == 0
    print("kept" if kept else f"not kept: at most {MOST} x, and no indexing after the first run")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
