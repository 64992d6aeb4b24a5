"""Models that think, over a real socket: thoughts are never shown, not even as a draft, and never counted as the answer."""

import asyncio
import json

import pytest

from rag.answer import DraftText
from rag.answering.generative import ModelWriter, VerifiedText
from rag.models.openai_client import AnswerEvent, Limits, ModelServer
from rag.models.server import Server
from rag.thoughts import AnswerBegins, AnswerReader, separate_thoughts, settled_length
from tests.fakes.fake_model_server import DONE, HANG_UP, Reply, answer, end, event, piece, serving
from tests.networks import shipped_verifier
from tests.test_generative import ASKED, HITS, written

SHOWN = "Hungary would not seek to arrest Putin. [1]"
ANSWER = "Hungary would not seek to arrest Putin. [1]"
THOUGHT = "Okay, so the user asks about Putin. Nobody was hurt, the mayor said. I could cite that, but no."
CALM = "Nobody was hurt, the mayor said. The flood damaged 240 houses in Skarne on Monday."
"""A thought in which nothing tells that it is one, and which the passages would prove."""
HARMONY = "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>"


def delta(reason: str | None = None, **fields: object) -> bytes:
    """A piece with any fields in it."""
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": reason}])


def letters(text: str, reason: str = "stop") -> Reply:
    """An answer in pieces of three characters, so that every tag is torn."""
    return Reply((*(piece(text[n : n + 3]) for n in range(0, len(text), 3)), end(reason), DONE))


def apart(field: str, thought: object = THOUGHT) -> Reply:
    """Thoughts in a field of their own, then the answer."""
    return Reply((delta(**{field: thought}), piece(ANSWER), end(), DONE))


