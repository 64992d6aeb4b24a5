"""The one door to model servers: chat answers as a stream, and embeddings, from any OpenAI-compatible server.

What a server sends is read in chat_stream.py, thoughts are told from the answer in rag/thoughts.py, failures become one
sentence in complaints.py. Prompts and verification live elsewhere.
"""

import asyncio
import email.utils
import math
import os
import random
import ssl
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import httpx2
import openai
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

from rag.errors import EmbedderError, ModelError, ModelRefused, SettingsError
from rag.models.chat_stream import ChatPiece, ServerComplaint, complaint_of, read_pieces
from rag.models.complaints import (
    explain_complaint,
    explain_connection,
    explain_nonsense,
    explain_timeout,
    refused_parameters,
    refuses_system_role,
)
from rag.models.server import Proxy, Server, check_server, proxy_for
from rag.models.waiting import OnWait, WaitTeller
from rag.settings import Settings
from rag.text import clean_line
from rag.thoughts import AnswerBegins, AnswerReader
from vectorstore.errors import DatelineError

EMBEDDING_BATCH = 64
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables that say where certificates are, the one that is read first first."""
CHARACTERS_PER_TOKEN = 8
"""No vocabulary has more to a token on average; reading stops there whatever the server sends."""
RAISE_TOKENS = "raise DATELINE_MODEL_ANSWER_TOKENS"
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 8.0
"""Between tries where the server names no time, doubled each time: what openai's own client does."""
FAILED = ("error", "abort", "cancelled")
FILTERED = ("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "guardrail_intervened")
"""Reasons to stop that are a filter's, in lower case: OpenAI's, Gemini's, Bedrock's."""
AFTER_THE_END = 2.0
"""Seconds for the counts that may follow the reason to stop; some servers leave the connection open."""
CUT_OFF = ("length", "max_tokens", "max_output_tokens", "model_length", *FAILED)
"""Reasons to stop that leave an answer unfinished; servers have many words for the others."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Longest waits in seconds, and how many further tries before the first word."""

    connect: float = 5.0
    first_token: float = 60.0
    between_tokens: float = 20.0
    answer: float = 180.0
    retries: int = 2

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings name."""
        return cls(
            settings.model_connect_seconds,
            settings.model_first_token_seconds,
            settings.model_between_tokens_seconds,
            settings.model_answer_seconds,
            settings.model_retries,
        )


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat prompt."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a stream: `complete` unless the token limit or a dropped line cut it off; tokens where counted.

    unanswered: why there is no answer, in a sentence, where the model has thought and no more.
    cut_off: the token limit was reached.
    """

    complete: bool
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    unanswered: str = ""
    cut_off: bool = field(default=False, compare=False)


OpenReply: TypeAlias = openai.AsyncAPIResponse[ChatCompletion | openai.AsyncStream[ChatCompletionChunk]]
"""A reply whose body is still to be read."""

AnswerEvent: TypeAlias = str | AnswerBegins | Finished
"""What ModelServer.stream() yields: text, at times the news that the text before it was thought, then exactly one Finished."""


@dataclass(slots=True)
class CircuitBreaker:
    """Stops asking a failing server for a while: a question then gets its quoted answer without waiting.

    Open after `failures_to_open` failures in a row, for `open_seconds`; then one call at a time may try again.

    Three and thirty are guesses: long enough to spare a server that restarts, short enough not to be noticed after.
    """

    failures_to_open: int = 3
    open_seconds: float = 30.0
    failures: int = 0
    open_until: float = 0.0

    def seconds_to_wait(self, now: float) -> float:
        """0 when a call may be made; it then counts as the one trial until it ends. `now` is any steady clock."""
        if self.failures < self.failures_to_open:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        self.open_until = now + self.open_seconds
        return 0.0

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self, now: float) -> None:
        self.failures += 1
        self.open_until = now + self.open_seconds


