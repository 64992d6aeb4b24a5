"""An OpenAI-compatible server on loopback: the embedded embedding model, and a scripted model whose answers are half false.

The model answers with the two sentences of its context that share most words with the question, each cited as the tool asks for
it, one of them with one fact changed (training/corruptions.py). Which one, and how, follows from the question alone.
"""

import json
import random
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rag.models.embedder import Passage
from rag.models.minilm import MiniLM
from rag.text import STOP_WORDS, stems_of
from training.corruptions import CORRUPTED, passage_of

NO_ANSWER = "I cannot answer."
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


@dataclass(frozen=True, slots=True)
class Form:
    """How a tool asks: what stands before its passages, passages as (mark, text), the question, how a mark is written."""

    opening: str
    passage: str
    question: str
    mark: str


DATELINE = Form("", r"^\[(\d+)\] [^\n]*\n(.+?)\n(?=\n\[\d+\] |#\w+ end)", r"^Question: (.+)$", " [{}]")
LLAMA_INDEX = Form(
    "sources of information:", r"^Source (\d+):\n(.+?)(?=\n\nSource \d+:|\n------)", r"^Query: (.+)$", " [{}]"
)
PAPER_QA = Form("", r"^(pqac-\w{8}): (.+?)\nFrom ", r"^Question: (.+)$", " ({})")
PAPER_QA_EXCERPT = Form("", r"^(Excerpt) from .+?\n---\n\n(.+?)\n\n---\n", r"^Question: (.+)$", "")
# Citations are registered by a tool there, and stand nowhere in the text.
HAIKU_RAG = Form("", r"^\[([\w-]{36})\] .+?Content:\n(.+?)(?=\n\n---\n|\n<asked>)", r"<asked>(.+)$", "")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that the model wrote to a question, the mark of the passage it cites, and whether that passage says it."""

    question: str
    sentence: str
    mark: str
    true: bool


def asked(form: Form, prompt: str) -> tuple[str, list[tuple[str, str]]]:
    """The question and the passages of a prompt."""
    prompt = prompt.rpartition(form.opening)[2] if form.opening else prompt
    questions = re.findall(form.question, prompt, re.MULTILINE)
    return questions[-1] if questions else "", re.findall(form.passage, prompt, re.MULTILINE | re.DOTALL)


def nearest_sentences(question: str, passages: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str, str]]:
    """Sentences, their marks and passages, that share most words with the question, best first; of equal ones the first."""
    sought = stems_of(question) - STOP_WORDS
    found: dict[str, tuple[str, str, str]] = {}
    for mark, text in passages:
        for sentence in passage_of(text).sentences:
            found.setdefault(sentence, (sentence, mark, text))
    return sorted(found.values(), key=lambda entry: -len(sought & stems_of(entry[0])))[:count]


def statements(question: str, passages: Sequence[tuple[str, str]]) -> list[Statement]:
    """What the model says: two sentences, one of them false where any rule of corruption applies to it."""
    digest = sha256(question.encode()).digest()
    said = []
    context = "\n".join(text for _, text in passages)
    for place, (sentence, mark, text) in enumerate(nearest_sentences(question, passages, 2)):
        changed = falsified(sentence, text, context, digest[1]) if place == digest[0] % 2 else sentence
        said.append(Statement(question, changed, mark, changed == sentence))
    return said


def falsified(sentence: str, text: str, context: str, turn: int) -> str:
    """The sentence with one fact changed, by the first rule from the given one on that applies; else as it stands."""
    rules = list(CORRUPTED.values())
    for rule in rules[turn % len(rules) :] + rules[: turn % len(rules)]:
        changed = rule(sentence, passage_of(text), passage_of(context), random.Random(turn))
        if changed != sentence and changed not in context:
            return changed
    return sentence


class ScriptedModel:
    """Answers chats by the rule above; `said` is all that it stated, `calls` how often it was asked."""

    def __init__(self) -> None:
        self.said: list[Statement] = []
        self.calls = 0

    def reply(self, messages: Sequence[dict[str, object]], has_tools: bool) -> dict[str, object]:
        """The message that answers these; it calls tools where there are some. It stands by what it said before."""
        self.calls += 1
        texts = [text_of(message.get("content")) for message in messages]
        if has_tools:
            return self.reply_with_tools(messages, texts)
        prompt = "\n".join(texts)
        if "Sentences that no passage bears out" in prompt:
            return assistant(self.repeated(texts[-1].partition("Sentences that no passage bears out")[2]))
        for form in (PAPER_QA_EXCERPT, PAPER_QA, LLAMA_INDEX, DATELINE):
            question, passages = asked(form, prompt)
            if passages and form is PAPER_QA_EXCERPT:
                nearest = nearest_sentences(question, passages, 3)
                score = max((len(stems_of(question) & stems_of(sentence)) for sentence, _, _ in nearest), default=0)
                summary = " ".join(sentence for sentence, _, _ in nearest)
                return assistant(json.dumps({"summary": summary, "relevance_score": min(score, 10)}))
            if passages:
                return assistant(self.answer(statements(question, passages), form))
        return assistant(NO_ANSWER)

    def reply_with_tools(self, messages: Sequence[dict[str, object]], texts: Sequence[str]) -> dict[str, object]:
        """Search, cite, answer: one after the other."""
        question = next(
            text for text, message in zip(texts, messages, strict=True) if message["role"] == "user" and text
        )
        results = [text for text, message in zip(texts, messages, strict=True) if message["role"] == "tool"]
        if not results:
            return tool_call("search", {"query": question})
        said = statements(*asked(HAIKU_RAG, f"{results[0]}\n<asked>{question}"))
        if len(results) == 1:
            return tool_call("cite", {"chunk_ids": list(dict.fromkeys(statement.mark for statement in said))})
        return assistant(self.answer(said, HAIKU_RAG))

    def answer(self, said: Sequence[Statement], form: Form) -> str:
        self.said += said
        return " ".join(f"{one.sentence.removesuffix('.')}{form.mark.format(one.mark)}." for one in said) or NO_ANSWER

    def repeated(self, listed: str) -> str:
        """The numbered sentences once more, with the marks that they had."""
        marks = {one.sentence.removesuffix("."): one.mark for one in self.said}
        lines = []
        for number, line in re.findall(r"^(\d+)\. (.+)$", listed, re.MULTILINE):
            lines += [f"{number}. {words} [{mark}]." for words, mark in marks.items() if line.startswith(words)][-1:]
        return "\n".join(lines) or "1. -"


def assistant(content: str) -> dict[str, object]:
    return {"role": "assistant", "content": content}


def tool_call(name: str, arguments: dict[str, object]) -> dict[str, object]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call-{name}", "type": "function", "function": function}],
    }


def text_of(content: object) -> str:
    """A message's text, be it a string or a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content or "")


