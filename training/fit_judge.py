"""Fit the two logistic models of rag/answering/answerability.py on question sets and measure them on held-out questions.

    PYTHONPATH=. python training/fit_judge.py DATA --work WORK [--also WORK/written] [--write rag/data/judge.json]

DATA holds one folder for each set, with corpus.jsonl and cases.jsonl (docs/formats.md). Each set is split in two by the
parity of SHA-256(case id): the even half is fitted, the odd half only checked. --also names more folders of that form, all
of whose questions are fitted and none checked. Searches and readings are kept in --work, and read again when the weights
are others. Seeded: the same input gives the same weights.
"""

import argparse
import asyncio
import hashlib
import json
import pickle
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from rag.answering.answerability import AnswerabilityScore
from rag.answering.extractive import choose_sentences
from rag.answering.features import Candidate, answer_type_of, candidates_of, features_of_all
from rag.answering.reader import Reader, Reading
from rag.factory import open_engine
from rag.judging import passages_to_read
from rag.logistic import Logistic
from rag.models.passage_network import READER, VERIFIER, PassageNetwork
from rag.question import StandaloneQuestion
from rag.settings import Settings
from vectorstore.values import Hit, Scope

Ranked = tuple[tuple[Candidate, float], ...]
Value = TypeVar("Value")
Row = dict[str, Any]
"""A case as its file has it (docs/formats.md)."""

SETS = ("squad2", "clapnq", "multihop_rag", "newsroom")
SECOND = "second"
"""The project's second set: only ever checked."""
SEED = 20251017
FOLDS = 5
SENTENCE_C, ANSWER_C = 0.01, 0.03
"""Inverse strength of the penalty on weights, chosen by cross-validation on the fit half."""
OWN = Path(__file__).parent.parent / "tests" / "cases"


@dataclass(frozen=True)
class Case:
    """A question with what was found and read for it. labels: for each candidate, whether it is a right sentence."""

    name: str
    id: str
    question: str
    answerable: bool
    answers: list[list[str]]
    golds: list[str]
    hits: list[Hit]
    readings: list[Reading]
    candidates: list[Candidate]
    labels: list[bool]

    @property
    def fitted(self) -> bool:
        """Even digests are fitted, odd ones checked; sets that are no dev sets are all fitted, the second own set never."""
        if self.name == SECOND:
            return False
        return self.name not in SETS or int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % 2 == 0

    def text(self, candidate: Candidate) -> str:
        return self.hits[candidate.hit].chunk.sentence_text(candidate.span)

    def shows_answer(self, candidates: Sequence[Candidate]) -> bool:
        """True if these sentences together hold the answer, or one of them is a gold quote."""
        texts = [self.text(candidate) for candidate in candidates]
        return holds_answer(" ".join(texts), self.answers) or any(is_gold(text, self.golds) for text in texts)


def normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def is_gold(sentence: str, golds: Sequence[str]) -> bool:
    """The sentence and a gold passage share at least .6 of the shorter one's words."""
    mine = set(normalised(sentence).split())
    for gold in golds:
        theirs = set(normalised(gold).split())
        if len(mine) > 2 and len(mine & theirs) >= 0.6 * min(len(mine), len(theirs)):
            return True
    return False


def holds_answer(text: str, answers: Sequence[Sequence[str]]) -> bool:
    """True if one wording of each answer occurs."""
    plain = f" {normalised(text)} "
    return bool(answers) and all(any(f" {normalised(alias)} " in plain for alias in group) for group in answers)


def files_of(data: Path, name: str) -> tuple[Path, Path]:
    """The corpus and the questions of a set; the invented newsrooms are the project's own."""
    if name == "newsroom":
        return OWN / "newsroom.jsonl", OWN / "cases.jsonl"
    if name == SECOND:
        return OWN / "second_newsroom.jsonl", OWN / "second_cases.jsonl"
    return data / name / "corpus.jsonl", data / name / "cases.jsonl"


async def search(corpus: Path, rows: Sequence[Row], home: Path) -> list[tuple[Row, list[Hit]]]:
    """Each question with its hits. The seed article is what the program shows first: nothing is tuned on it. A follow-up
    needs its history."""
    found = []
    async with open_engine(Settings(home=home, seeds=None)) as engine:
        await engine.library.ingest([corpus])
        for row in rows:
            if "seed" not in row["tags"] and not row["history"]:
                found.append((row, list(engine.retrieve(StandaloneQuestion(str(row["question"]), Scope()))[1])))
    return found