class ModelServer:
    """Chat completions from one server. One instance for the life of the program: it remembers failures.

    on_wait is told with a sentence when the server lets one wait.
    """

    def __init__(self, server: Server, limits: Limits, on_wait: OnWait | None = None) -> None:
        require_key(server, ModelError)
        check_server(server)
        self.server = server
        self.limits = limits
        self.on_wait = on_wait
        self.breaker = CircuitBreaker()
        self.refused: set[str] = set()
        self.thinks_unopened = False
        self.proxy = proxy_for(server)
        self.client = open_client(server, self.proxy, limits)

    async def stream(self, messages: Sequence[Message], answer_tokens: int) -> AsyncGenerator[AnswerEvent, None]:
        """The answer in pieces as they come, without thoughts, then Finished. Closing it hangs up. Raises ModelError."""
        wait = self.breaker.seconds_to_wait(time.monotonic())
        if wait:
            raise ModelError(
                f"The model server {self.server.address} failed {self.breaker.failures} times in a row: "
                f"it is asked again in {math.ceil(wait)} s."
            )
        reader, last, refusal = AnswerReader(self.thinks_unopened), ChatPiece(), ""
        most = answer_tokens * CHARACTERS_PER_TOKEN
        seen = False
        teller = WaitTeller(self.on_wait, self.server, self.limits.first_token, self.limits.between_tokens)
        try:
            async with teller.telling(), aclosing(self.pieces(messages, answer_tokens, teller)) as pieces:
                async for piece in pieces:
                    seen = True
                    last, refusal = piece.after(last), refusal + piece.refusal
                    if piece.thought:
                        reader.think()
                    if piece.text:
                        for news in reader.add(piece.text[:most]):
                            yield news
                    teller.heard(piece, reader.thought and not reader.answered)
                    if len(reader.text) >= most:
                        last = ChatPiece(reason="length").after(last)
                        break
            if not seen:
                raise ValueError("an empty stream")
        # ValueError: what came was no JSON or no text; the last two: JSON of another shape.
        except (
            openai.OpenAIError, httpx2.HTTPError, ServerComplaint, TimeoutError, ValueError, TypeError, AttributeError
        ) as error:  # fmt: skip
            if counts_as_outage(error):
                self.breaker.failed(time.monotonic())
            raise ModelError(explain(error, self.server, self.proxy)) from None
        if last.reason.lower() in FILTERED:
            raise ModelRefused(f"The content filter of {self.server.address} stopped the answer: ask in other words.")
        self.breaker.succeeded()
        cut_off = last.reason in CUT_OFF
        for news in reader.end(cut_off):
            yield news
        self.thinks_unopened |= reader.unopened
        if refusal and not reader.answered:
            raise ModelRefused(f"{self.server.model} declined ({clean_line(refusal)[:160]}): ask in other words.")
        unanswered = "" if reader.answered else self.why_unanswered(last, reader.thought, answer_tokens)
        complete = bool(last.reason) and not cut_off
        yield Finished(complete, last.prompt_tokens, last.completion_tokens, unanswered, cut_off)

    def why_unanswered(self, last: ChatPiece, thought: bool, answer_tokens: int) -> str:
        """What a model did that wrote no answer, "" for one that did nothing at all."""
        if last.reason in FAILED:
            return f"{self.server.model} broke off before it wrote an answer: try again, or see the log of its server."
        if last.called:
            return (
                f"{self.server.model} asked for a tool, of which it has none here, and wrote no answer: switch its tools "
                "off at the server, or set another DATELINE_MODEL."
            )
        if last.reason in CUT_OFF:
            # Some servers keep the thoughts to themselves and count them all the same.
            return f"{self.server.model} spent its {answer_tokens} tokens thinking: {RAISE_TOKENS}."
        return (
            f"{self.server.model} only thought and wrote no answer: ask again, or set another DATELINE_MODEL."
            if thought
            else ""
        )

    async def text(self, messages: Sequence[Message], answer_tokens: int, most_characters: int) -> str:
        """A whole answer in one string, cut at `most_characters`. Raises ModelError."""
        pieces: list[str] = []
        length = 0
        async with aclosing(self.stream(messages, answer_tokens)) as stream:
            async for event in stream:
                if isinstance(event, AnswerBegins):
                    pieces, length = [], 0
                elif isinstance(event, str):
                    pieces.append(event)
                    length += len(event)
                elif event.unanswered:
                    raise ModelError(event.unanswered)
                if length >= most_characters:
                    break
        return "".join(pieces)[:most_characters]

    async def pieces(
        self, messages: Sequence[Message], answer_tokens: int, teller: WaitTeller
    ) -> AsyncGenerator[ChatPiece, None]:
        """The raw stream under its four time limits. Raises TimeoutError saying which, ServerComplaint, openai's errors."""
        clock = asyncio.get_running_loop().time
        last_moment = clock() + self.limits.answer
        until, waiting_for, ended = clock() + self.limits.first_token, "begin", False
        try:
            while True:
                async with asyncio.timeout_at(min(until, last_moment)):
                    response = await self.open(messages, answer_tokens, min(until, last_moment), teller)
                try:
                    async with aclosing(read_pieces(response.iter_bytes())) as pieces:
                        while True:
                            async with asyncio.timeout_at(min(until, last_moment)):
                                piece = await anext(pieces, None)
                            if piece is None:
                                return
                            # A role, a comment or an empty piece comes before the prompt is read: not yet the first token.
                            if waiting_for == "go on" or piece.says_something:
                                until, waiting_for = clock() + self.limits.between_tokens, "go on"
                            yield piece
                            # Time the reader takes is not the server's.
                            until = (
                                max(until, clock() + self.limits.between_tokens) if waiting_for == "go on" else until
                            )
                            ended = ended or bool(piece.reason)
                            until = min(until, clock() + AFTER_THE_END) if ended else until
                except ServerComplaint as complaint:
                    # Some servers reject a request within a reply of status 200.
                    if waiting_for == "go on" or not self.can_ask_otherwise(complaint):
                        raise
                finally:
                    await response.close()
        except TimeoutError:
            if ended:
                return
            raise TimeoutError("finish" if clock() >= last_moment else waiting_for) from None

    async def open(
        self, messages: Sequence[Message], answer_tokens: int, until: float, teller: WaitTeller
    ) -> OpenReply:
        """Start a completion, trying again as often as the limits say. `until` is a moment of the event loop's clock."""
        tries = 0
        while True:
            try:
                return await self.request(messages, answer_tokens)
            except (openai.APIStatusError, openai.APIConnectionError) as error:
                if isinstance(error, openai.APIStatusError) and self.can_ask_otherwise(complaint_in(error)):
                    continue
                wait = seconds_to_next_try(error, tries, self.limits.retries)
                if wait is None or asyncio.get_running_loop().time() + wait >= until:
                    raise
                teller.begin_pause(explain(error, self.server, self.proxy), wait)
            tries += 1
            await asyncio.sleep(wait)
            teller.begin("begin")

    async def request(self, messages: Sequence[Message], answer_tokens: int) -> OpenReply:
        """One request, leaving out what this server has said it does not take."""
        refused = self.refused
        streamed = "stream" not in refused
        manager = self.client.chat.completions.with_streaming_response.create(
            model=self.server.model,
            messages=prompt_of(messages, system="system" not in refused),
            stream=streamed,
            temperature=openai.omit if "temperature" in refused else 0.0,
            stream_options=openai.omit if "stream_options" in refused or not streamed else {"include_usage": True},
            max_tokens=openai.omit if "max_tokens" in refused else answer_tokens,
            max_completion_tokens=answer_tokens
            if "max_tokens" in refused and "max_completion_tokens" not in refused
            else openai.omit,
        )
        return await manager.__aenter__()

    def can_ask_otherwise(self, complaint: ServerComplaint) -> bool:
        """Note what a server does not take, for all further requests. False if it complains of nothing of that kind."""
        new = [name for name in refused_parameters(complaint) if name not in self.refused]
        if not new and "system" not in self.refused and refuses_system_role(complaint):
            new = ["system"]
        self.refused = self.refused | set(new[:1])
        return bool(new)

    async def close(self) -> None:
        await self.client.close()


