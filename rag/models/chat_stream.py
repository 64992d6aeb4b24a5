"""What a chat server sends, as pieces: an event stream or one JSON body, text or lists of parts, thoughts apart. Pure."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

LINE_END = re.compile(rb"\r\n|\n|\r(?=.)", re.DOTALL)
MOST_BYTES_OF_A_LINE = 4_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OF_ANOTHER_API = re.compile(r"response\.|message_(?:start|delta|stop)|content_block_")
"""Types of events that OpenAI's Responses and Anthropic's Messages send, which were not asked for."""
WEB_PAGE = "web page"
"""The code of a complaint that is none of the API's, but a page for browsers."""
CALL_FIELDS = ("tool_calls", "function_call")
THOUGHT_FIELDS = (
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "reasoning_details",
    "thinking",
    "thought",
    "thoughts",
)
THOUGHT_PARTS = ("thinking", "reasoning", "thought", "redacted_thinking", "reasoning_text", "summary")


class ServerComplaint(Exception):
    """What a server says is wrong.

    status: of HTTP, or named in the message; code: names such as context_length_exceeded; retry_after: seconds it asks for.
    """

    def __init__(self, status: int | None, code: str, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.code = code
        self.said = said
        self.retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ChatPiece:
    """What one frame adds. reason: why the model stopped, once it has; tokens where the server counts them.

    called: it asks for a tool, of which it was given none.
    """

    text: str = ""
    thought: bool = False
    refusal: str = ""
    called: bool = False
    reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def says_something(self) -> bool:
        """True from the first token on, thoughts included."""
        return bool(self.text or self.thought or self.refusal)

    def after(self, earlier: "ChatPiece") -> "ChatPiece":
        """This piece, with the reason and the counts of an earlier one where it names none."""
        return replace(
            self,
            called=self.called or earlier.called,
            reason=self.reason or earlier.reason,
            prompt_tokens=earlier.prompt_tokens if self.prompt_tokens is None else self.prompt_tokens,
            completion_tokens=earlier.completion_tokens if self.completion_tokens is None else self.completion_tokens,
        )


async def read_pieces(body: AsyncIterable[bytes]) -> AsyncGenerator[ChatPiece, None]:
    """The pieces of a reply. Raises ServerComplaint, ValueError on what is no chat completion."""
    begun = ""
    async for data in read_data(body):
        if data.startswith("[DONE]"):
            break
        frame, begun = frame_of(data, begun)
        if frame is not None:
            yield piece_of(frame)
    if begun:
        raise ValueError("JSON that does not end")


def frame_of(data: str, begun: str) -> tuple[object, str]:
    """The frame that a line of data ends, or None and what has begun: JSON may go over several lines. Raises ValueError."""
    try:
        frame = json.loads(data)
    except ValueError:
        frame = None
    if begun and isinstance(frame, Mapping) and "choices" in frame:
        raise ValueError("JSON that does not end")
    if not begun and frame is not None:
        return frame, ""
    begun = f"{begun}\n{data}".lstrip()
    if len(begun) > MOST_BYTES_OF_A_LINE or not begun.startswith(("{", "[")):
        raise ValueError("no JSON")
    try:
        return json.loads(begun), ""
    except ValueError:
        return None, begun


async def read_data(body: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The data of each event; a body that is one JSON value comes whole, whatever it calls itself."""
    rest = b""
    whole: bytes | None = b""  # None once the body is known to be an event stream.
    first = True
    async for received in body:
        rest += received
        if first and len(rest) >= len(BYTE_ORDER_MARK):
            rest, first = rest.removeprefix(BYTE_ORDER_MARK), False
        if whole is not None and (whole or rest).lstrip()[:1] in (b"{", b"["):
            whole, rest = whole + rest, b""
            if len(whole) > MOST_BYTES_OF_A_LINE:
                raise ValueError("a body without end")
            continue
        if whole is not None and not rest.strip():
            continue
        whole = None
        lines = LINE_END.split(rest)
        rest = lines.pop()
        if len(rest) > MOST_BYTES_OF_A_LINE:
            raise ValueError("a line without end")
        for line in lines:
            if data := data_of(line):
                yield data
    last = whole.decode() if whole else data_of(rest)
    if last:
        yield last


def data_of(line: bytes) -> str:
    """The data of one line of an event stream, "" for comments, names and blank lines."""
    name, colon, value = line.decode().strip().partition(":")
    # llama.cpp has sent "error: {...}" in place of data.
    return value.strip() if colon and name in ("data", "error") else ""


def piece_of(frame: object) -> ChatPiece:
    """One frame of a stream, or a whole reply. Raises ServerComplaint, ValueError."""
    if isinstance(frame, list):
        frame = next((part for part in mappings(frame) if is_complaint(part)), frame)
    if not isinstance(frame, Mapping):
        raise ValueError("JSON of another shape")
    if is_complaint(frame):
        raise complaint_of(None, frame)
    if OF_ANOTHER_API.match(as_text(frame.get("type"))) and "choices" not in frame:
        raise ValueError("events of another API")
    usage = frame.get("usage")
    tokens = usage if isinstance(usage, Mapping) else {}
    text, thought, refusal, called, reason = "", False, "", False, ""
    for choice in mappings(frame.get("choices")):
        if choice.get("error"):
            raise complaint_of(None, choice)
        # One answer was asked for. A server that gives two would have their words mixed.
        if as_count(choice.get("index")) not in (None, 0):
            continue
        said = next((part for part in (choice.get("delta"), choice.get("message")) if isinstance(part, Mapping)), {})
        for part, is_thought in parts_of(said.get("content")):
            thought |= is_thought
            text += "" if is_thought else part
        thought |= any(said.get(field) for field in THOUGHT_FIELDS)
        # Servers of plain completions put the text here.
        text += "" if said else as_text(choice.get("text"))
        called |= any(said.get(field) for field in CALL_FIELDS)
        refusal += as_text(said.get("refusal"))
        reason = as_text(choice.get("finish_reason")) or reason
    return ChatPiece(
        text,
        thought,
        refusal,
        called,
        reason,
        as_count(tokens.get("prompt_tokens")),
        as_count(tokens.get("completion_tokens")),
    )


def parts_of(content: object) -> Iterator[tuple[str, bool]]:
    """The texts of a content, which may be a list of parts, and whether each is a thought."""
    if isinstance(content, str):
        yield content, False
        return
    for part in [content] if isinstance(content, Mapping) else mappings(content):
        kind = as_text(part.get("type"))
        if kind in THOUGHT_PARTS or part.get("thought") is True:
            yield "", True
        else:
            yield as_text(part.get("text")) or as_text(part.get("content")), False


def mappings(value: object) -> list[Mapping[str, object]]:
    """The mappings in a list, none where it is no list."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_complaint(frame: Mapping[str, object]) -> bool:
    """True for an error in the words of OpenAI, vLLM, FastAPI and others."""
    if frame.get("choices"):
        return bool(frame.get("error"))
    return bool(
        frame.get("error") or frame.get("detail") or frame.get("object") == "error" or as_text(frame.get("message"))
    )


def complaint_of(status: int | None, body: object) -> ServerComplaint:
    """What an error body says. Its own status counts where HTTP has none: errors come inside replies of status 200."""
    inner = body.get("error") if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping) else body
    fields: Mapping[str, object] = inner if isinstance(inner, Mapping) else {}
    code = fields.get("code")
    if status is None and isinstance(code, int) and 400 <= code < 600:
        status = code
    words = " ".join(str(fields[name]) for name in ("code", "type", "param") if fields.get(name) is not None)
    if isinstance(body, str) and body.lstrip().startswith("<"):
        words = WEB_PAGE
    return ServerComplaint(status, words, said_in(body))


def said_in(body: object) -> str:
    """The sentence for people in an error body, "" when there is none: web pages are none."""
    if isinstance(body, str):
        return "" if body.lstrip()[:1] in ("<", "{") else body.strip()
    if isinstance(body, Mapping):
        named = (said_in(body.get(name)) for name in ("error", "message", "detail", "msg", "error_description"))
        said = next((words for words in named if words), "")
        # OpenRouter says "Provider returned error", and what the provider said in here.
        about = body.get("metadata")
        raw = as_text(about.get("raw")) if isinstance(about, Mapping) else ""
        said = f"{said}: {raw.strip()}" if said and raw.strip() else said
        place = body.get("loc")
        return f"{place[-1]}: {said}" if said and isinstance(place, list) and place else said
    if isinstance(body, Sequence) and not isinstance(body, bytes | bytearray):
        return next((words for words in map(said_in, body) if words), "")
    return ""
