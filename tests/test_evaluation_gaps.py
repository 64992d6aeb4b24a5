"""Refused questions come in groups by what they ask; answers voted down become drafts that a person must review."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bot.terminal.ask import AskOptions, ask_once
from bot.terminal.feedback import show_gaps
from rag.answer import Answer, Citation, Explanation, Refusal, answer_to_record
from rag.errors import EvaluationError
from rag.evaluation.cases import load_cases
from rag.evaluation.gaps import SAME_GAP, case_draft, drafts_text, find_gaps, group_similar
from rag.models.embedding import open_embedder
from rag.settings import Settings
from rag.stored_answers import apart_by_filter
from vectorstore.answers import StoredAnswer

REWORDED = [
    ("Who will pay for the new bridge?", "who is paying for the new bridge"),
    ("What did Macron say about the Budapest summit?", "Macron's reaction to the summit in Budapest?"),
    ("When does the ferry strike end?", "How long will the ferry strike go on?"),
    ("How many people were hurt in the Skarne fire?", "number of injured in the fire at Skarne"),
    ("Why did the mayor of Dunmarrow resign?", "What made Dunmarrow's mayor step down?"),
    ("Is the harbour railway open again?", "has the harbour railway reopened yet"),
    ("What does the new ferry ticket cost?", "How expensive is a ticket for the new ferry?"),
    ("Who won the election in Millbrenn?", "Millbrenn election winner"),
    ("Where will the wind farm be built?", "What is the site of the planned wind farm?"),
    ("Did the court overturn the ruling?", "was the ruling overturned by the court?"),
    ("What caused the power cut?", "Why was there a blackout?"),
    ("Who leads the teachers' union?", "Who is the head of the teachers' union?"),
]
ASKING_SOMETHING_ELSE = [
    "When does the new bridge open?",
    "What did Merz say about the energy bill?",
    "Why are the ferry crews on strike?",
    "What caused the fire at Skarne?",
    "Who will be the next mayor of Dunmarrow?",
    "Who owns the harbour railway?",
    "What does the new bus ticket cost?",
    "When is the election in Skarne?",
    "Who opposes the wind farm?",
    "Who is the judge of the court?",
    "How long did the power cut last?",
    "What does the teachers' union demand?",
]


def stored(question: str, at: float = 0.0, identifier: str = "", text: str = "", asked_by: str = "") -> StoredAnswer:
    citation = Citation(1, "tesk", "Tesk", "Ledger", "", None, "It cost 12 million.", 0, 19)
    answer = Answer(
        identifier, question, question, text, (citation,) if text else (), None if text else Refusal("none"), None
    )
    return StoredAnswer(identifier, at, question, question, not text, asked_by, "discord:1", answer_to_record(answer))


def test_threshold_tells_rewordings_from_other_questions() -> None:
    embed = open_embedder(Settings()).embed_question
    joined = [len(find_gaps([stored(one), stored(other)], embed)) == 1 for one, other in REWORDED]
    apart = [
        len(find_gaps([stored(one), stored(other)], embed)) == 2
        for (one, _), other in zip(REWORDED, ASKING_SOMETHING_ELSE, strict=True)
    ]
    assert sum(joined) == 11
    assert all(apart)


def test_most_asked_gap_comes_first_with_its_wordings_and_counts() -> None:
    embed = open_embedder(Settings()).embed_question
    bridge, reworded = REWORDED[0]
    gaps = find_gaps(
        [stored("Is the harbour railway open again?", 9), stored(bridge, 3), stored(reworded, 5), stored(bridge, 1)],
        embed,
    )
    assert [(gap.count, gap.last_asked) for gap in gaps] == [(3, 5), (1, 9)]
    assert set(gaps[0].wordings) == {bridge, reworded}


def test_no_refused_question_is_no_gap() -> None:
    assert find_gaps([], lambda question: np.zeros(1, dtype=np.float32)) == []


def test_small_steps_do_not_chain_what_is_far_apart() -> None:
    angles = np.radians([0, 30, 60, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    groups = group_similar(vectors, 0.8)
    assert sorted(place for group in groups for place in group) == [0, 1, 2, 3]
    assert not any({0, 3} <= set(group) for group in groups)
    assert SAME_GAP > 0.8


@pytest.mark.parametrize("name", ["drafts.yaml", "drafts.jsonl"])
def test_draft_must_be_reviewed_before_it_is_a_case(tmp_path: Path, name: str) -> None:
    answer = stored("What did the bridge cost?", 1_760_659_200, "abc", "It cost 12 million. [1]", asked_by="discord:77")
    draft = case_draft(answer, ["wrong year", "wrong year", "old: news"])
    path = tmp_path / name
    path.write_text(drafts_text([draft], name.endswith("yaml")), "utf-8")
    assert "discord" not in path.read_text("utf-8")
    with pytest.raises(EvaluationError, match=r"still a draft|all empty"):
        load_cases([path])
    reviewed = draft | {"draft": False, "answers": [["12 million"]]}
    path.write_text(drafts_text([reviewed], name.endswith("yaml")), "utf-8")
    [case] = load_cases([path]).cases
    assert (case.id, case.question, case.gold_articles) == ("feedback-abc", "What did the bridge cost?", ("tesk",))
    assert case.asked_at is not None
    assert case.asked_at.date().isoformat() == "2025-10-17"


def test_draft_tells_reasons_once_and_what_was_answered() -> None:
    note = str(case_draft(stored("Who?", identifier="x"), ["", "no source", "no source"])["note"])
    assert note == "Voted down 3 times (no source). It had answered: The articles do not say."


def test_what_was_asked_of_some_outlets_or_days_alone_is_kept_apart() -> None:
    def refused(name: str, explanation: Explanation) -> StoredAnswer:
        answer = Answer(name, "?", "?", "", (), Refusal("none"), None, explanation=explanation)
        return StoredAnswer(name, 0.0, "?", "?", True, "", "", answer_to_record(answer))

    day = datetime(2025, 10, 17, tzinfo=UTC)
    asked = [
        refused("of everything", Explanation()),
        refused("of an outlet", Explanation(sources=("Harbour Post",))),
        refused("since a day", Explanation(since=day)),
        refused("until a day", Explanation(until=day)),
        refused("words for time", Explanation(since=day, time="articles since 17 October 2025")),
    ]
    of_all, of_some = apart_by_filter(asked)
    assert [one.id for one in of_all] == ["of everything", "words for time"]
    assert [one.id for one in of_some] == ["of an outlet", "since a day", "until a day"]


def test_gaps_shows_filtered_questions_below_the_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = Settings(home=tmp_path)
    nothing = AskOptions(None, None, (), as_json=False, explain=False)

    async def ask() -> None:
        await ask_once(settings, nothing, "Who is Putin's wife?")
        await ask_once(settings, replace(nothing, since="2025-10-01"), "Who runs the harbour?")
        capfd.readouterr()
        await show_gaps(settings, None, 10)

    asyncio.run(ask())
    printed = capfd.readouterr()
    assert printed.out.index("Who is Putin's wife?") < printed.out.index("Who runs the harbour?")
    assert "Asked of some outlets or days alone" in printed.err