def whole(message: dict[str, object], content_type: str = "application/json", reason: str = "stop") -> Reply:
    """One JSON body in place of a stream."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    body = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]})
    return Reply((body.encode(),), headers=(("Content-Type", content_type),))


THINKING_PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}]
THINKERS = {
    "tags": letters(f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"),
    "tags of another name": letters(f"<seed:think>{THOUGHT}</seed:think>{ANSWER}"),
    "special tokens": letters(f"<|START_THINKING|>{THOUGHT}<|END_THINKING|>{ANSWER}"),
    "nothing within the tags": letters(f"<think>\n\n</think>\n\n{ANSWER}"),
    "opened in the prompt": letters(f"{THOUGHT}\n</think>\n\n{ANSWER}"),
    "opened in the prompt, calm": letters(f"{CALM}\n</think>\n\n{ANSWER}"),
    "opened in the prompt, at once": Reply((piece(f"{CALM}\n</think>\n{ANSWER}"), end(), DONE)),
    "Mistral": letters(f"[THINK]{THOUGHT}[/THINK]{ANSWER}"),
    "Harmony": letters(HARMONY.format(THOUGHT, ANSWER)),
    "Harmony opened in the prompt": letters(
        HARMONY.format(THOUGHT, ANSWER).removeprefix("<|channel|>analysis<|message|>")
    ),
    "Harmony without its tokens": letters(f"analysis{THOUGHT}assistantfinal{ANSWER}"),
    "Harmony without its tokens, a blank": letters(f"analysis {THOUGHT} assistantfinal {ANSWER}"),
    "Harmony without its tokens, from its role on": letters(f"assistantanalysis{THOUGHT}assistantfinal{ANSWER}"),
    "Harmony's answer alone": letters(f"assistantfinal{ANSWER}"),
    "commentary": letters(f"commentary{THOUGHT}assistantfinal{ANSWER}"),
    "escaped as Markdown": letters(rf"\<think\>{THOUGHT}\</think\>{ANSWER}"),
    "full width": letters(f"＜think＞{THOUGHT}＜/think＞{ANSWER}"),
    "reasoning_content": apart("reasoning_content"),
    "reasoning": apart("reasoning"),
    "reasoning_text": apart("reasoning_text"),
    "told in words": letters(f"Here is my thought process: {THOUGHT}\n\nHere is my response: {ANSWER}"),
    "byte order mark": Reply((b"\xef\xbb\xbf" + piece(ANSWER), end(), DONE)),
    "text of plain completions": Reply((event(choices=[{"index": 0, "text": ANSWER, "finish_reason": "stop"}]), DONE)),
    "JSON over several lines": Reply(
        (
            b'data: {"choices": [\ndata: {"index": 0, "delta": {"content":\n',
            f"data: {json.dumps(ANSWER)}".encode(),
            b"\ndata: }}]}\n\n",
            end(),
            DONE,
        )
    ),
    "reasoning_details": apart("reasoning_details", [{"type": "reasoning.text", "text": THOUGHT}]),
    "parts": Reply((delta(content=THINKING_PARTS), delta(content=[{"type": "text", "text": ANSWER}]), end(), DONE)),
    "JSON": whole({"content": f"<think>{THOUGHT}</think>{ANSWER}"}),
    "JSON with a field": whole({"content": ANSWER, "reasoning_content": THOUGHT}),
    "JSON with parts": whole({"content": [*THINKING_PARTS, {"type": "text", "text": ANSWER}]}),
    "JSON that says it is a stream": whole({"content": ANSWER}, "text/event-stream"),
    "JSON that says it is text": whole({"content": ANSWER}, "text/plain"),
    "everything again in each piece": Reply(
        (*(piece(ANSWER[:n]) for n in range(5, len(ANSWER), 4)), piece(ANSWER), end(), DONE)
    ),
    "two answers at once": Reply(
        (
            *(
                event(choices=[{"index": number, "delta": {"content": text}}])
                for letter in ANSWER
                for number, text in enumerate((letter, "Other "))
            ),
            end(),
            DONE,
        )
    ),
    "end of turn": letters(f"{ANSWER}<|im_end|>\n<|im_start|>user\n{CALM}"),
    "begin of turn": letters(f"<|im_start|>assistant\n{ANSWER}</s>"),
    "tokens of Gemma's": letters(f"<unused94>thought\n{THOUGHT}<unused95>{ANSWER}"),
    "a quotation before the answer": letters(f"> **Reasoning**\n> {THOUGHT}\n\n{ANSWER}"),
    "escaped tags": letters(f"&lt;think&gt;{THOUGHT}&lt;/think&gt;{ANSWER}"),
    "thoughts and answer on one line": letters(f"**Thinking:** {THOUGHT} **Final answer:** {ANSWER}"),
    "tags of an answer": letters(f"<think>{THOUGHT}</think><answer>{ANSWER}</answer>"),
}


@pytest.mark.parametrize("reply", THINKERS.values(), ids=THINKERS)
def test_answer_is_read_wherever_it_comes_and_thoughts_are_not_shown(reply: Reply) -> None:
    with serving(reply) as standin:
        draft, proven = asyncio.run(written(writer_at(standin.base_url), HITS))
    assert proven.text == SHOWN
    assert proven.interrupted == ""
    assert draft.strip() == ANSWER
    assert "mayor" not in proven.draft.text


def writer_at(address: str, context_tokens: int = 4_096, answer_tokens: int = 300) -> ModelWriter:
    server = ModelServer(Server("small", address, ""), Limits(2.0, 5.0, 5.0, 10.0, retries=0))
    return ModelWriter(server, shipped_verifier(), context_tokens, answer_tokens)


SPENT = "small spent its 300 tokens thinking: raise DATELINE_MODEL_ANSWER_TOKENS."
UNANSWERED = {
    "within tags": (letters(f"<think>{CALM}", "length"), SPENT),
    "within Harmony": (letters(f"<|channel|>analysis<|message|>{CALM}", "length"), SPENT),
    "within a field": (Reply((delta(reasoning_content=CALM), end("length"), DONE)), SPENT),
    "within parts": (Reply((delta(content=THINKING_PARTS), end("length"), DONE)), SPENT),
    "within a JSON body": (whole({"content": None, "reasoning_content": CALM}, reason="length"), SPENT),
    "without any tag": (letters(THOUGHT * 2, "length"), SPENT),
    "kept by the server": (Reply((piece(""), end("length"), DONE)), SPENT),
    "a tool in place of an answer": (
        Reply(
            (
                delta(tool_calls=[{"index": 0, "function": {"name": "search", "arguments": "{}"}}]),
                end("tool_calls"),
                DONE,
            )
        ),
        "asked for a tool, of which it has none here",
    ),
    "a failure without words": (Reply((piece(""), end("error"), DONE)), "broke off before it wrote an answer"),
    "then no answer": (Reply((delta(reasoning=CALM), end(), DONE)), "only thought"),
    "in mid-sentence": (
        letters(f"<think>{CALM}</think>Hungary would not", "length"),
        "before it had finished a sentence",
    ),
}


@pytest.mark.parametrize(("reply", "sentence"), UNANSWERED.values(), ids=UNANSWERED)
def test_thoughts_alone_are_no_answer_and_the_note_says_so(reply: Reply, sentence: str) -> None:
    with serving(reply) as standin:
        draft, proven = asyncio.run(written(writer_at(standin.base_url), HITS))
    assert (proven.text, proven.citations, proven.abstained) == ("", (), False)
    assert sentence in proven.interrupted
    assert "mayor" not in draft


def test_small_context_is_what_is_to_be_raised_where_it_is_the_limit() -> None:
    with serving(letters(f"<think>{CALM}", "length")) as standin:
        _, proven = asyncio.run(written(writer_at(standin.base_url, context_tokens=1_200, answer_tokens=900), HITS))
    assert "spent its 400 tokens thinking: raise DATELINE_MODEL_CONTEXT_TOKENS" in proven.interrupted


def test_server_that_dies_within_thoughts_that_no_tag_tells_of_has_said_nothing() -> None:
    with serving(Reply((piece(THOUGHT), HANG_UP))) as standin:
        draft, proven = asyncio.run(written(writer_at(standin.base_url), HITS))
    assert (draft, proven.text) == ("", "")
    assert "hung up" in proven.interrupted


def test_draft_that_turns_out_to_be_thought_is_taken_back() -> None:
    async def drafts(address: str) -> list[DraftText | VerifiedText]:
        return [part async for part in writer_at(address).write("Will Hungary arrest Putin?", HITS, (), ASKED)]

    with serving(Reply((piece("Nobody was hurt. [2] "), piece(f"\n</think>\n{ANSWER}"), end(), DONE))) as standin:
        *parts, proven = asyncio.run(drafts(standin.base_url))
    assert parts == [DraftText("Nobody was hurt. [2]"), DraftText("", restart=True), DraftText(ANSWER)]
    assert isinstance(proven, VerifiedText)
    assert proven.text == SHOWN


def test_server_whose_thoughts_nothing_opened_is_known_from_then_on() -> None:
    async def events(server: ModelServer) -> list[AnswerEvent]:
        return [part async for part in server.stream([], 50)]

    async def twice(address: str) -> tuple[list[AnswerEvent], list[AnswerEvent]]:
        server = ModelServer(Server("small", address, ""), Limits(retries=0))
        return await events(server), await events(server)

    cut = Reply((piece("Nobody was hurt. [2] "), piece("Then "), end("length"), DONE))
    with serving(Reply((piece(f"{CALM}</think>{ANSWER}"), end(), DONE)), cut) as standin:
        first, second = asyncio.run(twice(standin.base_url))
    assert first[:2] == [AnswerBegins(), ANSWER]
    assert not any(isinstance(part, str) for part in second)


def test_thoughts_are_no_part_of_a_whole_text() -> None:
    with serving(letters(f"{CALM}</think>Yes.")) as standin:
        server = ModelServer(Server("small", standin.base_url, ""), Limits(retries=0))
        assert asyncio.run(server.text([], 100, 1_000)) == "Yes."


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A <think>x</think>B", "A B"),
        ("<think>x", ""),
        ("x</think>y</think>z", "z"),
        ("<think>a</THINKING>b", "b"),
        ("The reasoning [1] of the court < 5 years", "The reasoning [1] of the court < 5 years"),
        ("analysis of the vote", "analysis of the vote"),
        ("<|channel|>commentary<|message|>x<|end|><|channel|>final <|constrain|>json<|message|>y", "y"),
        ('<details type="reasoning"><summary>x</summary>y</details>z', "z"),
    ],
)
def test_thoughts_are_told_from_the_answer(text: str, read: str) -> None:
    assert separate_thoughts(text).answer == read


@pytest.mark.parametrize("text", [f"<think>{THOUGHT}</think>{ANSWER}", HARMONY.format(THOUGHT, ANSWER), ANSWER])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_however_a_text_is_torn_the_same_is_read(text: str, size: int) -> None:
    reader, read = AnswerReader(), ""
    news = [one for n in range(0, len(text), size) for one in reader.add(text[n : n + size])]
    for one in [*news, *reader.end(cut_off=False)]:
        read = read + one if isinstance(one, str) else ""
    assert read == ANSWER


def test_a_draft_is_shown_up_to_its_last_cited_sentence() -> None:
    assert settled_length("The bridge opened [1]. It was") == len("The bridge opened [1].")
    assert settled_length("In (2025) the bridge opened") == 0
    assert settled_length("Let me see what passage 1 says [1].") == 0


def test_answer_that_cites_is_cut_by_the_limit_like_any_other() -> None:
    with serving(answer("Nobody was hurt, the mayor said [2]. The flood", "length")) as standin:
        _, proven = asyncio.run(written(writer_at(standin.base_url), HITS))
    assert proven.text == "Nobody was hurt, the mayor said. [1]"
    assert proven.interrupted == ""
