"""Measure verification: which true claims it loses, which corrupted ones it lets through, at each threshold.

Claims are made by rule from public question sets (--data: folders squad2, clapnq, multihop_rag with corpus.jsonl): a
sentence of a passage, the same in other words with the same meaning, or with one fact changed. Half of the
articles chose the threshold, the other half is reported.

    python benchmarks/measure_proof.py --data DATA [--half choose|report] [--show KIND]
"""

import argparse
from math import sqrt
from pathlib import Path

from rag.models.passage_network import READER, VERIFIER, PassageNetwork
from rag.sentences import sentence_spans
from rag.verification.claims import verify_claims
from rag.verification.parsed_text import parse_text
from rag.verification.verifier import Verifier
from training.claim_pairs import Pair, answers, claims_of_people, pairs, passages
from training.sets import CLAIMS_HELD_OUT
from vectorstore.values import Chunk, Hit


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
    for name in CLAIMS_HELD_OUT:
        read_by_people += claims_of_people(given.data, name, given.half, 4 * given.each)
    verifier = Verifier(PassageNetwork(VERIFIER), PassageNetwork(READER))
    if given.show:
        for pair in (*made, *read_by_people):
            if pair.kind == given.show and is_shown(pair, verifier) != pair.true:
                print(f"- {pair.claim}\n    {pair.passage[:1500]!r}\n    {parse_text(pair.claim).names}")
        return
    outcome = {pair: is_shown(pair, verifier) for pair in (*made, *read_by_people)}
    print(f"Half: {given.half}; {len(made)} pairs by rule, {len(read_by_people)} by people\n")
    print("| claim | n | right [95 %] |\n| --- | --- | --- |")
    for label, chosen in (
        ("all true claims", [p for p in made if p.true]),
        ("all corrupted claims", [p for p in made if not p.true]),
    ):
        print(f"| **{label}** | {len(chosen)} | {interval(sum(outcome[p] == p.true for p in chosen), len(chosen))} |")
    for kind, true in dict.fromkeys((pair.kind, pair.true) for pair in outcome):
        chosen = [pair for pair in outcome if (pair.kind, pair.true) == (kind, true)]
        shown = "shown" if true else "kept out"
        print(
            f"| {kind} ({shown}) | {len(chosen)} | {interval(sum(outcome[p] == p.true for p in chosen), len(chosen))} |"
        )


if __name__ == "__main__":
    main()
