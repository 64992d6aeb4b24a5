"""From life to tests: refused questions grouped by what they ask, and drafts of cases from answers voted down."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import yaml
from numpy.typing import NDArray

from rag.answer import answer_from_record
from vectorstore.answers import StoredAnswer

Embed = Callable[[str], NDArray[np.float32]]
"""A question's unit vector: `Embedder.embed_question`."""

SAME_GAP = 0.83
"""Least cosine to a group's first question. Measured with the embedded MiniLM on the pairs of
tests/test_evaluation_gaps.py: 11 of 12 rewordings are above it, 12 of 12 questions about the same thing below."""
MAX_QUESTIONS = 5_000
"""Newest distinct questions that are compared: all pairs of them take 100 MB."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the articles do not say and readers ask for.

    question: the one nearest to all the others. count: how often it was asked in any wording. last_asked: epoch seconds.
    """

    question: str
    count: int
    wordings: tuple[str, ...]
    last_asked: float


def find_gaps(refused: Sequence[StoredAnswer], embed: Embed, same: float = SAME_GAP) -> list[Gap]:
    """Refused questions in groups, the most asked first."""
    asked: dict[str, list[StoredAnswer]] = {}
    for stored in refused:
        asked.setdefault(wording(stored), []).append(stored)
    questions = list(asked)[:MAX_QUESTIONS]
    if not questions:
        return []
    vectors = np.stack([embed(question) for question in questions])
    gaps = [gap_of([questions[place] for place in group], asked) for group in group_similar(vectors, same)]
    return sorted(gaps, key=lambda gap: (-gap.count, -gap.last_asked, gap.question))


def wording(stored: StoredAnswer) -> str:
    """What was asked, a follow-up made whole."""
    return " ".join((stored.standalone_question or stored.question).split())


def group_similar(vectors: NDArray[np.float32], same: float) -> list[list[int]]:
    """Places of similar vectors, the middle of each group first.

    Always the vector with most others near it takes those near it: no chain of small steps joins what is far apart.
    """
    near = vectors @ vectors.T >= same
    np.fill_diagonal(near, True)
    left = np.ones(len(vectors), dtype=bool)
    groups = []
    while left.any():
        counts = np.where(left, (near & left).sum(axis=1), -1)
        middle = int(counts.argmax())
        members = np.flatnonzero(near[middle] & left)
        groups.append([middle, *(int(place) for place in members if place != middle)])
        left[members] = False
    return groups


def gap_of(questions: Sequence[str], asked: Mapping[str, Sequence[StoredAnswer]]) -> Gap:
    stored = [answer for question in questions for answer in asked[question]]
    return Gap(questions[0], len(stored), tuple(questions), max(answer.answered_at for answer in stored))


def case_draft(stored: StoredAnswer, reasons: Sequence[str]) -> dict[str, object]:
    """A case to be reviewed, from an answer that readers voted down. The loader refuses it until that is done.

    Nothing in it says who asked or voted.
    """
    answer = answer_from_record(stored.record)
    said = "The articles do not say." if answer.refused else answer.text
    complaints = "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or "no reason given"
    return {
        "id": f"feedback-{stored.id}",
        "question": wording(stored),
        "expect": "answer",
        "answers": [],
        "gold_articles": list(dict.fromkeys(citation.article_id for citation in answer.citations)),
        "gold_quotes": [],
        "asked_at": datetime.fromtimestamp(stored.answered_at, UTC).date().isoformat(),
        "history": [],
        "tags": ["feedback"],
        "draft": True,
        "note": f"Voted down {len(reasons)} times ({complaints}). It had answered: {said}",
    }


def drafts_text(drafts: Sequence[Mapping[str, object]], as_yaml: bool) -> str:
    if as_yaml:
        return yaml.safe_dump([dict(draft) for draft in drafts], sort_keys=False, allow_unicode=True, width=100)
    return "".join(json.dumps(draft, ensure_ascii=False) + "\n" for draft in drafts)