class ServerEmbedder:
    """Embeddings from an OpenAI-compatible /embeddings server. Synchronous: it is called from a worker thread."""

    def __init__(self, server: Server, limits: Limits, on_wait: OnWait | None = None) -> None:
        require_key(server, EmbedderError)
        check_server(server)
        self.server = server
        self.limits = limits
        self.on_wait = on_wait
        self.proxy = proxy_for(server)
        self.client = openai.OpenAI(
            api_key=server.api_key or "none",
            base_url=server.url,
            timeout=openai.Timeout(limits.first_token, connect=limits.connect),
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                proxy=self.proxy.url if self.proxy else None, trust_env=False, verify=trusted_certificates()
            ),
        )

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in order, as the server made them. Raises EmbedderError."""
        vectors: list[list[float]] = []
        for begin in range(0, len(texts), EMBEDDING_BATCH):
            vectors += self.embed_batch(list(texts[begin : begin + EMBEDDING_BATCH]))
        if len({len(vector) for vector in vectors}) > 1:
            raise EmbedderError(f"{self.server.address} gave vectors of different lengths: use another model.")
        return vectors

    def embed_batch(self, texts: list[str]) -> list[list[float]]:
        try:
            reply = self.request(texts)
            vectors = [entry.embedding for entry in sorted(reply.data, key=lambda entry: entry.index)]
            usable = all(vector and all(math.isfinite(number) for number in vector) for vector in vectors)
            if len(vectors) != len(texts) or not usable:
                raise ValueError("something else than one vector for each text")
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise EmbedderError(explain(error, self.server, self.proxy)) from None
        return vectors

    def request(self, texts: list[str]) -> CreateEmbeddingResponse:
        """One request, tried again as often as the limits say, with waits no longer than an answer may take."""
        teller = WaitTeller(self.on_wait, self.server, self.limits.first_token, self.limits.between_tokens)
        tries = 0
        with teller.telling_from_thread():
            while True:
                try:
                    # Floats: base64, the client's default, is unknown to several servers.
                    return self.client.embeddings.create(model=self.server.model, input=texts, encoding_format="float")
                except (openai.APIStatusError, openai.APIConnectionError) as error:
                    wait = seconds_to_next_try(error, tries, self.limits.retries)
                    if wait is None or wait > self.limits.answer:
                        raise
                    teller.begin_pause(explain(error, self.server, self.proxy), wait)
                tries += 1
                time.sleep(wait)
                teller.begin("begin")

    def close(self) -> None:
        self.client.close()


def require_key(server: Server, failure: type[DatelineError]) -> None:
    """OpenAI itself rejects requests without a key: fail before the first question waits for it."""
    if not server.base_url and not server.api_key:
        raise failure(
            f"OpenAI wants a key for {server.model!r}: set OPENAI_API_KEY, or "
            f"{server.url_setting} for a server of your own."
        )


def trusted_certificates() -> ssl.SSLContext:
    """The certificates that servers are checked against. Raises SettingsError where the environment names others, unreadable."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one.
        named = next((f"{name}={os.environ[name]}" for name in CERTIFICATES if os.environ.get(name)), "")
        why = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "no certificates in it"
        raise SettingsError(
            f"{named or 'The certificates of Python'} cannot be read ({why}): correct it, or unset it."
        ) from None


