"""Claims with a passage of which it is known whether it says them: made by rule, or of people's questions and answers."""

import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.corruptions import CORRUPTED, TRUE, Passage, changed, passage_of
from training.rows import read_jsonl

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


def claims_of_people(data: Path, name: str, half: str, most: int) -> list[Pair]:
    """Of the first `most` claims of a set in claims/, in an order drawn by chance, those of one half."""
    rows = list(read_jsonl(data / "claims" / f"{name}.jsonl.gz"))
    random.Random(5).shuffle(rows)
    pairs = [Pair(name, str(row["claim"]), str(row["evidence"]), bool(row["supported"])) for row in rows[:most]]
    return [pair for pair in pairs if half_of(pair.claim) == half]


def half_of(claim: str) -> str:
    """The half of a claim that belongs to no numbered article, by its SHA-256."""
    return "report" if int(hashlib.sha256(claim.encode()).hexdigest(), 16) % 2 else "choose"
