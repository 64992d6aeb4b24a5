"""Training rows: the right tokens and sentences are marked, and negatives never hold the answer."""

import gzip
import json
import random
from pathlib import Path

import pytest

from rag.models.wordpiece import bert_tokenizer
from training.rows import Row, RowBuilder, Window, contains_any
from training.sets import CLAIMS, CLAIMS_HELD_OUT, READING, is_held_out
from training.simulate import simulate

PASSAGE = "The harbour of Zell was dredged in 1994. It had silted up for years. The town paid 12 million crowns."
OTHER = "The harbour of Pell was dredged by a firm from Kell. Nobody remembers the year."


def question(**fields: object) -> dict[str, object]:
    row = {"question": "When was the harbour of Zell dredged?", "title": "Zell", "passage": PASSAGE}
    return row | {"answers": ["1994"], "answerable": True} | fields


def written(
    folder: Path, reading: dict[str, list[dict[str, object]]], claims: dict[str, list[dict[str, object]]]
) -> Path:
    """A data folder: every set is there, most of them empty."""
    names = [one.name for one in READING]
    kinds = (("reading", names, reading), ("claims", [*CLAIMS, *CLAIMS_HELD_OUT], claims))
    for kind, sets, rows in kinds:
        (folder / kind).mkdir()
        for name in sets:
            with gzip.open(folder / kind / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows.get(name, []))
    return folder


@pytest.fixture
def builder(tmp_path: Path) -> RowBuilder:
    reading = {
        "nq_qed": [question(), question(question="Who dredged it?", answers=["a firm"], passage=OTHER, title="Pell")],
        "squad2_train_unanswerable": [question(question="When was the harbour sold?", answers=[], answerable=False)],
        "boolq_dev": [question(question="Is Zell a harbour?", answers=[])],
    }
    claims = {
        "fever_nli": [
            {"evidence": PASSAGE, "claim": "Zell was dredged in 1994.", "supported": 1},
            {"evidence": PASSAGE, "claim": "Zell was dredged in 1995.", "supported": 0},
        ]
    }
    made = RowBuilder(written(tmp_path, reading, claims), bert_tokenizer(), own=False)
    made.build()
    return made


def window_of(builder: RowBuilder, row: Row) -> Window:
    return builder.windows[row.window]


def test_the_marked_tokens_are_the_answer_and_lie_in_the_marked_sentence(builder: RowBuilder) -> None:
    (row,) = [row for row in builder.rows if row.set_name == "nq_qed" and row.title == builder.ids("Zell")]
    window = window_of(builder, row)
    start, end = window.offsets[row.starts[0]][0], window.offsets[row.ends[0]][1]
    assert window.text[start:end] == "1994"
    assert row.sentences == (0,)
    first, last = window.sentences[0]
    assert first <= row.starts[0] <= row.ends[0] < last


def test_a_question_that_the_passage_does_not_answer_marks_nothing(builder: RowBuilder) -> None:
    (row,) = [row for row in builder.rows if row.set_name == "squad2_train_unanswerable"]
    assert not row.answerable
    assert (row.starts, row.ends, row.sentences) == ((), (), ())


def test_yes_or_no_teaches_the_passage_and_no_words(builder: RowBuilder) -> None:
    (row,) = [row for row in builder.rows if row.set_name == "boolq_dev"]
    assert row.answerable
    assert not row.has_span
    assert not row.has_sentence


def test_a_mined_negative_is_near_by_words_and_does_not_hold_the_answer(builder: RowBuilder) -> None:
    mined = [row for row in builder.rows if row.set_name == "mined"]
    assert mined
    for row in mined:
        assert not row.answerable
        text = window_of(builder, row).text
        assert not (contains_any(text, ["1994"]) and contains_any(text, ["a firm"]))
    zell = [row for row in mined if not contains_any(window_of(builder, row).text, ["1994"])]
    assert all("Pell" in window_of(builder, row).text for row in zell)


def test_a_claim_takes_the_questions_place(builder: RowBuilder) -> None:
    claims = [row for row in builder.rows if row.task == 1 and row.set_name != "corrupted"]
    assert [row.answerable for row in claims] == [True, False]
    assert all(not row.has_span and not row.has_sentence for row in claims)


def test_windows_are_whole_sentences_and_their_tokens_are_the_texts(builder: RowBuilder) -> None:
    for window in builder.windows:
        assert [window.text[a:b][:1] for a, b in window.sentence_spans] == [
            window.text[a:b].strip()[:1] for a, b in window.sentence_spans
        ]
        assert window.tokens == builder.ids(window.text)
        assert window.sentences[-1][1] == len(window.tokens)


def test_the_same_data_gives_the_same_rows(builder: RowBuilder) -> None:
    again = RowBuilder(builder.data, bert_tokenizer(), own=False)
    again.build()
    assert again.rows == builder.rows


def test_what_is_reported_on_is_not_trained_on() -> None:
    assert not set(CLAIMS) & set(CLAIMS_HELD_OUT)


def test_a_simulated_library_does_not_answer_what_is_to_be_refused() -> None:
    facts = [f"The bridge number {n} of Zell was built in {1800 + n} by its {n}th mayor." for n in range(40)]
    answered = [
        {
            "set": "a",
            "title": "Zell",
            "question": f"When was bridge {n} built?",
            "passage": fact,
            "answers": [str(1800 + n)],
        }
        for n, fact in enumerate(facts)
    ]
    unanswered = [{"set": "u", "title": "Zell", "question": "Who painted it?", "passage": fact} for fact in facts]
    articles, cases = simulate(answered, unanswered, 0.3, random.Random(1))
    texts = [str(row["text"]) for row in articles]
    assert 0 < len(texts) < len(facts)
    assert len({row["id"] for row in cases}) == len(cases)
    for row in cases:
        if row["expect"] == "answer":
            assert any(contains_any(text, row["answers"][0]) for text in texts)
            assert set(row["gold_articles"]) <= {article["id"] for article in articles}
        elif row["tags"] == ["a"]:
            number = int(str(row["question"]).split()[3])
            assert facts[number] not in texts
    assert {row["expect"] for row in cases} == {"answer", "refuse"}


def test_articles_kept_for_the_judge_are_not_trained_on(tmp_path: Path) -> None:
    title = next(name for name in map(str, range(100)) if is_held_out(name))
    rows = [question(title=title)]
    data = written(tmp_path, {"squad11_train": rows, "nq_qed": rows, "tydiqa_goldp_en": rows}, {})
    made = RowBuilder(data, bert_tokenizer(), own=False)
    made.build()
    assert {row.set_name for row in made.rows} == {"tydiqa_goldp_en"}
