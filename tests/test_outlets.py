"""Outlets that a question names: which, and that they are heard."""

import asyncio
import json
from pathlib import Path

import pytest

from rag.answer import Answer
from rag.factory import open_engine
from rag.outlets import named_outlets, topic_told
from rag.settings import Settings

OUTLETS = ("CNN", "The Verge", "Fortune", "The Independent - Life and Style", "Harbour Post", "Time", "")


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What does CNN say about the ferry?", ("CNN",)),
        ("what does cnn say about the ferry", ("CNN",)),
        ("according to fortune, who bought it", ("Fortune",)),
        ("Does the harbour post's report differ from The Verge?", ("The Verge", "Harbour Post")),
        ("What did The Independent write?", ("The Independent - Life and Style",)),
        ("Time will tell: who made a fortune at the time?", ()),
        ("Is the verge of the road mown?", ("The Verge",)),
        ("", ()),
    ],
)
def test_outlets_are_found_by_name(question: str, named: tuple[str, ...]) -> None:
    assert named_outlets(question, OUTLETS) == named


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("What did Harbour Post say about the strike?", "the strike"),
        ("what does the harbour post report on the ferry strike", "the ferry strike"),
        ("What has the Harbour Post written?", ""),
        ("What's new from Harbour Post?", ""),
        ("latest news from the Harbour Post", ""),
        ("Harbour Post news", ""),
        ("Harbour Post headlines about the pier", "the pier"),
        ("What did the Harbour Post say about whether the council of Tesk will sell the mill?", None),
        ("How many are on strike according to Harbour Post?", None),
        ("What did the harbour master say?", None),
        ("", None),
    ],
)
def test_what_an_outlet_says_is_told_from_what_it_is_asked_for(question: str, topic: str | None) -> None:
    assert topic_told(question, "Harbour Post") == topic


def articles() -> list[dict[str, str]]:
    """Many reports on one strike, of which one outlet's comes last in every search."""
    post = [
        {
            "id": f"post-{n}",
            "title": f"Ferry strike, day {n}",
            "source": "Harbour Post",
            "published": f"2025-05-{n:02}",
            "text": f"The ferry strike goes on. According to the union {600 + n} crew members are on strike at the ferries.",
        }
        for n in range(1, 20)
    ]
    wire = {
        "id": "wire",
        "title": "Company counts",
        "source": "City Wire",
        "published": "2025-05-20",
        "text": "Only 410 of the crew members stayed away from work on the ferries because of the strike, a spokeswoman said.",
    }
    return [*post, wire]


def ask(tmp_path: Path, question: str) -> Answer:
    async def run() -> Answer:
        (tmp_path / "articles.jsonl").write_text("\n".join(map(json.dumps, articles())), "utf-8")
        async with open_engine(Settings(home=tmp_path / "home", seeds=None)) as engine:
            await engine.library.ingest([tmp_path / "articles.jsonl"])
            return await engine.ask(question)

    return asyncio.run(run())


def test_the_outlet_that_a_question_names_is_quoted(tmp_path: Path) -> None:
    answer = ask(tmp_path, "How many crew members are on strike according to City Wire?")
    assert [citation.source for citation in answer.citations][:1] == ["City Wire"]


def test_of_two_outlets_that_a_question_names_each_is_heard(tmp_path: Path) -> None:
    answer = ask(tmp_path, "How many crew members are on strike according to Harbour Post and City Wire?")
    assert {citation.source for citation in answer.citations} == {"Harbour Post", "City Wire"}


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("What does City Wire say about the strike?", {"City Wire"}),
        ("City Wire news", {"City Wire"}),
        ("what's new from Harbour Post?", {"Harbour Post"}),
        ("What does City Wire say about the museum?", set()),
    ],
)
def test_what_an_outlet_says_is_quoted_from_it_alone(tmp_path: Path, question: str, quoted: set[str]) -> None:
    assert {citation.source for citation in ask(tmp_path, question).citations} == quoted


def test_the_newest_of_an_outlet_comes_first(tmp_path: Path) -> None:
    assert ask(tmp_path, "what's new from Harbour Post?").citations[0].title == "Ferry strike, day 19"
