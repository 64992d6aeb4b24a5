"""Fit the models that join what the networks say of a claim: rag/data/support.json.

    PYTHONPATH=. python training/fit_support.py DATA --work WORK [--write rag/data/support.json]

Fitted to people's own words, never to claims made by rule: answers to questions put into a sentence (the half of the articles
that benchmarks/measure_proof.py does not report), and half of the claims that people wrote about pages (FM2, WiCE). Prints
areas under the curve on both halves.
"""

import argparse
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from rag.models.passage_network import READER, VERIFIER, PassageNetwork
from rag.sentences import sentence_spans
from rag.verification.claims import HALF_COVERAGE, candidate_spans, rank
from rag.verification.draft import claims_of
from rag.verification.parsed_text import parse_text
from rag.verification.support import MIN_COVERAGE, claim_coverage, foreign_fact, is_close
from rag.verification.verifier import CLOSE, FREE, Verifier
from training.claim_pairs import Pair, answers, claims_of_people
from training.sets import CLAIMS_HELD_OUT
from vectorstore.values import Chunk

FEATURES = ("support", "subject", "elsewhere")
THRESHOLDS = {CLOSE: 0.55, FREE: 0.6}
"""P(supported) from which a claim is shown: chosen with measure_proof's --half choose."""


@dataclass(frozen=True, slots=True)
class Case:
    """A claim with its wording (CLOSE or FREE) and what the networks say of it."""

    pair: Pair
    wording: str
    features: dict[str, float]


def case_of(pair: Pair, verifier: Verifier) -> Case | None:
    """By the span that is nearest by words. None where code alone decides: a fact that the passage has not, or no such span."""
    text = pair.passage
    chunk = Chunk("c", "a", "shared", 0, 0, len(text), text, "", "", "", None, sentences=sentence_spans(text))
    said = claims_of(f"{pair.claim.rstrip('.')} [1].", True)
    candidates = candidate_spans(0, chunk)
    if not said or not candidates:
        return None
    claim = parse_text(said[0].text)
    nearest = min(candidates, key=lambda candidate: rank(claim, candidate, {0}))
    close = is_close(claim, nearest.evidence, MIN_COVERAGE)
    if foreign_fact(claim, nearest.evidence) or (not close and claim_coverage(claim, nearest.stems) < HALF_COVERAGE):
        return None
    return Case(pair, CLOSE if close else FREE, verifier.features(claim, nearest.text, nearest.context))


def matrix(cases: Sequence[Case]) -> np.ndarray:
    return np.array([[case.features[name] for name in FEATURES] for case in cases])


def truths(cases: Sequence[Case]) -> np.ndarray:
    return np.array([case.pair.true for case in cases])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with the dev sets and claims/")
    parser.add_argument("--work", type=Path, required=True, help="what the networks said is kept here")
    parser.add_argument("--each", type=int, default=240, help="true and false claims of each half and set")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    verifier = Verifier(PassageNetwork(VERIFIER), PassageNetwork(READER))
    parts = {half: answers(options.data, half, options.each) for half in ("choose", "report")}
    for half, name in product(parts, CLAIMS_HELD_OUT):
        parts[half] += claims_of_people(options.data, name, half, 4 * options.each)
    read: dict[str, list[Case]] = {}
    for half, pairs in parts.items():
        kept = options.work / f"support-{half}-{VERIFIER.sha256[:8]}{READER.sha256[:8]}-{options.each}.pickle"
        if not kept.exists():
            cases = [case for pair in pairs if (case := case_of(pair, verifier)) is not None]
            kept.write_bytes(pickle.dumps(cases))
        read[half] = pickle.loads(kept.read_bytes())
    found: dict[str, object] = {"about": "Fitted by training/fit_support.py; see docs/quality.md."}
    for wording in (CLOSE, FREE):
        chosen = {half: [case for case in cases if case.wording == wording] for half, cases in read.items()}
        model = LogisticRegression(C=1.0, max_iter=1_000).fit(matrix(chosen["choose"]), truths(chosen["choose"]))
        for half, cases in chosen.items():
            for name in ("answers", *CLAIMS_HELD_OUT):
                of_set = [c for c in cases if (c.pair.kind if c.pair.kind in CLAIMS_HELD_OUT else "answers") == name]
                print_areas(f"{wording:6}{half:7}{name:9}", of_set, model)
        weights = {name: round(float(weight), 5) for name, weight in zip(FEATURES, model.coef_[0], strict=True)}
        bias = round(float(model.intercept_[0]), 5)
        found[wording] = {"bias": bias, "weights": weights, "threshold": THRESHOLDS[wording]}
    print(json.dumps(found, indent=2))
    if options.write:
        options.write.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def print_areas(label: str, cases: Sequence[Case], model: LogisticRegression) -> None:
    """The area under the curve of each feature alone and of the model."""
    if len(set(truths(cases).tolist())) < 2:
        return
    areas = {name: roc_auc_score(truths(cases), matrix(cases)[:, at]) for at, name in enumerate(FEATURES)}
    areas["all"] = roc_auc_score(truths(cases), model.decision_function(matrix(cases)))
    print(f"{label} n={len(cases):4}  " + "  ".join(f"{name} {area:.3f}" for name, area in areas.items()))


if __name__ == "__main__":
    main()
