"""The engine with a scripted model server: whatever the model does, the answer shown is proven, quoted or a refusal."""

import asyncio
from pathlib import Path

import pytest

from bot.terminal.render import answer_lines
from rag.answer import Answer, DraftText, StreamEvent, Turn, answer_json
from rag.factory import open_engine
from rag.settings import Settings
from tests.conftest import SEED_ID, SEEDS
from tests.fakes.fake_model_server import HANG_UP, Reply, answer, failure, piece, serving

QUESTION = "Will Hungary arrest Putin?"
SEED_TEXT = next(SEEDS.glob("*.txt")).read_text("utf-8")
PROVABLE = "Hungary would not seek to arrest Putin [1]."
INVENTED = "Hungary arrested Putin in Vienna on Tuesday [1]."


def asked(home: Path, *replies: Reply, question: str = QUESTION, **changes: object) -> tuple[str, Answer]:
    """The draft as it was streamed, and the answer to the question from the seed article."""

    async def run(base_url: str) -> tuple[str, Answer]:
        given = Settings(home=home, model="small", openai_base_url=base_url, model_retries=0, **changes)
        async with open_engine(given) as engine:
            await engine.library.ingest([SEEDS])
            events = [event async for event in engine.stream(question)]
        last = events[-1]
        assert isinstance(last, Answer)
        assert sum(isinstance(event, Answer) for event in events) == 1
        return "".join(event.text for event in events if isinstance(event, DraftText)), last

    with serving(*replies) as standin:
        return asyncio.run(run(standin.base_url))


def assert_quoted(given: Answer) -> None:
    """Quoted from the article without the model, word for word."""
    assert given.model == "extractive"
    assert given.citations
    assert all(one.quote in SEED_TEXT for one in given.citations)
    assert "arrested" not in given.text


def test_proven_answer_is_the_models_and_its_draft_was_streamed(own_home: Path) -> None:
    draft, given = asked(own_home, answer(PROVABLE))
    assert draft == PROVABLE
    assert (given.model, given.text, given.note) == ("small", "Hungary would not seek to arrest Putin. [1]", "")
    assert [one.article_id for one in given.citations] == [SEED_ID]
    assert given.citations[0].quote in SEED_TEXT
    assert given.timings_ms["model"] > 0


def test_draft_that_nothing_bears_out_is_kept_with_the_quoted_answer_and_its_reason(own_home: Path) -> None:
    draft, given = asked(own_home, answer(INVENTED), answer("1. -"))
    assert draft == INVENTED
    assert_quoted(given)
    assert given.note == "Nothing that small wrote could be proven. This answer is quoted without it."
    assert given.draft is not None
    assert given.draft.text.startswith(INVENTED)
    assert [dropped.reason for dropped in given.draft.dropped] != [""]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply((piece("Hungary arrested Putin [1]. "), HANG_UP)), id="dies in mid-answer"),
        pytest.param(failure(500, "out of memory"), id="fails at once"),
        pytest.param(failure(401, "bad key"), id="refuses the key"),
    ],
)
def test_server_that_fails_leaves_the_quoted_answer_with_a_note(own_home: Path, reply: Reply) -> None:
    _, given = asked(own_home, reply)
    assert_quoted(given)
    assert given.note.endswith("This answer is quoted without it.")
    assert given.model_failed


def test_a_refusal_beside_a_failing_model_does_not_speak_of_a_quoted_answer(own_home: Path) -> None:
    _, given = asked(own_home, failure(500, "out of memory"), question="How far can a Tomahawk fly?")
    assert given.refused
    assert given.note
    assert "quoted" not in given.note
    assert given.model_failed


@pytest.mark.parametrize("reply", [failure(500, "out of memory"), answer("The articles do not say.")])
def test_several_questions_are_told_apart_where_a_model_fails_or_sees_no_answer(own_home: Path, reply: Reply) -> None:
    question = "How far can a Tomahawk fly and how often has Witkoff met Putin in Moscow?"
    _, given = asked(own_home, reply, question=question)
    assert "at least five times" in given.text
    assert given.unanswered == ("How far can a Tomahawk fly?",)


