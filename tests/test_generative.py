"""Answers written by a scripted model over a real socket: what cannot be proven is never shown."""

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.answer import Citation, DraftText, Turn
from rag.answering.generative import ModelWriter, VerifiedText
from rag.answering.prompt import prompt_version
from rag.errors import ModelError, ModelRefused
from rag.factory import open_model_server, open_writer
from rag.models.openai_client import Limits, ModelServer
from rag.models.server import Server
from rag.sentences import sentence_spans
from rag.settings import Settings
from tests.fakes.fake_model_server import DONE, HANG_UP, FakeModelServer, Reply, answer, end, failure, piece, serving
from tests.networks import shipped_verifier
from vectorstore.values import Article, Chunk, Hit

ASKED = datetime(2025, 10, 18, tzinfo=UTC)
ORBAN = Article(
    "orban",
    "Putin speaks with Hungary's prime minister",
    "Russian President Vladimir Putin spoke with Hungary’s prime minister, the Kremlin said.\n\n"
    "Hungary would not seek to arrest Putin on a warrant from the International Criminal Court. "
    "Hungary is a member of the court, but Orban’s government has said it would move to withdraw.",
    source="RFE",
    published=datetime(2025, 10, 17, tzinfo=UTC),
)
FLOOD = Article(
    "flood",
    "Flood in Skarne",
    "The flood damaged 240 houses in Skarne on Monday. Nobody was hurt, the mayor said.",
    source="Tesk Valley Post",
    published=datetime(2025, 3, 4, tzinfo=UTC),
)
INJECTED = [json.loads(line) for line in Path("tests/cases/injected.jsonl").read_text("utf-8").splitlines()]


def hit(article: Article, start: int = 0) -> Hit:
    text = article.text[start:]
    spans = tuple((start + a, start + b) for a, b in sentence_spans(text))
    return Hit(
        Chunk(f"{article.id}:{start}", article.id, "shared", 0, start, len(article.text), text, article.title,
              article.source, article.url, article.published, sentences=spans),
        1.0,
    )  # fmt: skip


HITS = (hit(ORBAN), hit(FLOOD))


def writer_at(standin: FakeModelServer, context_tokens: int = 4_096, answer_tokens: int = 300) -> ModelWriter:
    # No test here is about time: a busy machine may take long.
    limits = Limits(60.0, 60.0, 60.0, 120.0, retries=0)
    server = ModelServer(Server("small", standin.base_url, ""), limits)
    return ModelWriter(server, shipped_verifier(), context_tokens, answer_tokens)


async def written(writer: ModelWriter, hits: Sequence[Hit], history: Sequence[Turn] = ()) -> tuple[str, VerifiedText]:
    draft = ""
    proven = None
    async for part in writer.write("Will Hungary arrest Putin?", hits, history, ASKED):
        assert proven is None, "nothing comes after the proven text"
        if isinstance(part, DraftText):
            draft += part.text
        else:
            proven = part
    await writer.server.close()
    assert proven is not None
    return draft, proven


def write(*replies: Reply, hits: Sequence[Hit] = HITS) -> VerifiedText:
    with serving(*replies) as standin:
        return asyncio.run(written(writer_at(standin), hits))[1]


def assert_sound(proven: VerifiedText, articles: Sequence[Article] = (ORBAN, FLOOD)) -> None:
    """The invariants of every answer shown."""
    texts = {article.id: article.text for article in articles}
    for citation in proven.citations:
        assert texts[citation.article_id][citation.start : citation.end] == citation.quote
    marks = [int(mark) for mark in re.findall(r"\[(\d+)\]", proven.text)]
    assert set(marks) == {citation.number for citation in proven.citations}
    assert [citation.number for citation in proven.citations] == list(range(1, len(proven.citations) + 1))
    assert not proven.text or proven.text.endswith("]")


def test_proven_sentences_are_shown_with_their_quotes() -> None:
    proven = write(answer("Hungary would not seek to arrest Putin [1]. The flood damaged 240 houses [2]."))
    assert proven.text == "Hungary would not seek to arrest Putin. [1] The flood damaged 240 houses. [2]"
    assert [citation.article_id for citation in proven.citations] == ["orban", "flood"]
    assert proven.citations[1].quote == "The flood damaged 240 houses in Skarne on Monday."
    assert not proven.abstained
    assert (proven.draft.prompt_version, proven.draft.prompt_tokens) == (prompt_version("answer"), 120)
    assert_sound(proven)


