"""Several questions in one are each answered, and those that the articles do not answer are named."""

import asyncio
from pathlib import Path

import pytest

from bot.discord.render import unanswered_words
from bot.discord.translations import GERMAN
from bot.terminal.render import explanation_lines
from rag.answer import Answer, answer_from_record, answer_json, answer_to_record
from rag.factory import open_engine
from rag.joined_questions import questions_joined_in
from rag.settings import Settings
from vectorstore.answers import StoredAnswer

SEEDS = Path(__file__).parent.parent / "seeds"
JOINED = {
    "Why was the bridge shut, and which lorries still may not use it?": (
        "Why was the bridge shut?",
        "which lorries still may not use it?",
    ),
    "where is the ferry built and why": ("where is the ferry built?", "why?"),
    "How many people live there and for how many days did no ferry come?": (
        "How many people live there?",
        "for how many days did no ferry come?",
    ),
    "Who is Rubio? When does he meet Lavrov?": ("Who is Rubio?", "When does he meet Lavrov?"),
    "When and where will they meet?": ("When will they meet?", "where will they meet?"),
    "Why does he want it; and why can't she do it?": ("Why does he want it?", "why can't she do it?"),
    "On which day did it end, and who won?": ("On which day did it end?", "who won?"),
}
ONE = [
    "Is it true that Orban and Putin spoke?",
    "What did Orban say about Putin and how Hungary will treat him?",
    "Do you know who won and who lost?",
    "Who is the banker, who led the fund, and who is also accused of fraud?",
    "Orban and who else?",
    "What happens before the foundation is dug and when a final inspection is passed?",
    "Why?",
    "",
    "and who and who and who and who and who",
]


@pytest.mark.parametrize("question", JOINED)
def test_joined_questions_are_told_apart(question: str) -> None:
    assert questions_joined_in(question) == JOINED[question]


@pytest.mark.parametrize("question", ONE)
def test_one_question_stays_whole(question: str) -> None:
    assert questions_joined_in(question) == ()


def test_each_is_answered_a_further_one_as_a_follow_up_and_what_is_not_said_is_named(tmp_path: Path) -> None:
    async def asked() -> tuple[list[Answer], list[StoredAnswer]]:
        async with open_engine(Settings(home=tmp_path)) as engine:
            await engine.library.ingest([SEEDS])
            answers = [await engine.ask(question) for question in questions]
            for answer in answers:
                await engine.answers.save(answer)
            return answers, await engine.answers.refused()

    questions = (
        "Who is Steve Witkoff, and how often has he met Putin in Moscow?",
        "Will Hungary arrest Putin and how far can a Tomahawk fly?",
        "How far can a Tomahawk fly and who won the Hungarian election?",
    )
    (both, half, none), refused = asyncio.run(asked())
    assert "envoy Steve Witkoff" in both.text
    assert "at least five times" in both.text
    assert [one.number for one in both.citations] == list(range(1, len(both.citations) + 1))
    assert both.unanswered == none.unanswered == ()
    assert "would not seek to arrest Putin" in half.text
    assert half.unanswered == ("how far can a Tomahawk fly?",)
    assert half.remarks == "The articles do not say: “how far can a Tomahawk fly?”"
    assert unanswered_words(half, GERMAN) == "Das sagen die Artikel nicht: “how far can a Tomahawk fly?”"
    assert answer_json(half)["unanswered"] == ["how far can a Tomahawk fly?"]
    assert answer_from_record(answer_to_record(half)) == half
    assert none.refused
    assert [one.question for one in refused] == [none.question, "how far can a Tomahawk fly?"]
    assert any(str(line).startswith("joined       P(answered)") for line in explanation_lines(half))
    assert list(half.explanation.joined) == ["Will Hungary arrest Putin?", "how far can a Tomahawk fly?"]
    quoted = {hit.chunk.article_id for hit in both.hits}
    assert {one.article_id for one in both.citations} <= quoted