@contextmanager
def serving() -> Iterator[tuple[str, ScriptedModel]]:
    """The base URL of a running server, and its model; it ends with the block."""
    model, embedder, one_at_a_time = ScriptedModel(), MiniLM(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                if self.path.endswith("/embeddings"):
                    self.send_body(embedded(request["input"]), "application/json")
                    return
                answer = model.reply(request["messages"], bool(request.get("tools")))
            if request.get("stream"):
                frames = (chat("chat.completion.chunk", delta=answer, finish_reason="stop"), "[DONE]")
                self.send_body("".join(f"data: {frame}\n\n" for frame in frames), "text/event-stream")
            else:
                reason = "tool_calls" if "tool_calls" in answer else "stop"
                self.send_body(chat("chat.completion", message=answer, finish_reason=reason), "application/json")

        def send_body(self, body: str, kind: str) -> None:
            content = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    def embedded(texts: str | list[str]) -> str:
        passages = [Passage(text) for text in ([texts] if isinstance(texts, str) else texts)]
        entries = [
            {"object": "embedding", "index": place, "embedding": found.vector.tolist()}
            for place, found in enumerate(embedder.embed_passages(passages))
        ]
        return json.dumps({"object": "list", "model": "embedder", "data": entries, "usage": USAGE})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chat(kind: str, **choice: object) -> str:
    """A chat completion, or the one piece of a streamed one."""
    frame = {"id": "scripted", "object": kind, "created": 0, "model": "scripted", "usage": USAGE}
    return json.dumps(frame | {"choices": [{"index": 0, **choice}]})
