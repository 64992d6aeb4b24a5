"""Measure which rewrites of a story are recognised as copies of it, and whether anything else is taken for one.

    python -m benchmarks.measure_near_duplicates [--data DATA] [--stories N] [--seed SEED] [--show]

Stories are the invented newsroom of tests/cases, whose reports of one event are hard negatives by themselves, or with --data the
articles of MultiHop-RAG (DATA/multihop_rag/corpus.jsonl). Each is rewritten four times by rule, as customers of agencies do it:
reordered, trimmed, reworded, and all of it with sentences of its own. Further negatives: an update of each story with other
numbers under a new lead, and another report of its event that shares a quarter of its words as background. All of them are
stored, in an order drawn by chance, in a ledger of their own, the way an ingest does it. A word that is replaced gets one drawn
by chance, which is harsher than a synonym.
"""

import argparse
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from statistics import mean

from rag.ingestion.incoming import IncomingBatch
from rag.ingestion.indexing import batches
from rag.sentences import sentence_spans
from vectorstore.database import open_database
from vectorstore.ledger import Ledger
from vectorstore.values import Article

REPOSITORY = Path(__file__).parent.parent
VOCABULARY = [
    word
    for word in (REPOSITORY / "rag" / "data" / "bert-base-uncased-vocab.txt").read_text("utf-8").split()[2_000:12_000]
    if word.isalpha()
]
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NEXT_NUMBER = dict(zip(NUMBERS, (*NUMBERS[3:], *NUMBERS[:3]), strict=True))
SAME_STORY = {"bridge-closed-wire": "bridge-closed", "bridge-closed-post": "bridge-closed"}
"""Articles of the newsroom that were written as rewrites of another one."""
BACKGROUND = 0.25
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Case:
    """An article, which story it tells, and how it came about."""

    article: Article
    story: str
    kind: str


def stories(data: Path | None, most: int) -> list[tuple[str, str]]:
    """(id, text) of the originals."""
    path = data / "multihop_rag" / "corpus.jsonl" if data else REPOSITORY / "tests" / "cases" / "newsroom.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    named = [(str(row.get("id", number)), str(row["text"])) for number, row in enumerate(rows)]
    return [(name, text) for name, text in named if len(text.split()) >= 60][:most]


def sentences_of(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def reworded(text: str, share: float, dice: random.Random) -> str:
    """This share of the words replaced; numbers and names stay, as they do when people rewrite."""

    def other(match: re.Match[str]) -> str:
        return dice.choice(VOCABULARY) if dice.random() < share else match[0]

    return re.sub(r"(?<![\w’'])[a-z]{2,}(?![\w’'])", lambda m: m[0] if m[0] in NEXT_NUMBER else other(m), text)


def own_sentences(count: int, dice: random.Random) -> list[str]:
    return [f"{' '.join(dice.choices(VOCABULARY, k=18)).capitalize()}." for _ in range(count)]


def rewrites(text: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    """(kind, text) of the four rewrites."""
    lead, *rest = sentences_of(text)
    shuffled = dice.sample(rest, len(rest))
    yield "reordered", reworded(" ".join([lead, *shuffled]), 0.1, dice)
    yield "trimmed", reworded(" ".join([lead, *rest[: round(0.55 * len(rest))]]), 0.1, dice)
    yield "reworded", reworded(text, 0.3, dice)
    kept = shuffled[: max(round(0.7 * len(rest)), 1)]
    own = own_sentences(2, dice)
    yield "mixed", " ".join([own[0], reworded(" ".join([lead, *kept]), 0.2, dice), own[1]])


def updated(text: str, dice: random.Random) -> str | None:
    """The same report with other numbers under a new lead; None where it has none."""
    changed = re.sub(r"\d+", lambda match: str(int(match[0]) + dice.randrange(1, 9)), text)
    changed = re.sub(r"\b[a-z]+\b", lambda match: NEXT_NUMBER.get(match[0], match[0]), changed)
    return None if changed == text else f"{own_sentences(1, dice)[0]} {changed}"


def other_report(text: str, dice: random.Random) -> str:
    """A report of its own, a quarter of its words being background that this story has, too."""
    background: list[str] = []
    for sentence in sentences_of(text)[1:]:
        background.append(sentence)
        if len(" ".join(background).split()) >= BACKGROUND * len(text.split()):
            break
    own = round(len(" ".join(background).split()) * (1 / BACKGROUND - 1) / 18)
    return " ".join([*own_sentences(own, dice), *background])


def cases_of(originals: Sequence[tuple[str, str]], dice: random.Random) -> list[Case]:
    cases = []
    for name, text in originals:
        story = SAME_STORY.get(name, name)
        cases.append(Case(Article(name, name, text), story, "original"))
        for kind, other in rewrites(text, dice):
            cases.append(Case(Article(f"{name}/{kind}", name, other), story, kind))
        if update := updated(text, dice):
            cases.append(Case(Article(f"{name}/update", name, update), f"{name}/update", "update"))
        cases.append(Case(Article(f"{name}/other", name, other_report(text, dice)), f"{name}/other", "other report"))
    return cases


def grouped(cases: Sequence[Case]) -> tuple[dict[str, str], float]:
    """The duplicate group of each article, stored as an ingest stores it, and seconds for each."""
    with tempfile.TemporaryDirectory() as home:
        database = open_database(Path(home) / "ledger.sqlite3")
        ledger = Ledger(database)
        began = time.perf_counter()
        for batch in batches([case.article for case in cases], AT_ONCE):
            incoming = IncomingBatch()
            for article in batch:
                incoming.add(ledger, article, "")
            ledger.save(incoming.entries)
        seconds = (time.perf_counter() - began) / len(cases)
        ids = [case.article.id for case in cases]
        groups = {article.id: group for article, group in ledger.articles_with_groups("shared", ids)}
        database.dispose()
    return groups, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    originals = stories(options.data, options.stories)
    cases = cases_of(originals, dice)
    dice.shuffle(cases)
    groups, seconds = grouped(cases)
    texts = dict(originals)
    changed = [
        1 - SequenceMatcher(None, texts[c.article.title].split(), c.article.text.split(), autojunk=False).ratio()
        for c in cases
        if c.kind in ("reordered", "trimmed", "reworded", "mixed")
    ]
    counts, missed, wrong = Counter[bool](), Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for one, two in combinations(cases, 2):
        together, alike = groups[one.article.id] == groups[two.article.id], one.story == two.story
        kinds = tuple(sorted((one.kind, two.kind)))
        if together != alike and options.show:
            print("wrong:" if together else "missed:", one.article.id, two.article.id)
        if together and alike:
            counts[True] += 1
        elif alike:
            missed[kinds] += 1
        elif together:
            wrong[kinds] += 1
    precision = counts[True] / max(counts[True] + wrong.total(), 1)
    recall = counts[True] / max(counts[True] + missed.total(), 1)
    print(
        f"{len(originals)} stories, {len(cases)} articles, {1e3 * seconds:.1f} ms each; words changed: mean {mean(changed):.2f}"
    )
    print(
        f"precision {precision:.4f}, recall {recall:.4f}, F1 {2 * precision * recall / max(precision + recall, 1e-9):.4f}"
    )
    print("pairs missed:", dict(missed.most_common()))
    print("pairs wrong:", dict(wrong.most_common()))


if __name__ == "__main__":
    main()
