"""The trained reader: which sentence answers, which words, and whether any does."""

import hashlib
import shutil
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.answering.reader import UNREAD, Reader, Reading, best_span, interpret
from rag.errors import EmbedderError
from rag.models.passage_network import READER, VERIFIER, NetworkScores, PassageNetwork, ReaderPassage, Weights
from rag.models.passage_network import encode as encode_passage
from rag.models.wordpiece import bert_tokenizer
from rag.sentences import sentence_spans
from tests.networks import shipped_reader

CASTLE = (
    "The castle was built in 1385 by Sir Edward Dalyngrigge, a former knight of Edward III. "
    "It has no keep, its chambers being built around the outer walls. "
    "Lord Curzon bought it in 1917 for 9,000 pounds and restored it over eight years. "
    "It is now a tourist attraction, and drew 180,000 visitors in 2017."
)
RIVER = (
    "The river rises in the northern hills and is 76 kilometres long. "
    "It has been diverted several times since the Middle Ages."
)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return shipped_reader()


def passage(text: str, title: str = "") -> ReaderPassage:
    return ReaderPassage(text, title, sentence_spans(text))


def quoted(reading: Reading, of: ReaderPassage) -> str:
    """The sentence with the highest score."""
    best = max(range(len(of.sentences)), key=lambda place: reading.sentence_scores[place])
    return of.text[slice(*of.sentences[best])]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        pytest.param("When was the castle built?", "1385", id="when"),
        pytest.param("Who bought the castle in 1917?", "Lord Curzon", id="who"),
        pytest.param("How many visitors came in 2017?", "180,000", id="how-many"),
    ],
)
def test_the_sentence_that_answers_scores_highest_and_the_span_lies_on_the_answer(
    reader: Reader, question: str, words: str
) -> None:
    castle = passage(CASTLE, "Castle")
    (reading,) = reader.read(question, [castle])
    assert words in quoted(reading, castle)
    assert reading.span is not None
    assert words in castle.text[slice(*reading.span)]


def test_a_passage_that_answers_is_told_from_one_about_something_else(reader: Reader) -> None:
    castle, river = reader.read("Who bought the castle in 1917?", [passage(CASTLE, "Castle"), passage(RIVER, "River")])
    assert castle.answerable > river.answerable
    assert max(castle.sentence_scores) > max(river.sentence_scores)


def test_readings_come_in_the_order_of_the_passages_however_they_are_batched(reader: Reader) -> None:
    passages = [passage(" ".join([RIVER] * (1 + place % 3) + [CASTLE] * (place % 2)), "Both") for place in range(11)]
    all_together = reader.read("How long is the river?", passages)
    for alone, reading in zip(passages, all_together, strict=True):
        (expected,) = reader.read("How long is the river?", [alone])
        # Activations are quantized over a whole batch, so a neighbour moves the numbers a little.
        assert reading.answerable == pytest.approx(expected.answerable, abs=1.0)
        assert len(reading.sentence_scores) == len(alone.sentences)


def test_the_same_reading_twice_gives_the_same_numbers(reader: Reader) -> None:
    passages = [passage(CASTLE, "Castle"), passage(RIVER, "River")]
    assert reader.read("How long is the river?", passages) == reader.read("How long is the river?", passages)


def test_a_question_is_read_alike_with_and_without_its_mark(reader: Reader) -> None:
    castle = passage(CASTLE)
    assert reader.read("who bought the castle", [castle]) == reader.read("who bought the castle?", [castle])
    assert reader.read("Lord Curzon castle", [castle]) != reader.read("Lord Curzon castle?", [castle])


def test_a_sentence_beyond_the_limit_is_unread_and_the_rest_is_read(reader: Reader) -> None:
    long = passage(CASTLE + " " + " ".join([RIVER] * 30), "Castle")
    (reading,) = reader.read("When was the castle built? " + "Really? " * 200, [long])
    assert reading.sentence_scores[-1] == UNREAD
    assert reading.sentence_scores[0] > UNREAD
    assert len(reading.sentence_scores) == len(long.sentences)


@pytest.mark.parametrize("question", ["", "   ", "When?"])
@pytest.mark.parametrize("text", ["", " \n ", "."])
def test_empty_input_is_read_without_an_error(reader: Reader, question: str, text: str) -> None:
    (reading,) = reader.read(question, [passage(text)])
    assert np.isfinite(reading.answerable)
    assert len(reading.sentence_scores) == len(sentence_spans(text))


def test_the_large_network_reads_the_best_passage_cut_to_its_best_sentences(reader: Reader) -> None:
    passages = [passage(RIVER, "River")] * 4 + [passage(" ".join([RIVER] * 8 + [CASTLE] + [RIVER] * 2), "Castle")]
    readings = reader.read("Who bought the castle in 1917?", passages)
    assert [reading.reread is not None for reading in readings] == [False] * 4 + [True]
    assert "Lord Curzon" in quoted(readings[-1], passages[-1])
    span = readings[-1].span
    assert span is not None
    assert passages[-1].text[slice(*span)] == "Lord Curzon"


