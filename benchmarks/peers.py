"""Dateline beside LlamaIndex, haiku.rag and paper-qa: one corpus, one embedding model, one scripted model, one run, ratios.

    python -m benchmarks.peers [--data FOLDER] [--llama-index-python PYTHON] [--haiku-python PYTHON] [--paper-qa-python PYTHON]

FOLDER holds cases.jsonl and corpus.jsonl in the format of tests/cases (whose newsroom.jsonl and the article in seeds/ are the
default). LlamaIndex wants an environment with llama-index-vector-stores-chroma, -llms-openai-like and -embeddings-openai-like,
haiku.rag and paper-qa one each. What has no environment or fails is left out, with the reason.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.own_process import REPOSITORY
from benchmarks.peer_adapters import Shown
from benchmarks.scripted_server import Statement, serving
from rag.errors import EvaluationError
from rag.evaluation.cases import Case, load_cases
from rag.evaluation.evaluate import read_corpus
from rag.evaluation.metrics import groups_present, quote_found
from rag.ingestion.read_articles import ReadArticle, read_paths
from vectorstore.values import Article

NAMES = {
    "dateline": "Dateline, quoting",
    "dateline_with_model": "Dateline, the model writes",
    "dateline_alone": "Dateline, quoting, its embedding model in its process",
    "llama_index": "LlamaIndex, CitationQueryEngine",
    "haiku_rag": "haiku.rag",
    "paper_qa": "paper-qa",
}
HEADINGS = (
    "", "version", "ingest", "a question", "peak memory", "calls of the model", "cited passages verbatim", "words cited",
    "cited text holds the answer", "true sentences shown", "false sentences shown",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """What one system did: seconds to ingest and (median) for a question, MB, calls and words cited; the rest (part, whole)."""

    version: str
    ingest: float
    question: float
    memory: float
    calls: float
    words: float
    verbatim: tuple[int, int]
    gold: tuple[int, int]
    true: tuple[int, int]
    false: tuple[int, int]


def measure(
    shown: Shown, cases: Sequence[Case], texts: Mapping[str, str], said: Sequence[Statement], calls: int
) -> Measured:
    """Hold what was shown against the articles, the gold and what the model had said. Spaces are not compared."""
    answers = {answer["id"]: answer for answer in shown["answers"]}
    cited = [(article, passage) for answer in answers.values() for article, passage in answer["citations"]]
    by_case = [[passage for _, passage in answers[case.id]["citations"]] for case in cases]
    by_question: defaultdict[str, str] = defaultdict(str)
    for case in cases:
        by_question[case.question] += plain(answers[case.id]["text"]) + "\n"
    all_shown = "".join(by_question.values())

    def shown_of(true: bool) -> tuple[int, int]:
        such = [one for one in said if one.true == true]
        # A question that was put in other words before the model saw it is not known: then any answer may show the sentence.
        return sum(plain(one.sentence[:-1]) in by_question.get(one.question, all_shown) for one in such), len(such)

    return Measured(
        shown["version"],
        shown["ingest"],
        statistics.median(answer["seconds"] for answer in answers.values()),
        shown["memory"],
        calls / len(cases),
        statistics.mean([len(" ".join(passages).split()) for passages in by_case if passages] or [0]),
        (
            sum(bool(passage) and plain(passage) in plain(texts.get(article, "")) for article, passage in cited),
            len(cited),
        ),
        (sum(holds_gold(case, passages) for case, passages in zip(cases, by_case, strict=True)), len(cases)),
        shown_of(True),
        shown_of(False),
    )


def holds_gold(case: Case, passages: Sequence[str]) -> bool:
    """Whether these passages hold the answer, or a gold quote: what `dateline evaluate` calls answer_or_gold_in_quotes."""
    answered = bool(case.answers) and groups_present(passages, case.answers)
    return answered or any(quote_found(gold, passages) for gold in case.gold_quotes)


def plain(text: str) -> str:
    return " ".join(text.split())


def table(measured: Mapping[str, Measured]) -> str:
    """Markdown; times and memory as ratios against the first system, whose own numbers stand beside its 1.00."""
    first = next(iter(measured.values()))
    lines = [f"| {' | '.join(HEADINGS)} |", "| --- " * len(HEADINGS) + "|"]
    for system, one in measured.items():
        cells = [NAMES[system], one.version]
        for value, reference, unit in (
            (one.ingest, first.ingest, "s"), (one.question, first.question, "s"), (one.memory, first.memory, "MB")
        ):  # fmt: skip
            cells.append(f"{value / reference:.2f}" + (f" ({value:.3g} {unit})" if one is first else ""))
        cells += [f"{one.calls:.1f}", share(one.verbatim), f"{one.words:.0f}"]
        lines.append(f"| {' | '.join([*cells, *map(share, (one.gold, one.true, one.false))])} |")
    return "\n".join(lines)


def share(counted: tuple[int, int]) -> str:
    part, whole = counted
    return f"{part / whole:.3f} ({part} of {whole})" if whole else "–"


def run(system: str, python: str, base_url: str, articles: Sequence[Article], cases: Sequence[Case]) -> Shown:
    """What one system shows. Raises CalledProcessError where its process fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "articles.jsonl", [
            {"id": article.id, "title": article.title, "source": article.source, "text": article.text,
             "published": article.published.isoformat() if article.published else ""}
            for article in articles
        ])  # fmt: skip
        write_rows(folder / "questions.jsonl", [
            {"id": case.id, "question": case.question, "asked_at": case.asked_at.isoformat() if case.asked_at else ""}
            for case in cases
        ])  # fmt: skip
        # Not the settings of whoever runs it; nothing of the peers' that would reach out of this machine.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DATELINE_")}
        environment |= {"PYTHONPATH": str(REPOSITORY), "HOME": name, "NO_PROXY": "127.0.0.1"}
        environment |= {"ANONYMIZED_TELEMETRY": "False", "HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        command = [python, str(REPOSITORY / "benchmarks" / "peer_adapters.py"), system, name, base_url]
        subprocess.run(command, env=environment, cwd=name, capture_output=True, text=True, check=True)
        shown: Shown = json.loads((folder / "shown.json").read_text("utf-8"))
        return shown


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def main() -> None:
    """Every system for which there is a Python, one after the other, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with cases.jsonl and a corpus in place of tests/cases")
    for option in ("--llama-index-python", "--haiku-python", "--paper-qa-python"):
        parser.add_argument(option, default="", help="the Python of an environment that has it")
    options = parser.parse_args()
    data = options.data or REPOSITORY / "tests" / "cases"
    paths = [data / "corpus.jsonl"] if options.data else [data / "newsroom.jsonl", REPOSITORY / "seeds"]
    try:
        texts, asked = read_corpus(paths).texts, load_cases([data / "cases.jsonl"]).cases
    except EvaluationError as error:
        parser.error(str(error))
    articles = [read.article for read in read_paths(paths) if isinstance(read, ReadArticle)]
    # Questions that can be understood alone, in English: the scripted model compares words.
    alone = [case for case in asked if not case.history and "other-language" not in case.tags]
    cases = [case for case in alone if not case.refusal_expected]
    if not cases:
        parser.error(f"{data / 'cases.jsonl'} has no question with an answer and without history: add one.")
    pythons = {
        "dateline": sys.executable,
        "dateline_with_model": sys.executable,
        "dateline_alone": sys.executable,
        "llama_index": options.llama_index_python,
        "haiku_rag": options.haiku_python,
        "paper_qa": options.paper_qa_python,
    }
    measured: dict[str, Measured] = {}
    for system, python in pythons.items():
        if not python:
            print(f"{NAMES[system]} is left out: name the Python of an environment that has it.", file=sys.stderr)
            continue
        with serving() as (base_url, model):
            try:
                shown = run(system, python, base_url, articles, cases)
            except (subprocess.CalledProcessError, OSError) as error:
                reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
                print(f"{NAMES[system]} is left out, it failed: {reason}", file=sys.stderr)
                continue
            measured[system] = measure(shown, cases, texts, model.said, model.calls)
    print(f"{len(articles)} articles, {len(cases)} questions that they answer\n\n{table(measured)}")


if __name__ == "__main__":
    main()
