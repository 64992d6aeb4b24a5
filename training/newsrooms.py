"""Questions over news that this project's authors invented, in `training/newsrooms/`: how people type, how reporters write.

NAME_corpus.jsonl has the articles, NAME_cases.jsonl the questions, both in the project's own format (docs/formats.md);
claims_*.jsonl has sentences that a language model wrote about passages of these articles, true ones and false.
Persons, firms and small places in them do not exist. No question of tests/cases is among them.
"""

import json
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "newsrooms"


def newsroom_rows() -> Iterator[dict[str, object]]:
    """Rows as the public reading sets have them; `quote`: the sentence that answers, "" where none does."""
    for cases in sorted(FOLDER.glob("*_cases.jsonl")):
        corpus = cases.with_name(cases.name.replace("_cases", "_corpus"))
        articles = {article["id"]: article for article in map(json.loads, corpus.read_text("utf-8").splitlines())}
        for case in map(json.loads, cases.read_text("utf-8").splitlines()):
            article = articles[case["gold_articles"][0]]
            quote = case["gold_quotes"][0] if case["expect"] == "answer" else ""
            wordings = [wording for group in case["answers"] for wording in group]
            yield {
                "question": case["question"],
                "title": article["title"],
                "passage": article["text"],
                # Where the words that answer stand elsewhere in the sentence, all of it answers.
                "answers": [wording for wording in wordings if wording in quote] or [quote] if quote else [],
                "answerable": bool(quote),
                "quote": quote,
            }


def newsroom_claims() -> Iterator[dict[str, object]]:
    """Rows as the public sets of claims have them."""
    for path in sorted(FOLDER.glob("claims_*.jsonl")):
        yield from map(json.loads, path.read_text("utf-8").splitlines())