def test_the_large_network_reads_at_most_three_passages_that_are_as_good(reader: Reader) -> None:
    readings = reader.read("Who bought the castle in 1917?", [passage(CASTLE, "Castle")] * 5)
    assert sum(reading.reread is not None for reading in readings) == 3


def test_a_passage_of_5000_characters_without_a_sentence_end_is_read(reader: Reader) -> None:
    endless = "the castle was bought by Lord Curzon in 1917 and then " * 100
    (reading,) = reader.read("Who bought the castle?", [passage(endless[:5_000])])
    assert reading.reread is not None
    assert reading.span is not None


def test_no_passage_gives_no_reading(reader: Reader) -> None:
    assert reader.read("When was the castle built?", []) == []


def test_offsets_count_characters_behind_letters_that_the_tokenizer_splits_or_drops(reader: Reader) -> None:
    text = "Ⅷ été 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u200bÅngström İstanbul ﬃ 東京. The castle was built in 1385."
    (reading,) = reader.read("When was the castle built?", [passage(text)])
    assert reading.span is not None
    assert "1385" in text[slice(*reading.span)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(max_size=60), text=st.text(max_size=200), title=st.text(max_size=30))
def test_any_text_gives_a_score_for_each_sentence_and_a_span_inside_it(
    reader: Reader, question: str, text: str, title: str
) -> None:
    given_passage = passage(text, title)
    (reading,) = reader.read(question, [given_passage])
    assert len(reading.sentence_scores) == len(given_passage.sentences)
    assert all(np.isfinite(score) for score in reading.sentence_scores)
    if reading.span is not None:
        start, end = reading.span
        assert 0 <= start < end <= len(text)


def test_lone_surrogates_are_read_as_one_character_each(reader: Reader) -> None:
    text = "\ud800\udfff \ud83d castle built in 1385"
    (reading,) = reader.read("When was the \udc00 castle built?", [passage(text)])
    assert reading.span is not None
    assert "1385" in text[slice(*reading.span)]


def test_the_best_span_never_ends_before_it_starts() -> None:
    starts = np.array([0.0, 1.0, 5.0], dtype=np.float32)
    ends = np.array([9.0, 1.0, 2.0], dtype=np.float32)
    assert best_span(starts, ends, [(0, 3), (4, 7), (8, 9)]) == ((0, 3), 9.0)
    assert best_span(starts[1:], ends[1:], [(4, 7), (8, 9)]) == ((8, 9), 7.0)
    assert best_span(starts[:0], ends[:0], []) == (None, UNREAD)


def test_a_sentence_scores_as_the_soft_maximum_of_its_tokens_against_none_answers() -> None:
    encoded = encode_passage(bert_tokenizer(), "who", ReaderPassage("One two. Three.", "", ((0, 8), (9, 15))))
    scores = np.zeros((len(encoded.ids), 3), dtype=np.float32)
    scores[encoded.passage_start + 3, 2] = 4.0
    reading = interpret(encoded, NetworkScores(scores, np.array([0.5, 2.0], dtype=np.float32)))
    one_of_two_tokens = np.log((np.exp(4.0) + np.exp(0.0)) / 2)
    assert reading.answerable == 2.0
    assert reading.sentence_scores == pytest.approx((-0.5, one_of_two_tokens - 0.5))


@pytest.mark.parametrize("network", [READER, VERIFIER], ids=["reader", "verifier"])
def test_damaged_or_missing_weights_are_named(network: Weights, tmp_path: Path) -> None:
    weights = tmp_path / network.file
    with pytest.raises(EmbedderError, match="cannot be read"):
        PassageNetwork(network, path=weights)
    shutil.copy(str(files("rag.data").joinpath(network.file)), weights)
    assert PassageNetwork(network, path=weights).run([]) == []
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(EmbedderError, match="damaged"):
        PassageNetwork(network, path=weights)


@pytest.mark.parametrize("kind", ["no network", "an operator that the runtime lacks"])
def test_weights_that_the_installed_runtime_cannot_run_are_named(kind: str, tmp_path: Path) -> None:
    content = b"not a network"
    if kind != "no network":
        content = files("rag.data").joinpath(VERIFIER.file).read_bytes().replace(b"MatMulNBits", b"MatMulNBitz")
    weights = tmp_path / "verifier.onnx"
    weights.write_bytes(content)
    with pytest.raises(
        EmbedderError, match=r"cannot run .*verifier\.onnx .*: upgrade it with `pip install -U onnxruntime`"
    ):
        PassageNetwork(Weights(VERIFIER.file, hashlib.sha256(content).hexdigest()), path=weights)


@pytest.mark.slow
def test_the_weights_fit_into_a_wheel_that_package_indexes_take_and_load_fast() -> None:
    sizes = [len(files("rag.data").joinpath(network.file).read_bytes()) for network in (READER, VERIFIER)]
    assert sum(sizes) <= 95_000_000
    took = []
    for _ in range(3):
        began = time.process_time()
        PassageNetwork(READER)
        PassageNetwork(VERIFIER)
        took.append(time.process_time() - began)
    # Of processor time, which a busy machine hardly adds to; 0.4 s on idle cores.
    assert min(took) < 2.0