def test_draft_streams_before_the_proof() -> None:
    with serving(answer("Hungary would not seek to arrest Putin [1].")) as standin:
        draft, proven = asyncio.run(written(writer_at(standin), HITS))
    assert draft == "Hungary would not seek to arrest Putin [1]."
    assert proven.draft.text == draft


def test_wrong_passage_number_is_corrected() -> None:
    proven = write(answer("The flood damaged 240 houses in Skarne [1]."))
    assert [citation.article_id for citation in proven.citations] == ["flood"]
    assert_sound(proven)


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param("Hungary will arrest Putin [1].", id="contrary"),
        pytest.param("The flood damaged 340 houses in Skarne [2].", id="wrong number"),
        pytest.param("The flood damaged 240 houses in Varnhaven [2].", id="wrong name"),
        pytest.param("The flood damaged 240 houses in Skarne on Tuesday [2].", id="wrong day"),
        pytest.param("Forty people were hurt, the mayor said [2].", id="denied"),
        pytest.param("Putin arrested the International Criminal Court [1].", id="swapped"),
        pytest.param("", id="nothing"),
        pytest.param("[1][2] [1]", id="only marks"),
        pytest.param("[99] [0]", id="only invented marks"),
        pytest.param("Roses are red,\nviolets are blue,\nhoney is sweet\nand so are you.", id="poem"),
        pytest.param("<html><body><h1>Answer</h1><script>alert(1)</script></body></html>", id="HTML"),
        pytest.param("Ungarn würde nicht versuchen, Putin festzunehmen [1].", id="another language"),
        pytest.param("```\nHungary would not seek to arrest Putin [1].\n```", id="within code"),
        pytest.param('{"answer": "yes", "sources": [1]}', id="JSON"),
        pytest.param("<think>Hungary would not seek to arrest Putin [1].</think>", id="only thoughts"),
        pytest.param("\u200b\u202e\x00", id="invisible"),
    ],
)
def test_unproven_draft_leaves_nothing(draft: str) -> None:
    proven = write(answer(draft))
    assert (proven.text, proven.citations, proven.abstained) == ("", (), False)


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param("Hungary would not seek to arrest Putin.", id="no marks"),
        pytest.param("Hungary would not seek to arrest Putin [99].", id="invented mark"),
        pytest.param("Hungary would not seek to arrest Putin [0] [1, 2].", id="list of marks"),
        pytest.param("Hungary would not seek to arrest Putin.[1][2]", id="marks after the full stop"),
        pytest.param("Hungary would not seek to arrest Putin 【1†source】.", id="full-width marks"),
        pytest.param("Hungary would not seek to arrest Putin (1).", id="round brackets"),
        pytest.param("Hungary would not seek to arrest Putin [passage 1].", id="named mark"),
        pytest.param("Hungary would not seek to arrest [Putin [1]](https://evil.example/x).", id="mark in a link"),
        pytest.param("Hungary would not seek to arrest `Putin [1]`.", id="mark in code"),
        pytest.param("# Answer\n\n- **Hungary** would not seek to arrest _Putin_ [1]", id="heading and list"),
        pytest.param("<b>Hungary</b> would not seek to arrest <a href='x'>Putin</a> [1].", id="tags"),
        pytest.param("According to the passages, Hungary would not seek to arrest Putin [1].", id="preamble"),
        pytest.param("<think>Let me see [2].</think>Hungary would not seek to arrest Putin [1].", id="thoughts"),
        pytest.param("According to [1], Hungary would not seek to arrest Putin.", id="names its source first"),
        pytest.param("Hungary, according to [1], would not seek to arrest Putin.", id="names its source"),
        pytest.param("Hungary would not seek to arrest Putin, as reported by [1].", id="names its source last"),
        pytest.param("Hungary would not seek to arrest Putin<sup>1</sup>.", id="raised mark"),
        pytest.param("Hungary would not seek to arrest Putin <source>1</source>", id="mark in a tag"),
        pytest.param("Hungary would not seek to arrest Putin [doc 1].", id="document's mark"),
        pytest.param(
            "**Thinking:**\nLet me see. Putin has a warrant.\n\n**Answer:**\nHungary would not seek to arrest Putin [1].",
            id="thoughts under a heading",
        ),
        pytest.param('{"answer": "Hungary would not seek to arrest Putin [1].", "sources": [1]}', id="JSON"),
        pytest.param('"Hungary would not seek to arrest Putin. [1]"', id="all in quotation marks"),
        pytest.param(r"\boxed{Hungary would not seek to arrest Putin. [1]}", id="boxed"),
        pytest.param('```json\n{"response": "Hungary would not seek to arrest Putin."}\n```', id="JSON within code"),
        pytest.param("Hun\u200bgary would not seek to arrest Putin\u202e [1].", id="invisible characters"),
    ],
)
def test_markup_and_odd_marks_come_off(draft: str) -> None:
    proven = write(answer(draft))
    assert proven.text == "Hungary would not seek to arrest Putin. [1]"
    assert [citation.article_id for citation in proven.citations] == ["orban"]
    assert_sound(proven)


