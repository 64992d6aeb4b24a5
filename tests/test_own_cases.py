"""The project's own questions and hostile articles are sound: quotes verbatim, answers provable, slices large."""

import json
import unicodedata
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import TypedDict

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "cases"
SEED = "seeds/000_e9d5df2be693c8ad.txt"
SLICES = {
    "answerable",
    "multi-article",
    "temporal",
    "conflicting",
    "unanswerable-but-close",
    "follow-up",
    "injected",
    "other-language",
}


class Article(TypedDict):
    id: str
    title: str
    source: str
    url: str
    published: str | None
    text: str


class InjectedArticle(Article):
    question: str
    payload: str
    metadata: str
    kind: str


class Turn(TypedDict):
    question: str
    answer: str


class Case(TypedDict):
    id: str
    question: str
    expect: str
    answers: list[list[str]]
    gold_articles: list[str]
    gold_quotes: list[str]
    asked_at: str | None
    history: list[Turn]
    tags: list[str]


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").split("\n")[:-1]


ARTICLES: list[Article] = [json.loads(line) for line in lines("newsroom.jsonl")]
CASES: list[Case] = [json.loads(line) for line in lines("cases.jsonl")]
INJECTED: list[InjectedArticle] = [json.loads(line) for line in lines("injected.jsonl")]
TEXTS = {article["id"]: article["text"] for article in ARTICLES} | {
    SEED: (ROOT / SEED).read_text(encoding="utf-8").removeprefix(" date 2025-10-17 ")
}
SECOND_TEXTS = {article["id"]: article["text"] for article in map(json.loads, lines("second_newsroom.jsonl"))}
SECOND_CASES: list[Case] = [json.loads(line) for line in lines("second_cases.jsonl")]
ANSWERED = [case for case in CASES if case["expect"] == "answer"]
REFUSED = [case for case in CASES if case["expect"] == "refuse"]


def case_id(case: Case) -> str:
    return case["id"]


def published_day(article: Article) -> date | None:
    return datetime.fromisoformat(article["published"]).date() if article["published"] else None


def test_ids_are_unique() -> None:
    names = [*TEXTS, *(case["id"] for case in CASES), *(article["id"] for article in INJECTED)]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    assert repeated == []
    assert len(TEXTS) == len(ARTICLES) + 1


def test_the_second_set_is_proven_word_for_word_too() -> None:
    assert Counter(case["expect"] for case in SECOND_CASES) == {"answer": 253, "refuse": 104}
    assert len({case["id"] for case in SECOND_CASES}) == len(SECOND_CASES)
    for case in SECOND_CASES:
        golds = [SECOND_TEXTS[name] for name in case["gold_articles"]]
        assert bool(golds) == bool(case["answers"]) == (case["expect"] == "answer"), case["id"]
        assert all(any(quote in text for text in golds) for quote in case["gold_quotes"]), case["id"]
        assert all(any(alias in text for alias in group for text in golds) for group in case["answers"]), case["id"]


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article["id"])
def test_article_is_a_short_news_story_of_an_invented_outlet(article: Article) -> None:
    assert list(article) == list(Article.__annotations__)
    assert article["title"]
    assert article["source"]
    host = article["url"].removeprefix("https://").split("/")[0]
    assert host == "example.org" or host.endswith(".example")
    assert article["published"] is None or published_day(article)
    if article["id"].endswith("-zh"):  # Chinese has no spaces to count words by.
        assert 200 <= len(article["text"]) <= 600
    else:
        assert 90 <= len(article["text"].split()) <= 260


def test_newsroom_has_what_makes_news_hard() -> None:
    assert 36 <= len(ARTICLES) <= 44
    assert len({article["source"] for article in ARTICLES}) >= 10
    assert sum(article["published"] is None for article in ARTICLES) >= 2
    assert sum("An earlier version of this article" in article["text"] for article in ARTICLES) >= 2
    sentences = Counter(line for article in ARTICLES for line in set(article["text"].split("\n\n")))
    assert max(sentences.values()) >= 3, "no story runs at three outlets"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_case_is_well_formed(case: Case) -> None:
    assert list(case) == list(Case.__annotations__)
    assert case["question"].strip() == case["question"] != ""
    slice_name, library = case["tags"]
    assert slice_name in SLICES
    assert library in {"newsroom", "seed"}
    assert all(turn["question"] and turn["answer"] for turn in case["history"])
    assert bool(case["history"]) == (slice_name == "follow-up")
    assert all((name == SEED) == (library == "seed") for name in case["gold_articles"])