def collect(folder: Path, name: str, work: Path, reader: Reader, limit: int) -> list[Case]:
    """The cases of a set: searched once for each version of its files, read once for each version of the weights."""
    weights, files = READER.sha256[:8] + VERIFIER.sha256[:8], files_of(folder, name)
    corpus, questions = files
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
    searched = work / f"hits-{name}-{digest}.pickle"
    if not searched.exists():
        rows = list(map(json.loads, questions.read_text("utf-8").splitlines()))
        searched.write_bytes(pickle.dumps(asyncio.run(search(corpus, rows, work / "homes" / f"{name}-{digest}"))))
    found: list[tuple[Row, list[Hit]]] = pickle.loads(searched.read_bytes())[:limit]
    kept = work / f"readings-{name}-{digest}-{weights}-{limit}.pickle"
    if not kept.exists():
        readings = []
        for number, (row, hits) in enumerate(found):
            question = str(row["question"])
            readings.append(reader.read(question, passages_to_read(question, hits)))
            if number % 100 == 99:
                print(name, number + 1, file=sys.stderr)
        kept.write_bytes(pickle.dumps(readings))
    return [
        case_of(name, row, hits, read) for (row, hits), read in zip(found, pickle.loads(kept.read_bytes()), strict=True)
    ]


def case_of(name: str, row: Row, hits: list[Hit], readings: list[Reading]) -> Case:
    question, answerable = str(row["question"]), row["expect"] == "answer"
    answers: list[list[str]] = row["answers"]
    golds: list[str] = row["gold_quotes"]
    candidates = candidates_of(question, hits, readings)
    texts = [hits[candidate.hit].chunk.sentence_text(candidate.span) for candidate in candidates]
    labels = [answerable and (is_gold(t, golds) if golds else holds_answer(t, answers)) for t in texts]
    return Case(name, str(row["id"]), question, answerable, answers, golds, hits, readings, candidates, labels)


def logistic(
    rows: Sequence[dict[str, float]], labels: Sequence[bool], weights: NDArray[np.float64], c: float
) -> Logistic:
    """A model of features as they are (the scaling is folded in)."""
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    scaler = StandardScaler().fit(table)
    model = LogisticRegression(C=c, max_iter=2000, random_state=SEED)
    model.fit(scaler.transform(table), labels, sample_weight=weights / weights.mean())
    slope = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - (slope * scaler.mean_).sum())
    return Logistic(round(bias, 5), {name: round(float(weight), 5) for name, weight in zip(names, slope, strict=True)})


def fit_sentences(cases: Sequence[Case]) -> Logistic:
    """Which sentence answers. Each question weighs the same, whatever its number of candidates; so does each set."""
    counted = [case for case in cases if any(case.labels)]
    of_set = {case.name: sum(other.name == case.name for other in counted) for case in counted}
    rows = [dict(candidate.features) for case in counted for candidate in case.candidates]
    labels = [label for case in counted for label in case.labels]
    weights = [1.0 / len(case.labels) / of_set[case.name] for case in counted for _ in case.labels]
    return logistic(rows, labels, np.array(weights), SENTENCE_C)


def rank(case: Case, model: Logistic) -> Ranked:
    scored = [(candidate, model.probability(candidate.features)) for candidate in case.candidates]
    return tuple(sorted(scored, key=lambda pair: (-pair[1], pair[0].hit, pair[0].sentence)))


def fit_answers(cases: Sequence[Case], evidence: Sequence[dict[str, float]]) -> Logistic:
    """Whether there is an answer. Each set weighs the same, and in it the questions with an answer and those without."""
    kinds = [(case.name, case.answerable) for case in cases]
    weights = np.array([1.0 / kinds.count(kind) for kind in kinds])
    return logistic(evidence, [case.answerable for case in cases], weights, ANSWER_C)


def out_of_fold(cases: Sequence[Case], fit: Callable[[list[int]], Callable[[int], Value]]) -> list[Value]:
    """For each case what a model says that was fitted without its fold. `fit` takes and its result gives positions."""
    folds = np.random.default_rng(SEED).integers(0, FOLDS, len(cases))
    results: dict[int, Value] = {}
    for fold in range(FOLDS):
        model = fit([n for n in range(len(cases)) if folds[n] != fold])
        results |= {int(n): model(int(n)) for n in np.flatnonzero(folds == fold)}
    return [results[n] for n in range(len(cases))]


def rates(cases: Sequence[Case], p: NDArray[np.float64], name: str, threshold: float) -> tuple[float, float]:
    """Of a set: answerable questions that are answered, others that are refused."""
    mine = np.array([case.name == name for case in cases])
    answerable = np.array([case.answerable for case in cases])
    return float((p[mine & answerable] >= threshold).mean()), float((p[mine & ~answerable] < threshold).mean())


