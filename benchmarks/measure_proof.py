"""Measure verification: which true claims it loses, which corrupted ones it lets through, at each threshold.

Claims are made by rule from public question sets (--data: folders squad2, clapnq, multihop_rag with corpus.jsonl): a
sentence of a passage, the same in other words with the same meaning, or with one fact changed. Half of the
articles chose the threshold, the other half is reported.

    python benchmarks/measure_proof.py --data DATA [--half choose|report] [--show KIND]
"""

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from rag.models.passage_network import VERIFIER, PassageNetwork
from rag.sentences import sentence_spans
from rag.verification.claims import verify_claims
from rag.verification.parsed_text import parse_text
from rag.verification.verifier import Verifier
from training.corruptions import CORRUPTED, TRUE, Passage, changed, passage_of
from vectorstore.values import Chunk, Hit

SETS = ("squad2", "clapnq", "multihop_rag")


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim, the passage that it cites, and whether the passage supports it."""

    kind: str
    claim: str
    passage: str
    true: bool


def passages(data: Path, half: str) -> list[Passage]:
    """The articles of one half that have sentences enough, news and encyclopedia alike."""
    found: list[Passage] = []
    for name in SETS:
        lines = (data / name / "corpus.jsonl").read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if (number % 2 == 0) != (half == "choose"):
                continue
            passage = passage_of(json.loads(line)["text"])
            if passage.sentences:
                found.append(passage)
    return found


def pairs(articles: Sequence[Passage], each: int, seed: int = 7) -> list[Pair]:
    """`each` pairs of every kind, from as many articles as there are, and true claims with a wrong passage."""
    chance = random.Random(seed)
    found: list[Pair] = []
    for changes, true in ((TRUE, True), (CORRUPTED, False)):
        for kind, change in changes.items():
            found += [Pair(kind, claim, text, true) for claim, text in changed(articles, change, each, chance)]
    wrong = chance.sample(range(len(articles)), min(each, len(articles)))
    found += [
        Pair("wrong passage", chance.choice(articles[n].sentences), articles[n - 1].text, False)
        for n in wrong
        if not set(articles[n].sentences) & set(articles[n - 1].sentences)
    ]
    return found


def answers(data: Path, half: str, each: int) -> list[Pair]:
    """People's own words: "Who wrote X?" with its answer A as "A wrote X."; false with an answer to another question.

    The harder and rarer true claims: how far the wording of somebody who read the passage lies from the passage.
    """
    texts = {}
    for line in (data / "squad2" / "corpus.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        texts[entry["id"]] = entry["text"]
    by_passage: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in (data / "squad2" / "train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        match = re.match(r"(?:Who|What|Which \w+) ((?!do |does |did |kind|type)\w.*)\?$", row["question"])
        if match and row["answers"] and not re.match(r"(?:is|was|are|were) \w+\w*(?:ed|en)\b", match[1]):
            answer = row["answers"][0] if isinstance(row["answers"][0], str) else row["answers"][0][0]
            by_passage[row["paragraph_id"]].append((match[1], answer))
    found: list[Pair] = []
    for number, (passage, asked) in enumerate(sorted(by_passage.items())):
        if (number % 2 == 0) != (half == "choose") or passage not in texts:
            continue
        for n, (rest, given) in enumerate(asked):
            claim = f"{given[0].upper()}{given[1:]} {rest}."
            found.append(Pair("in a reader's words", claim, texts[passage], True))
            wrong = asked[n - 1][1]
            if wrong != given and wrong.lower() not in given.lower() and given.lower() not in wrong.lower():
                found.append(
                    Pair("answer to another question", f"{wrong[0].upper()}{wrong[1:]} {rest}.", texts[passage], False)
                )
    random.Random(7).shuffle(found)
    return [pair for true in (True, False) for pair in [p for p in found if p.true == true][:each]]


def is_shown(pair: Pair, verifier: Verifier) -> bool:
    """True if this claim is shown when a model cites this passage for it."""
    chunk = Chunk("c", "a", "shared", 0, 0, len(pair.passage), pair.passage, "", "", "", None,
                  sentences=sentence_spans(pair.passage))  # fmt: skip
    return bool(verify_claims(f"{pair.claim.rstrip('.')} [1].", [Hit(chunk, 1.0)], verifier).supported)


def interval(successes: int, n: int) -> str:
    """A share with its 95 % Wilson interval."""
    if not n:
        return "-"
    share, z = successes / n, 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{share:.3f} [{max(0.0, middle - reach):.3f}, {min(1.0, middle + reach):.3f}]"


def main() -> None:
    """Print the tables as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--data", type=Path, required=True, help="folder with the public sets")
    arguments.add_argument("--half", choices=("choose", "report"), default="report")
    arguments.add_argument("--each", type=int, default=60, help="pairs of each kind")
    arguments.add_argument("--show", default="", help="print the failures of one kind")
    given = arguments.parse_args()
    made = pairs(passages(given.data, given.half), given.each)
    read_by_people = answers(given.data, given.half, 4 * given.each)
    verifier = Verifier(PassageNetwork(VERIFIER))
    if given.show:
        for pair in (*made, *read_by_people):
            if pair.kind == given.show and is_shown(pair, verifier) != pair.true:
                print(f"- {pair.claim}\n    {pair.passage[:1500]!r}\n    {parse_text(pair.claim).names}")
        return
    outcome = {pair: is_shown(pair, verifier) for pair in (*made, *read_by_people)}
    print(f"Half: {given.half}; {len(made)} pairs by rule, {len(read_by_people)} from questions\n")
    print("| claim | n | right [95 %] |\n| --- | --- | --- |")
    for label, chosen in (
        ("all true claims", [p for p in made if p.true]),
        ("all corrupted claims", [p for p in made if not p.true]),
    ):
        print(f"| **{label}** | {len(chosen)} | {interval(sum(outcome[p] == p.true for p in chosen), len(chosen))} |")
    for kind in dict.fromkeys(pair.kind for pair in outcome):
        chosen = [pair for pair in outcome if pair.kind == kind]
        shown = "shown" if chosen[0].true else "kept out"
        print(
            f"| {kind} ({shown}) | {len(chosen)} | {interval(sum(outcome[p] == p.true for p in chosen), len(chosen))} |"
        )


if __name__ == "__main__":
    main()
