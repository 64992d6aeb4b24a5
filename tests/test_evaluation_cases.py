"""Question sets are read whole or not at all, and what is wrong is told with its line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.errors import EvaluationError
from rag.evaluation.cases import Case, check_gold, load_cases
from rag.evaluation.evaluate import read_corpus

GOOD = {"id": "one", "question": "Who spoke?", "expect": "answer", "answers": [["Orban"]], "gold_articles": ["a"]}


def written(tmp_path: Path, *lines: object, name: str = "cases.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), "utf-8")
    return path


def test_own_set_and_its_gold_quotes_are_read() -> None:
    cases = load_cases([Path("tests/cases/cases.jsonl")])
    corpus = read_corpus([Path("tests/cases/newsroom.jsonl"), Path("seeds")])
    check_gold(cases.cases, corpus.texts)
    assert len(cases.cases) >= 120


def test_json_lines_and_yaml_say_the_same(tmp_path: Path) -> None:
    lines = written(
        tmp_path, GOOD, {"id": "two", "question": "And when?", "expect": "refuse", "asked_at": "2025-10-17"}
    )
    yaml_file = tmp_path / "cases.yaml"
    yaml_file.write_text(
        "- id: one\n  question: Who spoke?\n  expect: answer\n  answers: [[Orban]]\n  gold_articles: [a]\n"
        "- id: two\n  question: And when?\n  expect: refuse\n  asked_at: 2025-10-17\n",
        "utf-8",
    )
    from_lines, from_yaml = load_cases([lines]), load_cases([yaml_file])
    assert from_lines.digest == from_yaml.digest
    assert from_yaml.cases[1].asked_at == datetime(2025, 10, 17, 23, 59, 59, tzinfo=UTC)
    assert from_yaml.cases[1].place.endswith("cases.yaml:6")


def test_null_and_blank_fields_are_allowed(tmp_path: Path) -> None:
    blank = {"answers": None, "gold_articles": None, "gold_quotes": None, "asked_at": "", "history": None, "tags": None}
    path = written(tmp_path, {"id": "one", "question": "Who?", "expect": "refuse", "note": None} | blank, "", "   ")
    assert load_cases([path]).cases == (Case("one", "Who?", True, place=f"{path}:1"),)


def test_gold_quotes_are_repaired_as_the_articles_are(tmp_path: Path) -> None:
    case = {
        "id": "a",
        "question": "Where?",
        "expect": "answer",
        "gold_articles": ["z"],
        "gold_quotes": ["30 ° \ufeff N &amp; W"],
    }
    (read,) = load_cases([written(tmp_path, case)]).cases
    assert read.gold_quotes == ("30 °  N & W",)


def test_history_becomes_turns(tmp_path: Path) -> None:
    history = [{"question": "Who hosts?", "answer": "Budapest."}]
    [case] = load_cases([written(tmp_path, GOOD | {"history": history})]).cases
    assert [(turn.question, turn.answer) for turn in case.history] == [("Who hosts?", "Budapest.")]


def test_line_separator_inside_a_string_does_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(GOOD | {"question": "Who\u2028spoke?"}, ensure_ascii=False), "utf-8")
    assert load_cases([path]).cases[0].question == "Who\u2028spoke?"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"expect": "maybe"}, "expect"),
        ({"question": " "}, "the question is blank"),
        ({"id": ""}, "id"),
        ({"answers": [[]]}, "empty group"),
        ({"answers": "Orban"}, "answers"),
        ({"gold_quote": ["x"]}, "'gold_quote' is no field of a case"),
        ({"gold_quotes": [""]}, "empty passage"),
        ({"gold_articles": [], "gold_quotes": ["x"]}, "needs gold_articles"),
        ({"answers": [], "gold_articles": []}, "all empty"),
        ({"expect": "refuse"}, "must be empty"),
        ({"asked_at": "soon"}, "asked_at"),
        ({"draft": True}, "still a draft"),
        ({"history": [{"question": "Who?"}]}, "history"),
    ],
)
def test_wrong_field_is_told_with_its_line(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    path = written(tmp_path, GOOD | {"id": "zero"}, GOOD | change)
    with pytest.raises(EvaluationError) as raised:
        load_cases([path])
    assert str(raised.value).startswith(f"{path}:2")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_broken_line_57_is_named(tmp_path: Path) -> None:
    lines: list[object] = [GOOD | {"id": str(number)} for number in range(100)]
    lines[56] = '{"id": "56", "question": '
    with pytest.raises(EvaluationError, match=r"cases\.jsonl:57 is not JSON"):
        load_cases([written(tmp_path, *lines)])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cases.jsonl", "", "holds no cases"),
        ("cases.jsonl", "[1]\n", "is no case"),
        ("cases.jsonl", "[" * 200_000, "not JSON"),
        ("cases.yaml", "", "holds no cases"),
        ("cases.yaml", "id: one\n", "no list of cases"),
        ("cases.yaml", "- id: [\n", "cases.yaml:2 is not YAML"),
        ("cases.yaml", "- just words\n", "cases.yaml:1 is no case"),
        ("cases.csv", "id\n", "name a file of cases"),
    ],
)
def test_file_that_holds_no_cases_is_one_sentence(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(EvaluationError) as raised:
        load_cases([path])
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_and_binary_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="No such file"):
        load_cases([tmp_path / "nowhere.jsonl"])
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvaluationError, match="not UTF-8"):
        load_cases([tmp_path / "binary.jsonl"])


def test_id_may_not_repeat_across_files(tmp_path: Path) -> None:
    first, second = written(tmp_path, GOOD), written(tmp_path, GOOD, name="more.jsonl")
    with pytest.raises(EvaluationError, match=r"more\.jsonl:1 repeats the id 'one' of .*cases\.jsonl:1"):
        load_cases([first, second])


def test_gold_must_be_in_the_articles(tmp_path: Path) -> None:
    case = load_cases([written(tmp_path, GOOD | {"gold_quotes": ["Orban spoke."]})]).cases
    check_gold(case, {"a": "On Friday Orban spoke."})
    with pytest.raises(EvaluationError, match="gold article 'a', which is not in the articles"):
        check_gold(case, {"b": "Orban spoke."})
    with pytest.raises(EvaluationError, match="word for word"):
        check_gold(case, {"a": "On Friday Orban spoke:"})


def test_corpus_must_be_read_in_full(tmp_path: Path) -> None:
    line = {"id": "a", "text": "Orban spoke."}
    with pytest.raises(EvaluationError, match=r"corpus\.jsonl:2"):
        read_corpus([written(tmp_path, line, "{", name="corpus.jsonl")])
    with pytest.raises(EvaluationError, match="repeats"):
        read_corpus([written(tmp_path, line, name="b.jsonl"), written(tmp_path, line, name="c.jsonl")])
    with pytest.raises(EvaluationError, match="holds no articles"):
        read_corpus([written(tmp_path, name="empty.jsonl")])


def test_corpus_digest_is_over_articles_not_files(tmp_path: Path) -> None:
    line = {"id": "a", "text": "Orban spoke."}
    same = read_corpus([written(tmp_path, line, name="b.jsonl")]).digest
    assert same == read_corpus([written(tmp_path, line | {"title": None}, "", name="c.jsonl")]).digest
    assert same != read_corpus([written(tmp_path, line | {"source": "RFE"}, name="d.jsonl")]).digest