def choose_threshold(cases: Sequence[Case], p: NDArray[np.float64]) -> float:
    """One operating point for all dev sets: the best mean balanced accuracy, each counting the same."""

    def balanced(threshold: float) -> float:
        return sum(sum(rates(cases, p, name, threshold)) / 2 for name in SETS) / len(SETS)

    by_threshold = {float(t): balanced(float(t)) for t in np.round(np.arange(0.1, 0.9, 0.01), 2)}
    # Of thresholds that are as good (within .01, inside the noise) the lowest: an answer with its quotes is worth more to the
    # asker than a refusal with the same quote as its closest passage.
    return next(t for t, value in by_threshold.items() if value >= max(by_threshold.values()) - 0.01)


def report(
    label: str, cases: Sequence[Case], ranked: Sequence[Ranked], p: NDArray[np.float64], threshold: float
) -> None:
    chance = np.random.default_rng(SEED)
    for name in (*SETS, SECOND):
        mine = [n for n, case in enumerate(cases) if case.name == name]
        if not mine:
            continue
        answerable = np.array([cases[n].answerable for n in mine])
        answered, refused = rates(cases, p, name, threshold)
        a, r = p[mine][answerable] >= threshold, p[mine][~answerable] < threshold
        boots = [(chance.choice(a, len(a)).mean() + chance.choice(r, len(r)).mean()) / 2 for _ in range(2000)]
        first = [cases[n].shows_answer([one for one, _ in ranked[n][:1]]) for n in mine if cases[n].answerable]
        shown, words = [], []
        for n in mine:
            if p[n] >= threshold and cases[n].answerable:
                case = cases[n]
                score = AnswerabilityScore(answer_type_of(case.question), ranked[n], float(p[n]), {})
                quoted = choose_sentences(case.question, score, case.hits)
                shown.append(case.shows_answer(quoted))
                words.append(sum(len(case.text(one).split()) for one in quoted))
        print(
            f"{label:6} {name:13} n={len(mine):4} area {roc_auc_score(answerable, p[mine]):.3f}"
            f"  answered {answered:.3f}  refused {refused:.3f}  balanced {(answered + refused) / 2:.3f}"
            f" [{np.quantile(boots, 0.025):.3f}, {np.quantile(boots, 0.975):.3f}]  best sentence right {np.mean(first):.3f}"
            f"  of the answered right {np.mean(shown):.3f} in {np.mean(words):.0f} words"
            f"  right of answerable {sum(shown) / len(first):.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="folders whose questions are only fitted")
    parser.add_argument("--limit", type=int, default=10_000, help="questions of each set")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    reader = Reader(PassageNetwork(READER), PassageNetwork(VERIFIER))
    folders = [(options.data, name) for name in (*SETS, SECOND)] + [
        (folder.parent, folder.name) for folder in options.also
    ]
    cases = [
        case
        for folder, name in folders
        for case in collect(folder, name, options.work, reader, options.limit)
        if case.candidates and case.readings
    ]
    fit, check = [case for case in cases if case.fitted], [case for case in cases if not case.fitted]
    sentence = fit_sentences(fit)

    def ranked_without(kept: list[int]) -> Callable[[int], Ranked]:
        model = fit_sentences([fit[n] for n in kept])
        return lambda n: rank(fit[n], model)

    # The model that ranks a fit question's sentences has not seen its fold.
    fit_ranked = out_of_fold(fit, ranked_without)
    check_ranked = [rank(case, sentence) for case in check]

    fit_evidence = [features_of_all(case.question, case.hits, case.readings) for case in fit]
    answer = fit_answers(fit, fit_evidence)

    def probability_without(kept: list[int]) -> Callable[[int], float]:
        model = fit_answers([fit[n] for n in kept], [fit_evidence[n] for n in kept])
        return lambda n: model.probability(fit_evidence[n])

    fit_p = np.array(out_of_fold(fit, probability_without), float)
    threshold = choose_threshold(fit, fit_p)
    check_p = np.array([answer.probability(features_of_all(case.question, case.hits, case.readings)) for case in check])
    print(f"threshold {threshold}\nsentence {sentence}\nanswer {answer}")
    report("fit", fit, fit_ranked, fit_p, threshold)
    report("check", check, check_ranked, check_p, threshold)
    if options.write:
        answered, refused = rates(check, check_p, SECOND, threshold)
        parameters = {
            "about": "Fitted by training/fit_judge.py; see docs/quality.md.",
            "threshold": threshold,
            "rates": {"answered": round(answered, 3), "refused": round(refused, 3)},
            "sentence": {"bias": sentence.bias, "weights": dict(sentence.weights)},
            "answer": {"bias": answer.bias, "weights": dict(answer.weights)},
        }
        options.write.write_text(json.dumps(parameters, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
