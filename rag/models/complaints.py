"""Why a model server gave no answer, as one sentence: what, which server, what to do next. Pure.

None holds the key, which servers repeat in part; what a server says itself is cleaned to one line.
"""

import re
import socket
import ssl
from collections.abc import Iterator

from rag.models.chat_stream import WEB_PAGE, ServerComplaint
from rag.models.server import KEY_SETTING, Proxy, Server
from rag.text import clean_line

MOST_SAID = 160  # characters
TOO_LONG = re.compile(
    r"context.{0,3}(?:length|size|window)|maximum context|too (?:long|many tokens)|exceeds? the (?:available|model)",
    re.IGNORECASE,
)
CONTENT_FILTER = re.compile(r"content.{0,3}(?:filter|management)|moderation", re.IGNORECASE)
NO_SUCH_PATH = re.compile(
    r"unexpected endpoint|page not found|\A\W*not found\W*\Z|no (?:such )?(?:route|path)|cannot post|method not allowed",
    re.IGNORECASE,
)
ROLES = re.compile(
    r"\broles?\b|\b(?:system|developer)[\W_]{0,3}(?:role|message|prompt|instruction|turn)|[\"'`](?:system|developer)\b",
    re.IGNORECASE,
)
NO_SYSTEM = re.compile(r"\b(?:system|developer)\b", re.IGNORECASE)
UNKNOWN_PARAMETER = re.compile(
    r"unexpected|unsupported|unrecogni[sz]ed|unknown|not permitted|not supported|extra", re.IGNORECASE
)
KEY = re.compile(r"\bapi[ _-]?key|unauthori[sz]ed|authenticat", re.IGNORECASE)
LOADING = re.compile(r"loading.{0,20}\bmodel|\bmodel\b.{0,20}\bloading", re.IGNORECASE)
TOO_MANY_TOKENS_ASKED = re.compile(
    r"max_(?:completion_)?tokens.{0,80}(?:too (?:large|high|big)|at most|less than|maximum|exceed|between|<=)",
    re.IGNORECASE,
)
MOST_WAITED = 30 * 86_400
"""Seconds. A server that names more counts in other units, or means never."""
SHORTEST_SECRET = 10
"""Characters. Local servers take any key, and people give them "x", "none" or "lm-studio": words that a sentence needs."""
PARAMETERS = ("max_tokens", "max_completion_tokens", "stream_options", "temperature", "stream")
"""What is sent beside the messages and can be left out, in the order in which it is given up."""


def said_words(complaint: ServerComplaint, server: Server) -> str:
    """What the server says, on one safe line, "" when it says nothing."""
    said = complaint.said
    if len(server.api_key) >= SHORTEST_SECRET:
        said = said.replace(server.api_key, "...")
    said = clean_line(re.sub(r"\b(?:sk|key)-\S{4,}", "...", said))
    return said if len(said) <= MOST_SAID else said[: MOST_SAID - 4].rstrip() + " ..."


def is_too_long(complaint: ServerComplaint) -> bool:
    """A prompt beyond the model's context, in the words of OpenAI, llama.cpp, vLLM, Ollama and others."""
    return bool(TOO_LONG.search(f"{complaint.code} {complaint.said}"))


def refuses_system_role(complaint: ServerComplaint) -> bool:
    """True if a server may take the same prompt without a system message. Templates fail with a 500."""
    words = f"{complaint.code} {complaint.said}"
    if complaint.status in (None, 400, 422):
        return bool(ROLES.search(words) or NO_SYSTEM.search(words))
    return complaint.status in (500, 501) and bool(ROLES.search(words))


def refused_parameters(complaint: ServerComplaint) -> list[str]:
    """The parameters that a server names when it rejects a request."""
    words = f"{complaint.code} {complaint.said}"
    rejected = complaint.status in (None, 400, 422) or UNKNOWN_PARAMETER.search(words)
    if not rejected or TOO_MANY_TOKENS_ASKED.search(words) or is_too_long(complaint):
        return []
    # Newer models name max_completion_tokens in the same breath as the max_tokens that they refuse.
    return [name for name in PARAMETERS if re.search(rf"\b{'stream(?:ing)?' if name == 'stream' else name}\b", words)]


