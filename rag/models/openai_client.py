"""The one door to model servers: chat answers as a stream, and embeddings, from any OpenAI-compatible server.

Failures become one sentence that says what to do. Prompts and verification live elsewhere.
"""

import asyncio
import math
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from rag.errors import EmbedderError, ModelError, ModelRefused
from rag.settings import Settings
from rag.text import clean_line
from vectorstore.errors import DatelineError

OPENAI_URL = "https://api.openai.com/v1"
EMBEDDING_BATCH = 64


@dataclass(frozen=True, slots=True)
class Server:
    """Which server and model, and the settings that name them. `api_key` may be empty: most local servers want none."""

    model: str
    base_url: str
    api_key: str
    kind: str = "model"
    model_setting: str = "DATELINE_MODEL"
    url_setting: str = "OPENAI_BASE_URL"

    @classmethod
    def of(cls, settings: Settings, model: str = "") -> "Server":
        """The chat server that the settings name; `model` in place of the one they name."""
        return cls(model or settings.model, settings.openai_base_url, settings.openai_api_key.get_secret_value())

    @property
    def address(self) -> str:
        """The URL without a name and password that may be in it."""
        parts = urlsplit(self.base_url or OPENAI_URL)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


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
    """The end of a stream: `complete` unless the token limit or a dropped line cut it off; tokens where counted."""

    complete: bool
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


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
    """Chat completions from one server. One instance for the life of the program: it remembers failures."""

    def __init__(self, server: Server, limits: Limits) -> None:
        require_key(server, ModelError)
        self.server = server
        self.limits = limits
        self.breaker = CircuitBreaker()
        self.refused_parameters: set[str] = set()
        self.client = openai.AsyncOpenAI(
            api_key=server.api_key or "none",
            base_url=server.base_url or OPENAI_URL,
            timeout=openai.Timeout(limits.answer, connect=limits.connect),
            max_retries=limits.retries,
        )

    async def stream(self, messages: Sequence[Message], answer_tokens: int) -> AsyncGenerator[str | Finished, None]:
        """Pieces of text as they come, then Finished. Closing the iterator hangs up. Raises ModelError."""
        wait = self.breaker.seconds_to_wait(time.monotonic())
        if wait:
            raise ModelError(
                f"The model server {self.server.address} failed {self.breaker.failures} times in a row: "
                f"it is asked again in {math.ceil(wait)} s."
            )
        reason: str | None = None
        usage: tuple[int | None, int | None] = (None, None)
        seen = False
        try:
            async with aclosing(self.chunks(messages, answer_tokens)) as chunks:
                async for chunk in chunks:
                    seen = True
                    if chunk.usage:
                        usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
                    for choice in chunk.choices or ():
                        reason = choice.finish_reason or reason
                        if choice.delta and isinstance(choice.delta.content, str):
                            yield choice.delta.content
            if not seen:
                raise ValueError("an empty stream")
        # ValueError: what came was no JSON or no text; TypeError and AttributeError: JSON of another shape.
        except (openai.OpenAIError, TimeoutError, ValueError, TypeError, AttributeError) as error:
            if counts_as_outage(error):
                self.breaker.failed(time.monotonic())
            raise ModelError(explain(error, self.server)) from None
        if reason == "content_filter":
            raise ModelRefused(f"The content filter of {self.server.address} stopped the answer: ask in other words.")
        self.breaker.succeeded()
        yield Finished(reason in ("stop", "tool_calls", "function_call"), *usage)

    async def text(self, messages: Sequence[Message], answer_tokens: int, most_characters: int) -> str:
        """A whole answer in one string, cut at `most_characters`. Raises ModelError."""
        pieces: list[str] = []
        length = 0
        async with aclosing(self.stream(messages, answer_tokens)) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    pieces.append(piece)
                    length += len(piece)
                if length >= most_characters:
                    break
        return "".join(pieces)[:most_characters]

    async def chunks(
        self, messages: Sequence[Message], answer_tokens: int
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        """The raw stream under its four time limits. Raises TimeoutError saying which, and openai's errors."""
        clock = asyncio.get_running_loop().time
        last_moment = clock() + self.limits.answer
        until, waiting_for = clock() + self.limits.first_token, "begin"
        try:
            async with asyncio.timeout_at(min(until, last_moment)):
                stream = await self.open(messages, answer_tokens)
            try:
                while True:
                    async with asyncio.timeout_at(min(until, last_moment)):
                        chunk = await anext(stream, None)
                    if chunk is None:
                        return
                    # A role, a comment or an empty piece comes before the prompt is read: not yet the first token.
                    if waiting_for == "go on" or says_something(chunk):
                        until, waiting_for = clock() + self.limits.between_tokens, "go on"
                    yield chunk
                    # Time the reader takes is not the server's.
                    until = max(until, clock() + self.limits.between_tokens) if waiting_for == "go on" else until
            finally:
                await stream.close()
        except TimeoutError:
            raise TimeoutError("finish" if clock() >= last_moment else waiting_for) from None

    async def open(self, messages: Sequence[Message], answer_tokens: int) -> "openai.AsyncStream[ChatCompletionChunk]":
        """Start a completion, leaving out what this server has said it does not take."""
        prompt: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": message.content}
            if message.role == "system"
            else {"role": "user", "content": message.content}
            for message in messages
        ]
        while True:
            refused = self.refused_parameters
            try:
                return await self.client.chat.completions.create(
                    model=self.server.model,
                    messages=prompt,
                    stream=True,
                    temperature=openai.omit if "temperature" in refused else 0.0,
                    stream_options=openai.omit if "stream_options" in refused else {"include_usage": True},
                    max_tokens=openai.omit if "max_tokens" in refused else answer_tokens,
                    max_completion_tokens=answer_tokens if "max_tokens" in refused else openai.omit,
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                named = [name for name in ("max_tokens", "stream_options", "temperature") if name in str(error.body)]
                new = [name for name in named if name not in refused]
                if not new or is_too_long(error):
                    raise
                # Newer models name max_completion_tokens in the same breath as the max_tokens that they refuse.
                self.refused_parameters = refused | {new[0]}

    async def close(self) -> None:
        await self.client.close()


class ServerEmbedder:
    """Embeddings from an OpenAI-compatible /embeddings server. Synchronous: it is called from a worker thread."""

    def __init__(self, server: Server, limits: Limits) -> None:
        require_key(server, EmbedderError)
        self.server = server
        self.client = openai.OpenAI(
            api_key=server.api_key or "none",
            base_url=server.base_url or OPENAI_URL,
            timeout=openai.Timeout(limits.first_token, connect=limits.connect),
            max_retries=limits.retries,
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
            # Floats: base64, the client's default, is unknown to several servers.
            reply = self.client.embeddings.create(model=self.server.model, input=texts, encoding_format="float")
            vectors = [entry.embedding for entry in sorted(reply.data, key=lambda entry: entry.index)]
            usable = all(vector and all(math.isfinite(number) for number in vector) for vector in vectors)
            if len(vectors) != len(texts) or not usable:
                raise ValueError("something else than one vector for each text")
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise EmbedderError(explain(error, self.server)) from None
        return vectors

    def close(self) -> None:
        self.client.close()


def require_key(server: Server, failure: type[DatelineError]) -> None:
    """OpenAI itself rejects requests without a key: fail before the first question waits for it."""
    if not server.base_url and not server.api_key:
        raise failure(
            f"OpenAI wants a key for {server.model!r}: set OPENAI_API_KEY, or "
            f"{server.url_setting} for a server of your own."
        )


def says_something(chunk: ChatCompletionChunk) -> bool:
    """True from the first token on, thoughts included: some models think aloud in fields of other names."""
    return any(choice.delta and (choice.delta.content or choice.delta.model_extra) for choice in chunk.choices or ())


def counts_as_outage(error: Exception) -> bool:
    """True if the server failed, rather than rejected the request."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500
    return True


def is_too_long(error: openai.APIError) -> bool:
    """A prompt beyond the model's context, in the words of OpenAI, llama.cpp, vLLM, Ollama and others."""
    pattern = (
        r"context.{0,3}(?:length|size|window)|maximum context|too (?:long|many tokens)|exceeds? the (?:available|model)"
    )
    return bool(re.search(pattern, f"{error.code} {error.type} {error.message}", re.IGNORECASE))


def explain(error: Exception, server: Server) -> str:
    """One sentence: what, which server, what to do next. Never holds the key, which 401 messages repeat in part."""
    who = f"The {server.kind} server {server.address}"
    said = f" ({clean_line(str(getattr(error, 'message', error)))[:160]})"
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return f"{who} refused the key: set OPENAI_API_KEY to one that it takes."
        case openai.RateLimitError() if error.code == "insufficient_quota":
            return f"{who} says that the account is out of credit: add some, or set another {server.url_setting}."
        case openai.RateLimitError():
            return f"{who} gets too many requests: try again in a while."
        case openai.APIStatusError() if is_too_long(error):
            return (
                f"The prompt is longer than {server.model!r} can read: lower DATELINE_MODEL_CONTEXT_TOKENS to what the "
                "server was started with, or DATELINE_HITS."
            )
        case openai.APIStatusError() if re.search("content.{0,3}(filter|management)|moderation", str(error.body), re.I):
            return f"The content filter of {server.address} refused the question or its passages: ask in other words."
        case openai.NotFoundError():
            return (
                f"{who} knows no model {server.model!r} or has no such path: set {server.model_setting} to one of its "
                f"models, or correct {server.url_setting} (it usually ends in /v1)."
            )
        case openai.APIStatusError() if "model" in error.message.lower() and error.status_code < 500:
            return f"{who} did not take {server.model!r}{said}: set {server.model_setting} to one of its models."
        case openai.APIStatusError() if error.status_code < 500:
            return f"{who} did not take the request{said}: see its log, or set another {server.model_setting}."
        case openai.APIStatusError():
            return f"{who} failed with status {error.status_code}: try again in a while, or see its log."
        case openai.APIConnectionError():
            return f"{who} cannot be reached or hung up: start it, or correct {server.url_setting}."
        case TimeoutError():
            setting = {"begin": "FIRST_TOKEN", "go on": "BETWEEN_TOKENS", "finish": "ANSWER"}[str(error)]
            return f"{who} did not {error} in time: try again, or raise DATELINE_MODEL_{setting}_SECONDS."
        case openai.APIError():
            return f"{who} broke off with an error{said}: try again, or see its log."
    return (
        f"{who} sent something that is no answer: check that {server.url_setting} names an OpenAI-compatible server "
        "(it usually ends in /v1)."
    )
