"""Reading files: the seed's date, front matter, corpus lines; whatever cannot be read is named and the rest goes on."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.ingestion.read_articles import ArticleProblem, ReadArticle, read_paths
from tests.conftest import SEED_ID, SEEDS
from vectorstore.values import Article


def articles(path: Path) -> list[Article]:
    return [one.article for one in read_paths([path]) if isinstance(one, ReadArticle)]


def problems(path: Path) -> list[ArticleProblem]:
    return [one for one in read_paths([path]) if isinstance(one, ArticleProblem)]


def test_the_seed_loses_its_date_line_and_gets_a_derived_title() -> None:
    (article,) = articles(SEEDS)
    assert article.id == SEED_ID
    assert article.published == datetime(2025, 10, 17, tzinfo=UTC)
    assert article.text.startswith("Russian President Vladimir Putin spoke with Hungary’s prime minister")
    assert article.title_derived
    assert article.title.startswith("Russian President Vladimir Putin")


def test_markdown_front_matter(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "---\ntitle: Bridge opens\nsource: Harbour Post\nurl: https://example.org/a\npublished: 2024-03-05\n---\n\nThe bridge.\n",
        "utf-8",
    )
    (article,) = articles(tmp_path / "a.md")
    assert (article.title, article.source, article.url) == ("Bridge opens", "Harbour Post", "https://example.org/a")
    assert article.published == datetime(2024, 3, 5, tzinfo=UTC)
    assert article.text == "The bridge."
    assert not article.title_derived


def test_markdown_without_front_matter_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A headline\n\nSome text.", "utf-8")
    assert articles(tmp_path)[0].title == "A headline"


def test_words_that_only_look_like_the_date_line_stay(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("date palms grow slowly.", "utf-8")
    assert articles(tmp_path)[0].text == "date palms grow slowly."


def test_blank_and_null_fields_of_a_corpus_are_allowed(tmp_path: Path) -> None:
    line = {"id": "1", "title": None, "source": "", "url": None, "published": None, "text": "It rained."}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(line) + "\n\n", "utf-8")
    (article,) = articles(tmp_path)
    assert (article.title, article.published, article.source) == ("It rained.", None, "")


BAD_LINES = {
    "broken json": ('{"id": "1", "text": ', "is not JSON"),
    "no object": ("[1]", "is not a JSON object"),
    "no id": ('{"text": "x"}', "has no id"),
    "no text": ('{"id": "1", "text": "  "}', "holds no text"),
    "nonsense date": ('{"id": "1", "text": "x", "published": "soon"}', "write it as YYYY-MM-DD"),
    "future date": ('{"id": "1", "text": "x", "published": "2999-01-01"}', "lies in the future"),
    "list as title": ('{"id": "1", "text": "x", "title": ["a"]}', "has a title that is no text"),
    "deep nesting": ("[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_corpus_line_is_named_and_the_others_are_read(line: str, reason: str, tmp_path: Path) -> None:
    good = '{"id": "good-%d", "text": "It rained in the harbour."}'
    (tmp_path / "corpus.jsonl").write_text("\n".join([good % 1, line, good % 3]), "utf-8")
    assert [article.id for article in articles(tmp_path)] == ["good-1", "good-3"]
    (problem,) = problems(tmp_path)
    assert problem.place.endswith("corpus.jsonl:2")
    assert reason in problem.reason


def test_a_repeated_id_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}\n', "utf-8")
    assert [article.text for article in articles(tmp_path)] == ["x"]
    assert "repeats the id 'a' of line 1" in problems(tmp_path)[0].reason


BAD_FILES = {
    "binary": (b"\x89PNG\x00\x01", "is binary"),
    "latin-1": ("Müller".encode("latin-1"), "is not UTF-8 (byte 1)"),
    "empty": (b"", "holds no text"),
    "blank": (b" \n\t ", "holds no text"),
    "nonsense date": (b" date 2025-99-99 Text.", "write it as YYYY-MM-DD"),
    "future date": (b" date 2999-01-01 Text.", "lies in the future"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_text_file_is_named_and_the_others_are_read(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    (tmp_path / "good.txt").write_text("It rained.", "utf-8")
    assert [article.text for article in articles(tmp_path)] == ["It rained."]
    (problem,) = problems(tmp_path)
    assert problem.place.endswith("bad.txt")
    assert reason in problem.reason


def test_front_matter_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: [unclosed\n---\nText.", "utf-8")
    assert "front matter that is not YAML" in problems(tmp_path)[0].reason


def test_half_a_surrogate_pair_becomes_the_replacement_character(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "a", "text": "x \\ud800 y"}', "utf-8")
    assert articles(tmp_path)[0].text == "x � y"


def test_a_folder_without_articles_is_named(tmp_path: Path) -> None:
    assert "holds no .txt, .md, .jsonl file" in problems(tmp_path)[0].reason


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    assert "is not a .txt, .md, .jsonl file" in problems(tmp_path / "a.pdf")[0].reason
