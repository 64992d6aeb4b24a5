"""How well a network reads and verifies, by its passage outputs alone, on questions and claims it was not trained on.

    PYTHONPATH=. python training/evaluate.py DATA WORK/teacher WORK/student WORK/reader.onnx --work WORK

Each question of the dev sets, of the invented newsroom and of the seed article is searched for as the program does; the
network reads the first passages. Prints for each set the area under the curve and the best balanced accuracy of
answer-or-refuse, and how often the best sentence holds the answer; for claims the area on the sets held out.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from rag.answering.reader import Reading, interpret
from rag.factory import open_engine
from rag.models.passage_network import Encoded, NetworkScores, ReaderPassage, encode, network_inputs
from rag.models.wordpiece import bert_tokenizer
from rag.question import StandaloneQuestion
from rag.sentences import sentence_spans
from rag.settings import Settings
from training.fit_judge import OWN, files_of, holds_answer, is_gold
from training.network import MPNET, Network
from training.rows import read_jsonl
from training.sets import CLAIMS_HELD_OUT
from training.train import open_network
from vectorstore.values import Scope

SETS = ("squad2", "clapnq", "multihop_rag", "newsroom", "seed")
PASSAGES = 6


@dataclass(frozen=True)
class Question:
    """A question with what a search finds for it."""

    text: str
    answerable: bool
    answers: list[list[str]]
    gold_quotes: list[str]
    passages: list[ReaderPassage]


async def search(data: Path, home: Path, name: str) -> list[Question]:
    """The questions of a set, each with its first passages. A follow-up needs its history and is left out."""
    corpus, cases = (OWN.parent.parent / "seeds", OWN / "cases.jsonl") if name == "seed" else files_of(data, name)
    questions = []
    async with open_engine(Settings(home=home / name)) as engine:
        await engine.library.ingest([corpus])
        for row in map(json.loads, cases.read_text("utf-8").splitlines()):
            of_seed = "seed" in row["tags"]
            if row["history"] or of_seed != (name == "seed"):
                continue
            hits = engine.retrieve(StandaloneQuestion(row["question"], Scope()))[1][:PASSAGES]
            passages = [ReaderPassage(h.chunk.text, h.chunk.title, h.chunk.spans_within()) for h in hits]
            answerable = row["expect"] == "answer"
            questions.append(Question(row["question"], answerable, row["answers"], row["gold_quotes"], passages))
    return questions


def searched(data: Path, work: Path, name: str) -> list[Question]:
    """The same, searched once and kept."""
    kept = work / f"searched-{name}.json"
    if not kept.exists():
        kept.write_text(json.dumps([asdict(question) for question in asyncio.run(search(data, work / "homes", name))]))
    questions = []
    for row in json.loads(kept.read_text()):
        passages = [
            ReaderPassage(p["text"], p["title"], tuple(map(tuple, p["sentences"]))) for p in row.pop("passages")
        ]
        questions.append(Question(**row, passages=passages))
    return questions


class Runner:
    """A kept or exported network, as a function from encoded inputs to its scores."""

    def __init__(self, path: Path) -> None:
        self.session = None if path.is_dir() else onnxruntime.InferenceSession(str(path))
        self.network: Network | None = open_network(path, MPNET).eval() if path.is_dir() else None

    @property
    def verifies(self) -> bool:
        """False for a network without the third passage output."""
        return self.session is None or self.session.get_outputs()[1].shape[-1] == 3

    def run(self, encoded: Sequence[Encoded]) -> Iterator[NetworkScores]:
        """Token and passage scores of each, in order."""
        for one in encoded:
            inputs = network_inputs(one)
            if self.session is not None:
                taken = {one.name: inputs[one.name] for one in self.session.get_inputs()}
                tokens, passages = self.session.run(["token_scores", "passage_scores"], taken)
            elif self.network is not None:
                ids, mask, types = (
                    torch.from_numpy(inputs[n]) for n in ("input_ids", "attention_mask", "token_type_ids")
                )
                with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
                    tokens, passages = (scores.numpy() for scores in self.network(ids, mask > 0, types))
            yield NetworkScores(tokens[0], passages[0])


def read(runner: Runner, questions: Sequence[Question]) -> list[list[Reading]]:
    """A Reading for each passage of each question."""
    tokenizer = bert_tokenizer()
    encoded = [encode(tokenizer, question.text, passage) for question in questions for passage in question.passages]
    scores = iter(runner.run(encoded))
    inputs = iter(encoded)
    return [[interpret(next(inputs), next(scores)) for _ in question.passages] for question in questions]


def best_balanced(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The highest mean of both rates over all thresholds."""
    thresholds = np.quantile(scores, np.linspace(0, 1, 201))
    return max(float((scores[labels] >= t).mean() + (scores[~labels] < t).mean()) / 2 for t in thresholds)


def best_sentence_holds(question: Question, readings: Sequence[Reading]) -> bool:
    """True if the sentence with the highest score over all passages holds the answer or a gold quote."""
    scored = [
        (score, passage.text[slice(*span)])
        for passage, reading in zip(question.passages, readings, strict=True)
        for score, span in zip(reading.sentence_scores, passage.sentences, strict=False)
    ]
    text = max(scored)[1] if scored else ""
    return holds_answer(text, question.answers) or bool(question.gold_quotes and is_gold(text, question.gold_quotes))


def report_reading(runner: Runner, data: Path, work: Path) -> None:
    for name in SETS:
        questions = searched(data, work, name)
        readings = read(runner, questions)
        labels = np.array([question.answerable for question in questions])
        scores = np.array([max((reading.answerable for reading in found), default=-20.0) for found in readings])
        holds = [best_sentence_holds(q, found) for q, found in zip(questions, readings, strict=True) if q.answerable]
        area = roc_auc_score(labels, scores) if 0 < labels.sum() < len(labels) else float("nan")
        print(f"  {name:13} n={len(labels):4}  area {area:.3f}  balanced {best_balanced(labels, scores):.3f}"
              f"  best sentence right {np.mean(holds):.3f}", flush=True)  # fmt: skip


def report_claims(runner: Runner, data: Path) -> None:
    tokenizer = bert_tokenizer()
    for name in CLAIMS_HELD_OUT:
        rows = list(read_jsonl(data / "claims" / f"{name}.jsonl.gz"))
        evidence = [ReaderPassage(str(row["evidence"]), "", sentence_spans(str(row["evidence"]))) for row in rows]
        encoded = [encode(tokenizer, str(row["claim"]), passage) for row, passage in zip(rows, evidence, strict=True)]
        scores = [float(scores.passage[2]) for scores in runner.run(encoded)]
        area = roc_auc_score([bool(row["supported"]) for row in rows], scores)
        print(f"  {name:13} n={len(rows):4}  area {area:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", type=Path, nargs="+", help="folders of kept weights, or ONNX files")
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for path in options.networks:
        print(path)
        runner = Runner(path)
        report_reading(runner, options.data, options.work)
        if runner.verifies:
            report_claims(runner, options.data)


if __name__ == "__main__":
    main()