@pytest.mark.parametrize("case", ANSWERED, ids=case_id)
def test_answer_is_proven_word_for_word(case: Case) -> None:
    assert case["answers"]
    assert case["gold_quotes"]
    golds = [TEXTS[name] for name in case["gold_articles"]]
    for quote in case["gold_quotes"]:
        assert any(quote in text for text in golds), f"not in its article: {quote!r}"
    for name, text in zip(case["gold_articles"], golds, strict=True):
        assert any(quote in text for quote in case["gold_quotes"]), f"{name} carries none of the quotes"
    for first, *_ in case["answers"]:
        assert any(first in quote for quote in case["gold_quotes"]), f"{first!r} is in no gold quote"
    assert all(alias.strip() and len(alias) <= 40 for group in case["answers"] for alias in group)


@pytest.mark.parametrize("case", REFUSED, ids=case_id)
def test_refusal_promises_nothing(case: Case) -> None:
    assert (case["answers"], case["gold_articles"], case["gold_quotes"]) == ([], [], [])


@pytest.mark.parametrize("case", [case for case in CASES if case["asked_at"]], ids=case_id)
def test_question_is_asked_after_its_articles_appeared(case: Case) -> None:
    asked_on = date.fromisoformat(case["asked_at"] or "")
    days = {article["id"]: published_day(article) for article in ARTICLES} | {SEED: date(2025, 10, 17)}
    assert all((days[name] or asked_on) <= asked_on for name in case["gold_articles"])


def test_set_is_large_enough_in_every_slice() -> None:
    slices = Counter(case["tags"][0] for case in CASES)
    assert set(slices) == SLICES
    assert min(slices.values()) >= 12, slices
    assert len(CASES) >= 160
    seed = [case for case in CASES if case["tags"][1] == "seed"]
    assert len(seed) >= 30
    assert 0.25 <= sum(case["expect"] == "refuse" for case in seed) / len(seed) <= 0.45
    assert 0.3 <= len(REFUSED) / len(CASES) <= 0.4


def test_multi_article_questions_need_more_than_one_article() -> None:
    single = [case["id"] for case in ANSWERED if case["tags"][0] == "multi-article" and len(case["gold_articles"]) < 2]
    assert single == []


@pytest.mark.parametrize("article", INJECTED, ids=lambda article: article["id"])
def test_injected_article_carries_its_payload_and_its_fact(article: InjectedArticle) -> None:
    assert set(article) == {*Article.__annotations__, "question", "payload", "fact", "kind"}
    payload, metadata = article["payload"], article["fact"]
    assert article["question"]
    assert metadata in article["text"]
    assert payload not in metadata
    if article["kind"] in {"title", "source", "url"}:
        field = article["title"] + "|" + article["source"] + "|" + article["url"]
        assert payload in field
        assert payload not in article["text"]
        unfit = [character for character in payload if unicodedata.category(character) in {"Cc", "Cf"}]
        assert unfit or article["kind"] == "url", "a payload that could be shown as it stands proves nothing"
    else:
        assert payload in article["text"]


def test_injected_set_is_large_and_varied() -> None:
    assert len(INJECTED) >= 48
    assert len({article["payload"] for article in INJECTED}) == len(INJECTED)
    assert len({article["question"] for article in INJECTED}) == len(INJECTED)
    assert len({article["kind"] for article in INJECTED}) >= 16
    assert sum(not article["fact"] for article in INJECTED) >= 4
    payloads = "".join(article["payload"] for article in INJECTED)
    assert {"\u200b", "\u202e", "\x1b"} <= set(payloads)


def test_prompt_injection_characters_are_escaped_in_the_files() -> None:
    for name in ["newsroom.jsonl", "cases.jsonl", "injected.jsonl"]:
        shown = (FOLDER / name).read_text(encoding="utf-8").replace("\n", "")
        assert not [character for character in shown if unicodedata.category(character) in {"Cc", "Cf"}]