def explain_complaint(complaint: ServerComplaint, server: Server, proxy: Proxy | None = None) -> str:
    """The sentence for what a server says is wrong."""
    words, status = said_words(complaint, server), complaint.status or 0
    who, said = server.who, f" ({words})" if words else ""
    everything = f"{complaint.code} {words}"
    if status == 407:
        return f"The proxy {proxy or 'of the environment'} wants a name and a password: write them into its address."
    if status == 403 and complaint.code == WEB_PAGE:
        return (
            f"{who} refused the request with a web page, as firewalls and proxies do, not model servers: see whether "
            f"something stands before it, or set another {server.url_setting}."
        )
    if status == 401 or (status == 403 and not words):
        unset = "" if server.api_key else ", as none is set"
        return f"{who} refused the key{unset}: set {KEY_SETTING} to one that it takes."
    if status == 403:
        return f"{who} refused the key or what it may be used for{said}: set {KEY_SETTING} to one that it takes."
    if 400 <= status < 429 and KEY.search(everything):
        return f"{who} refused the key{said}: set {KEY_SETTING} to one that it takes."
    if "insufficient_quota" in everything or status == 402:
        return f"{who} says that the account is out of credit{said}: add some, or set another {server.url_setting}."
    if status == 429:
        when = wait_words(complaint.retry_after) if complaint.retry_after else "a while"
        return f"{who} gets too many requests{said}: try again in {when}."
    if status == 413 or is_too_long(complaint):
        return (
            f"The prompt is longer than {server.model!r} can read{said}: lower DATELINE_MODEL_CONTEXT_TOKENS to what the "
            "server was started with, or DATELINE_HITS."
        )
    if CONTENT_FILTER.search(everything):
        return f"The content filter of {server.address} refused the question or its passages: ask in other words."
    if TOO_MANY_TOKENS_ASKED.search(everything):
        return f"{who} does not let its model write so much{said}: lower DATELINE_MODEL_ANSWER_TOKENS."
    if status >= 500 and LOADING.search(words):
        return f"{who} is still loading its model{said}: try again in a while."
    if status in (404, 405) and "model" not in everything.lower() and (not words or NO_SUCH_PATH.search(words)):
        return no_such_path(server, said)
    if NO_SUCH_PATH.search(words):
        return no_such_path(server, said)
    if re.search(r"no models? (?:is |are )?loaded", words, re.IGNORECASE):
        return (
            f"{who} has no model loaded{said}: load {server.model!r} there, or set {server.model_setting} to another."
        )
    if status == 404 and "model" not in everything.lower():
        return (
            f"{who} knows no model {server.model!r} or has no such path{said}: set {server.model_setting} to one of its "
            f"models, or correct {server.url_setting} (it usually ends in /v1)."
        )
    if status == 404:
        return f"{who} knows no model {server.model!r}{said}: set {server.model_setting} to one of its models."
    if "model" in words.lower() and 400 <= status < 500:
        return f"{who} did not take {server.model!r}{said}: set {server.model_setting} to one of its models."
    if 400 <= status < 500:
        return f"{who} did not take the request{said}: see its log, or set another {server.model_setting}."
    if proxy and status in (502, 503, 504):
        return f"{who} or the proxy {proxy} failed with status {status}{said}: try again in a while, or see their logs."
    if status >= 500:
        return f"{who} failed with status {status}{said}: try again in a while, or see its log."
    return f"{who} broke off with an error{said}: try again, or see its log."


def wait_words(seconds: float) -> str:
    """A wait in the unit in which it is short; "a while" where a server names no day that anybody will wait for."""
    if seconds > MOST_WAITED:
        return "a while"
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def no_such_path(server: Server, said: str) -> str:
    """The sentence for a base URL that leads to another path than the API's."""
    address = server.address.rstrip("/")
    advice = f"correct {server.url_setting}" if address.endswith("/v1") else f"set {server.url_setting} to {address}/v1"
    return f"{server.who} has no such path{said}: {advice} (it usually ends in /v1)."


def explain_connection(error: BaseException, server: Server, proxy: Proxy | None = None) -> str:
    """The sentence for a server that was not reached, by what the system says of it."""
    who, setting = server.who, server.url_setting
    causes = list(causes_of(error))
    words = " ".join(str(cause) for cause in causes)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes) or "CERTIFICATE_VERIFY" in words:
        return (
            f"{who} has a certificate that this machine does not trust: set SSL_CERT_FILE to one that vouches for it."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes) or "SSL" in words:
        return f"{who} does not speak https as {setting} says: begin it with http:// instead, or see the server's log."
    if proxy and any(type(cause).__name__ in ("ConnectError", "ConnectTimeout", "ProxyError") for cause in causes):
        return f"The proxy {proxy} does not lead to {server.address}: start or correct it, or add the host to NO_PROXY."
    if any(isinstance(cause, socket.gaierror) for cause in causes) or "Name or service not known" in words:
        return f"{who} cannot be reached, as no host of that name is known: correct {setting}."
    if any(type(cause).__name__ == "ReadTimeout" for cause in causes):
        return f"{who} did not answer in time: try again, or raise DATELINE_MODEL_FIRST_TOKEN_SECONDS."
    if any("Timeout" in type(cause).__name__ for cause in causes):
        return f"{who} cannot be reached, as it does not answer: start it, or correct {setting}."
    if any("ConnectError" in type(cause).__name__ for cause in causes):
        return f"{who} cannot be reached: start it, or correct {setting}."
    return f"{who} hung up before it had finished: try again, or see its log."


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """An error with all that led to it, those in groups included."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions


def explain_timeout(what: str, server: Server) -> str:
    """The sentence for a wait that was too long: what the server did not do, begin, go on or finish."""
    setting = {"begin": "FIRST_TOKEN", "go on": "BETWEEN_TOKENS", "finish": "ANSWER"}[what]
    return f"{server.who} did not {what} in time: try again, or raise DATELINE_MODEL_{setting}_SECONDS."


def explain_nonsense(server: Server) -> str:
    """The sentence for a reply that is none of a chat server."""
    return (
        f"{server.who} sent something that is no answer: check that {server.url_setting} names an OpenAI-compatible "
        "server (it usually ends in /v1)."
    )
