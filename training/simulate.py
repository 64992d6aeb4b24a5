"""Question sets as large as the judge needs, of articles that the network never sees, as a library.

    PYTHONPATH=. python training/simulate.py DATA --output WORK/written
    PYTHONPATH=. python training/simulate.py DATA --asked --output WORK/asked

Writes corpus.jsonl and cases.jsonl in the project's own format. A question is unanswerable because it was written so
(SQuAD 2.0), or because the passage that answers it is not in the library: both kinds that real readers ask. --asked: short
questions that people typed into a search engine, in place of those that were written for a passage.
"""

import argparse
import hashlib
import json
import random
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rag.text import words_of
from training.rows import contains_any, read_jsonl
from training.sets import ASKED_FROM, SIMULATED_FROM, is_held_out

SEED = 13
ANSWERABLE, UNANSWERABLE = 5_000, 5_000
MISSING_SHARE, ASKED_MISSING_SHARE = 0.3, 0.5
"""Of the passages, which are left out of the library. None of the asked questions is unanswerable in another way."""

Raw = dict[str, object]


def identifier(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def held_out(path: Path) -> list[Raw]:
    """The rows of the articles that training leaves out, by article."""
    rows = [row for row in read_jsonl(path) if is_held_out(str(row["title"]))]
    return sorted(rows, key=lambda row: str(row["title"]))


def simulate(
    answered: Sequence[Raw], unanswered: Sequence[Raw], missing_share: float, chance: random.Random
) -> tuple[list[Raw], list[Raw]]:
    """The articles of the library, and the cases. No passage of an article holds the answer to a case to be refused."""
    library: dict[object, Raw] = {}
    left_out: set[str] = set()
    answerable: list[Raw] = []
    missing: list[Raw] = []
    for _, rows in groupby(answered, key=itemgetter("title")):
        of_article = list(rows)
        passages = list(dict.fromkeys(str(row["passage"]) for row in of_article))
        kept = {passage for passage in passages if chance.random() >= missing_share}
        left_out |= {normalised(passage) for passage in passages if passage not in kept}
        for row in of_article:
            if str(row["passage"]) in kept:
                answerable.append(case(row))
                library |= article(row)
            elif not any(contains_any(passage, row["answers"]) for passage in kept):
                missing.append(case(row, refuse=True))
    for row in unanswered:
        # Its passage may be one that was left out: it must not come back by this door.
        if normalised(str(row["passage"])) not in left_out:
            library |= article(row)
    refused = [case(row, refuse=True) for row in unanswered]
    refused = chance.sample(refused, min(len(refused), UNANSWERABLE * 2 // 3))
    refused += chance.sample(missing, min(len(missing), UNANSWERABLE - len(refused)))
    cases = [*chance.sample(answerable, min(len(answerable), ANSWERABLE)), *refused]
    return list(library.values()), list({row["id"]: row for row in cases}.values())


def normalised(passage: str) -> str:
    return " ".join(words_of(passage))


def article(row: Raw) -> dict[object, Raw]:
    """The passage of a row as an article, by id."""
    made: Raw = {"id": identifier(str(row["passage"])), "title": row["title"], "text": row["passage"]}
    return {made["id"]: made}


def case(row: Raw, refuse: bool = False) -> Raw:
    """A row as a case. `tags` names the kind."""
    question, passage = str(row["question"]), str(row["passage"])
    made: Raw = {"id": identifier(f"{question}\n{passage}"), "question": question, "history": [], "gold_quotes": []}
    if refuse:
        return made | {"expect": "refuse", "answers": [], "gold_articles": [], "tags": [str(row["set"])]}
    gold = [identifier(passage)]
    return made | {"expect": "answer", "answers": [row["answers"]], "gold_articles": gold, "tags": [str(row["set"])]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with reading/")
    parser.add_argument("--asked", action="store_true", help="questions typed into a search engine")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    folder = options.data / "reading"
    if options.asked:
        asked = [row for name in ASKED_FROM for row in held_out(folder / f"{name}.jsonl.gz") if row["answers"]]
        asked.sort(key=lambda row: str(row["title"]))
        articles, cases = simulate(asked, [], ASKED_MISSING_SHARE, random.Random(SEED))
    else:
        answered, unanswered = (held_out(folder / f"{name}.jsonl.gz") for name in SIMULATED_FROM)
        articles, cases = simulate(answered, unanswered, MISSING_SHARE, random.Random(SEED))
    options.output.mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", articles), ("cases", cases)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (options.output / f"{name}.jsonl").write_text(lines, "utf-8")
    refused = sum(row["expect"] == "refuse" for row in cases)
    print(f"{len(articles):,} passages; {len(cases):,} questions, {refused:,} of them to be refused")


if __name__ == "__main__":
    main()