def test_an_article_that_changes_while_a_model_writes_is_read_once_more(own_home: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "a.txt", "The ferry company of Zell has 64 ships, its director said on Monday."
    file.write_text(before, "utf-8")

    async def run(base_url: str) -> tuple[list[StreamEvent], str]:
        given = Settings(home=own_home, model="small", openai_base_url=base_url, model_retries=0, seeds=None)
        async with open_engine(given) as engine:
            await engine.library.ingest([tmp_path])
            events: list[StreamEvent] = []
            async for event in engine.stream("How many ships has the ferry company of Zell?"):
                if not events:
                    file.write_text(f"Corrected on Tuesday after a complaint.\n\n{before}", "utf-8")
                    await engine.library.ingest([tmp_path])
                events.append(event)
            (headline,) = await engine.library.headlines()
            stored = await engine.library.article("shared", headline.article_id)
            assert stored is not None
            return events, stored.text

    with serving(answer("The ferry company of Zell has 64 ships [1].")) as standin:
        events, text = asyncio.run(run(standin.base_url))
    given = events[-1]
    assert isinstance(given, Answer)
    assert (given.model, len(standin.requests), text.startswith("Corrected")) == ("small", 2, True)
    assert [text[one.start : one.end] for one in given.citations] == [before]
    assert [event.restart for event in events if isinstance(event, DraftText)].count(True) == 1


def test_more_is_not_asked_of_a_model_that_would_tell_the_same_again(own_home: Path) -> None:
    first = Turn(QUESTION, "Hungary would not seek to arrest Putin. [1]", article_ids=(SEED_ID,))

    async def run(base_url: str) -> Answer:
        given = Settings(home=own_home, model="small", openai_base_url=base_url, model_retries=0)
        async with open_engine(given) as engine:
            await engine.library.ingest([SEEDS])
            return await engine.ask("tell me more", (first,))

    with serving(answer(PROVABLE)) as standin:
        given = asyncio.run(run(standin.base_url))
    assert standin.requests == []
    assert_quoted(given)


def test_server_that_dies_in_mid_answer_leaves_what_it_had_finished_with_a_note(own_home: Path) -> None:
    _, given = asked(own_home, Reply((piece(f"{PROVABLE} Orban has also"), HANG_UP)))
    assert (given.model, given.text) == ("small", "Hungary would not seek to arrest Putin. [1]")
    assert given.note.endswith("This is what it had finished by then.")
    assert given.citations[0].quote in SEED_TEXT


def test_reader_is_told_how_many_passages_the_model_could_not_read(own_home: Path) -> None:
    _, given = asked(own_home, answer(PROVABLE), model_context_tokens=1_200)
    assert given.draft is not None
    assert given.draft.passages_left_out > 0
    assert answer_json(given)["passages_left_out"] == given.draft.passages_left_out
    assert f"{given.draft.passages_left_out} further passage" in plain(given)
    _, given = asked(own_home, answer(PROVABLE))
    assert "further passage" not in plain(given)


def plain(given: Answer) -> str:
    return "\n".join(line.plain for line in answer_lines(given))


BEFORE = (Turn(QUESTION, "Hungary would not seek to arrest Putin. [1]"),)


@pytest.mark.parametrize(
    ("question", "rewrite", "standalone", "how", "requests"),
    [
        pytest.param(
            "Why not?", answer("Why would Hungary not arrest Putin?"), "Why would Hungary not arrest Putin?",
            "small rewrote the follow-up", 2, id="the model rewrites",
        ),
        pytest.param("And Hungary?", failure(500, "down"), None, "", 2, id="rules where the model fails"),
        pytest.param("And Hungary?", answer("I can't."), None, "", 2, id="rules where no question comes"),
        pytest.param(QUESTION, answer(PROVABLE), QUESTION, "", 1, id="nothing to rewrite"),
    ],
)  # fmt: skip
def test_follow_up_is_rewritten_by_the_model_and_else_by_rules(
    own_home: Path, question: str, rewrite: Reply, standalone: str | None, how: str, requests: int
) -> None:
    async def run(base_url: str) -> Answer:
        given = Settings(home=own_home, model="small", openai_base_url=base_url, model_retries=0)
        async with open_engine(given) as engine:
            await engine.library.ingest([SEEDS])
            return await engine.ask(question, BEFORE)

    with serving(rewrite, answer(PROVABLE)) as standin:
        given = asyncio.run(run(standin.base_url))
    assert len(standin.requests) == requests
    assert (given.model, given.text) == ("small", "Hungary would not seek to arrest Putin. [1]")
    if standalone is None:
        assert given.standalone_question != question
        assert "Hungary" in given.standalone_question
        assert given.explanation.rewritten
        assert "small" not in given.explanation.rewritten
    else:
        assert (given.standalone_question, given.explanation.rewritten) == (standalone, how)


CITED = "Hungary let it be known that Putin had nothing to fear from its police. [1]"
REWORDED = "Hungary let it be known that Putin had nothing to fear from its police [1]."


@pytest.mark.parametrize(
    ("draft", "verdict", "shown"),
    [
        pytest.param(REWORDED, "1 yes", CITED, id="yes"),
        pytest.param(REWORDED, "1. No: the quote says less.", "", id="no"),
        pytest.param(REWORDED, "1 yes\n1 no", "", id="both"),
        pytest.param(REWORDED, "The quote says so.", "", id="no verdict"),
        pytest.param("It let it be known that Merkel had nothing to fear [1].", "1 yes", "", id="a name stays with the code"),
        pytest.param("Hungary let 7 people know that he had nothing to fear [1].", "1 yes", "", id="so does a number"),
    ],
)  # fmt: skip
def test_a_model_may_vouch_for_wording_and_for_nothing_else(
    own_home: Path, draft: str, verdict: str, shown: str
) -> None:
    _, given = asked(own_home, answer(draft), answer(verdict), answer("-"), verify_with_model=True)
    if shown:
        assert (given.model, given.text) == ("small", shown)
        assert all(one.quote in SEED_TEXT for one in given.citations)
        assert given.draft is not None
        assert "[checked]\n1 yes" in given.draft.text
    else:
        assert_quoted(given)


SECOND = "Brussels would be glad of whatever brings a fair end to the fighting"
BOTH = f"{REWORDED} {SECOND} [1]."


@pytest.mark.parametrize(
    ("verdict", "shown", "requests"),
    [
        pytest.param(answer("1 yes\n2 yes"), ("1", "2"), 2, id="one call for both"),
        pytest.param(answer("2 yes"), ("2",), 3, id="too few lines"),
        pytest.param(answer("1 no\n2 yes\n3 yes\n99 yes\n0 yes"), ("2",), 3, id="too many lines"),
        pytest.param(answer("maybe yes, 12 yes-men said so"), (), 3, id="nonsense"),
        pytest.param(answer(""), (), 3, id="nothing"),
        pytest.param(failure(500, "down"), (), 3, id="the server fails"),
    ],
)
def test_all_doubtful_sentences_are_checked_in_one_call_and_only_those_agreed_to_are_shown(
    own_home: Path, verdict: Reply, shown: tuple[str, ...], requests: int
) -> None:
    async def run(base_url: str) -> Answer:
        given = Settings(
            home=own_home, model="small", openai_base_url=base_url, model_retries=0, verify_with_model=True
        )
        async with open_engine(given) as engine:
            await engine.library.ingest([SEEDS])
            return await engine.ask(QUESTION)

    with serving(answer(BOTH), verdict, answer("-")) as standin:
        given = asyncio.run(run(standin.base_url))
    assert len(standin.requests) == requests
    assert "nothing to fear from its police" in standin.prompt(1)
    assert SECOND in standin.prompt(1)
    sentences = {"1": "nothing to fear from its police", "2": SECOND}
    assert {number for number, words in sentences.items() if words in given.text} == set(shown)
    if not shown:
        assert_quoted(given)


def test_without_the_setting_no_model_vouches_for_anything(own_home: Path) -> None:
    _, given = asked(own_home, answer(REWORDED), answer("1 yes"))
    assert_quoted(given)


GERMAN = "Wird Ungarn den Präsidenten Putin verhaften?"


@pytest.mark.parametrize(
    ("back", "text", "note"),
    [
        pytest.param("Ungarn würde nicht versuchen, Putin festzunehmen. [1]",
                     "Ungarn würde nicht versuchen, Putin festzunehmen. [1]",
                     "small translated this from its proven English answer.", id="translated"),
        pytest.param("Ungarn würde das nicht.", "Hungary would not seek to arrest Putin. [1]", "", id="a mark is lost"),
        pytest.param("Siehe https://example.com [1]", "Hungary would not seek to arrest Putin. [1]", "", id="a link"),
    ],
)  # fmt: skip
def test_a_foreign_question_is_searched_in_english_and_answered_in_its_language(
    own_home: Path, back: str, text: str, note: str
) -> None:
    _, given = asked(own_home, answer(QUESTION), answer(PROVABLE), answer(back), question=GERMAN)
    assert (given.text, given.note, given.standalone_question) == (text, note, QUESTION)
    assert given.explanation.rewritten == "small translated the question"
    assert all(one.quote in SEED_TEXT for one in given.citations)


def test_a_model_that_declines_where_the_reader_is_sure_leaves_the_quoted_answer(own_home: Path) -> None:
    _, given = asked(own_home, answer("The articles do not say."))
    assert_quoted(given)
    assert given.note == "small saw no answer in these passages. This answer is quoted without it."
    assert given.draft is not None


@pytest.mark.parametrize(
    "translation", [pytest.param(failure(500, "down"), id="fails"), pytest.param(answer("???"), id="no question")]
)
def test_a_foreign_question_that_no_model_translated_is_asked_as_it_is(own_home: Path, translation: Reply) -> None:
    _, given = asked(own_home, translation, answer(PROVABLE), failure(500, "down"), question=GERMAN)
    assert (given.standalone_question, given.explanation.rewritten) == (GERMAN, "")
    assert (given.model, given.text) == ("small", "Hungary would not seek to arrest Putin. [1]")


NOT_THERE = "What did Macron say about the Budapest summit?"


def test_a_model_that_declines_where_the_reader_does_is_a_refusal(own_home: Path) -> None:
    _, given = asked(own_home, answer("The articles do not say."), question=NOT_THERE)
    assert given.refusal is not None
    assert (given.model, given.citations, given.text) == ("small", (), "")
    assert given.draft is not None


def test_a_model_is_asked_where_the_reader_is_not_sure(own_home: Path) -> None:
    draft, given = asked(own_home, answer(PROVABLE), question=NOT_THERE)
    assert draft == PROVABLE
    assert (given.model, given.text) == ("small", "Hungary would not seek to arrest Putin. [1]")