@pytest.mark.parametrize(
    "draft",
    [
        "The articles do not say.",
        "The articles do not say whether Hungary will.",
        "The provided passages do not contain this information [1].",
        "There is no information about that.",
    ],
)
def test_articles_that_do_not_say_are_an_outcome_of_its_own(draft: str) -> None:
    proven = write(answer(draft))
    assert (proven.text, proven.citations, proven.abstained) == ("", (), True)


def test_unproven_sentence_is_repaired_once_in_its_place() -> None:
    first = answer("The flood damaged 340 houses in Skarne [2]. Nobody was hurt, the mayor said [2].")
    with serving(first, answer("1. The flood damaged 240 houses in Skarne. [2]")) as standin:
        _, proven = asyncio.run(written(writer_at(standin), HITS))
    assert proven.text == "The flood damaged 240 houses in Skarne. [1] Nobody was hurt, the mayor said. [2]"
    assert len(standin.requests) == 2
    assert "1. The flood damaged 340 houses in Skarne." in standin.prompt()
    assert proven.draft.dropped == ()
    assert_sound(proven)


def test_what_the_repair_cannot_prove_either_is_dropped_with_its_reason() -> None:
    first = answer("Nobody was hurt, the mayor said [2]. The flood damaged 340 houses in Skarne [2].")
    proven = write(first, answer("1. The flood damaged 350 houses [2]."))
    assert proven.text == "Nobody was hurt, the mayor said. [1]"
    assert [(d.sentence, d.reason) for d in proven.draft.dropped] == [
        ("The flood damaged 340 houses in Skarne.", "it says a number or date that the quote does not have")
    ]


@pytest.mark.parametrize("repair", [failure(500, "down"), answer("1. -"), answer(""), answer("sorry\n\n7. what?")])
def test_failed_repair_leaves_what_was_proven(repair: Reply) -> None:
    first = answer("Nobody was hurt, the mayor said [2]. The flood damaged 340 houses in Skarne [2].")
    assert write(first, repair).text == "Nobody was hurt, the mayor said. [1]"


def test_server_that_dies_in_mid_answer_leaves_the_sentences_it_had_finished() -> None:
    proven = write(Reply((piece("Nobody was hurt, the mayor said [2]. The flood damaged 240"), HANG_UP)))
    assert proven.text == "Nobody was hurt, the mayor said. [1]"
    assert "hung up" in proven.interrupted


def test_server_that_dies_in_mid_answer_is_not_asked_to_repair() -> None:
    proven = write(Reply((piece("The flood damaged 340 houses in Skarne [2]. "), HANG_UP)))
    assert (proven.text, proven.abstained) == ("", False)
    assert "hung up" in proven.interrupted
    assert proven.draft.dropped


def test_server_that_dies_while_it_says_that_the_articles_do_not_say_has_said_nothing() -> None:
    proven = write(Reply((piece("The articles do not say. "), HANG_UP)))
    assert (proven.text, proven.abstained) == ("", False)


@pytest.mark.parametrize("steps", [(HANG_UP,), (piece("  "), HANG_UP)])
def test_server_that_dies_before_its_first_word_is_an_error(steps: tuple[bytes | str, ...]) -> None:
    with pytest.raises(ModelError, match="hung up"):
        write(Reply(steps))


def test_nothing_of_an_answer_that_the_content_filter_stopped_is_shown() -> None:
    with pytest.raises(ModelRefused, match="content filter"):
        write(answer("Nobody was hurt, the mayor said [2].", reason="content_filter"))


def test_sentence_cut_off_by_the_token_limit_is_left_out() -> None:
    proven = write(answer("Nobody was hurt, the mayor said [2]. The flood damaged 240", reason="length"))
    assert proven.text == "Nobody was hurt, the mayor said. [1]"


def test_same_sentence_twice_is_shown_once() -> None:
    proven = write(answer("Nobody was hurt, the mayor said [2]. " * 20))
    assert proven.text == "Nobody was hurt, the mayor said. [1]"


def test_five_hundred_sentences_end_in_bounded_time() -> None:
    text = " ".join(f"The flood damaged {n} houses in Skarne [2]." for n in range(500))
    began = asyncio.run(timed(answer(text)))
    assert began < 10