def open_client(server: Server, proxy: Proxy | None, limits: Limits) -> openai.AsyncOpenAI:
    """The client of a chat server. It tries nothing again by itself: whoever waits is to be told."""
    return openai.AsyncOpenAI(
        api_key=server.api_key or "none",
        base_url=server.url,
        timeout=openai.Timeout(limits.answer, connect=limits.connect),
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            proxy=proxy.url if proxy else None, trust_env=False, verify=trusted_certificates()
        ),
    )


def prompt_of(messages: Sequence[Message], system: bool) -> list[ChatCompletionMessageParam]:
    """The messages as they are sent. Without `system` what it says stands at the head of the user's message."""
    before = "" if system else "".join(f"{one.content}\n\n" for one in messages if one.role == "system")
    prompt: list[ChatCompletionMessageParam] = []
    for message in messages:
        if message.role == "user":
            prompt.append({"role": "user", "content": before + message.content})
            before = ""
        elif system:
            prompt.append({"role": "system", "content": message.content})
    return prompt


def complaint_in(error: openai.APIStatusError) -> ServerComplaint:
    """What a server says with an error status, and when it wants to be asked again."""
    complaint = complaint_of(error.status_code, error.body)
    complaint.retry_after = retry_after(error.response.headers, time.time())
    return complaint


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a server asks to wait, None if it names none. `now` is the time of day, for those that name a moment."""
    for name, divisor in (("retry-after-ms", 1_000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    moment = email.utils.parsedate_tz(headers.get("retry-after", ""))
    seconds = email.utils.mktime_tz(moment) - now if moment else 0.0
    return seconds if seconds > 0 else None


def seconds_to_next_try(
    error: openai.APIStatusError | openai.APIConnectionError, tries: int, retries: int
) -> float | None:
    """How long to wait after so many tries, None when the same request is not to be made again."""
    # Not all who were turned away at once come back at once.
    unnamed = min(FIRST_RETRY_SECONDS * 2.0**tries, LONGEST_RETRY_SECONDS) * (1 - 0.25 * random.random())
    if tries >= retries:
        return None
    if isinstance(error, openai.APIConnectionError):
        return unnamed
    complaint = complaint_in(error)
    return complaint.retry_after or unnamed if may_work_later(complaint, error.response.headers) else None


def may_work_later(complaint: ServerComplaint, headers: Mapping[str, str]) -> bool:
    """True if the same request may be taken in a while."""
    if said := headers.get("x-should-retry"):
        return said == "true"
    status = complaint.status or 0
    if status in (408, 409, 429):
        return "insufficient_quota" not in complaint.code
    return status >= 500 and status != 501


def counts_as_outage(error: Exception) -> bool:
    """True if the server failed, rather than rejected the request."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500
    if isinstance(error, ServerComplaint) and error.status is not None:
        return error.status >= 500
    return True


def explain(error: Exception, server: Server, proxy: Proxy | None) -> str:
    """One sentence: what, which server, what to do next."""
    match error:
        case ServerComplaint():
            return explain_complaint(error, server, proxy)
        case openai.APIStatusError():
            return explain_complaint(complaint_in(error), server, proxy)
        case openai.APIConnectionError() | httpx2.TransportError():
            return explain_connection(error, server, proxy)
        case TimeoutError():
            return explain_timeout(str(error), server)
    return explain_nonsense(server)