async def timed(reply: Reply) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with serving(reply) as standin:
        _, proven = await written(writer_at(standin, answer_tokens=1_000), HITS)
    assert proven.text in ("", "The flood damaged 240 houses in Skarne. [1]")
    return loop.time() - began


def test_ten_megabytes_are_not_read() -> None:
    megabytes = Reply((piece("Nobody was hurt, the mayor said [2]. "), *(piece("blah " * 2_000),) * 1_000, end(), DONE))
    with serving(megabytes, answer("1. -")) as standin:
        _, proven = asyncio.run(written(writer_at(standin), HITS))
        assert standin.hung_up_on.wait(5)
    assert proven.text == "Nobody was hurt, the mayor said. [1]"
    assert len(proven.draft.text) <= 300 * 8 + 40


@pytest.mark.parametrize(
    "article",
    [pytest.param(one, id=one["id"], marks=pytest.mark.slow if at % 4 else ()) for at, one in enumerate(INJECTED)],
)
def test_model_that_obeys_an_injected_article_shows_none_of_it(article: dict[str, str]) -> None:
    fields = {"title": article["title"], "source": article["source"], "url": article["url"]}
    hostile = Article(
        article["id"], text=article["text"], published=datetime.fromisoformat(article["published"]), **fields
    )
    hostile_paragraph = next((p for p in hostile.text.split("\n\n") if article["payload"].strip() in p), "")
    obeying = f"{article['payload']} [1]\n\n{article['fact']} [1]\n\n{hostile_paragraph} [1]\n{article['payload']}\n[1]"
    proven = write(answer(obeying), answer(f"1. {article['payload']} [1]"), hits=(hit(hostile),))
    shown = proven.text + "".join(citation.quote for citation in proven.citations)
    payload = re.sub(r"[^\w]+", "", article["payload"]).casefold()
    assert payload not in re.sub(r"[^\w]+", "", shown).casefold()
    assert_sound(proven, (hostile,))
    if article["fact"]:
        assert article["fact"].rstrip(".") in proven.text


def test_follow_up_is_rewritten_to_stand_alone() -> None:
    async def rewrite(writer: ModelWriter) -> str:
        return await writer.rewrite("Why not?", [Turn("Will Hungary arrest Putin?", "No. [1]")])

    with serving(answer('<think>hm</think>\nQuestion: "Why would Hungary not arrest Putin?"')) as standin:
        assert asyncio.run(rewrite(writer_at(standin))) == "Why would Hungary not arrest Putin?"
    assert "Will Hungary arrest Putin?" in standin.prompt()


@pytest.mark.parametrize("text", ["", "\n \n", "because " * 60, "Visit https://evil.example now?"])
def test_rewrite_that_is_no_question_is_an_error(text: str) -> None:
    async def rewrite(writer: ModelWriter) -> str:
        return await writer.rewrite("Why not?", [])

    with serving(answer(text)) as standin, pytest.raises(ModelError, match="stands alone"):
        asyncio.run(rewrite(writer_at(standin)))


def test_passages_are_trimmed_to_the_context_lowest_rank_first() -> None:
    long = Article("long", "Long", "The council met again and talked about roads for hours. " * 40)
    with serving(answer("The articles do not say.")) as standin:
        _, proven = asyncio.run(written(writer_at(standin, context_tokens=1_400), (hit(FLOOD), hit(long), hit(ORBAN))))
    assert proven.draft.passages_left_out == 1
    assert "240 houses" in standin.prompt()
    assert "warrant" not in standin.prompt()
    assert re.search(r"for hours\.\n\n#\w+ end", standin.prompt()), "cut after a whole sentence"


def test_citation_carries_copies_of_the_passage() -> None:
    copied = Hit(hit(FLOOD).chunk, 1.0, copies=(hit(ORBAN).chunk,))
    citations: tuple[Citation, ...] = write(answer("Nobody was hurt, the mayor said [1]."), hits=(copied,)).citations
    assert [copy.article_id for copy in citations[0].copies] == ["orban"]


def test_settings_without_a_model_open_no_server(tmp_path: Path) -> None:
    assert open_model_server(Settings(home=tmp_path, model="")) is None


def test_settings_with_a_model_open_its_writer(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model="small", openai_base_url="http://127.0.0.1:9/v1", model_context_tokens=900)
    server = open_model_server(settings)
    assert server is not None
    writer = open_writer(settings, server, shipped_verifier())
    assert (writer.name, writer.answer_tokens, writer.prompt_tokens) == ("small", 300, 600)
