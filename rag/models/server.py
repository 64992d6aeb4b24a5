"""Which model server is meant, by which settings, through which proxy; what in them can be no address and no key."""

import importlib.util
import ipaddress
import os
import re
import urllib.request
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from rag.errors import SettingsError
from rag.settings import Settings
from rag.text import clean_line

OPENAI_URL = "https://api.openai.com/v1"
KEY_SETTING = "OPENAI_API_KEY"
SERVER_SCHEMES = ("http", "https")
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
HOST_NAME = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(?:\.(?!-)[\w-]{1,63}(?<!-))*\.?")


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
    def url(self) -> str:
        return self.base_url or OPENAI_URL

    @property
    def address(self) -> str:
        """The URL without a name and password that may be in it."""
        return without_password(self.url)

    @property
    def who(self) -> str:
        """How sentences begin that speak of it."""
        return f"The {self.kind} server {self.address}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy that the environment names for a server, and the variable that does."""

    variable: str
    url: str

    def __str__(self) -> str:
        return f"{self.variable}={without_password(self.url)}"


def check_server(server: Server) -> None:
    """Raises SettingsError for a base URL, a key or a model name that no request could be made with."""
    if server.model != server.model.strip() or not server.model.isprintable():
        named = clean_line(server.model)
        raise SettingsError(
            f"{server.model_setting} has a blank at its end or a line end in it: set it to {named!r} alone."
        )
    if problem := address_problem(server.url, SERVER_SCHEMES):
        raise SettingsError(
            f"{server.url_setting}={server.address} {problem}: write it like http://127.0.0.1:11434/v1."
        )
    if urlsplit(server.url).path.rstrip("/").endswith(("/chat/completions", "/embeddings")):
        shorter = server.address.rstrip("/").removesuffix("/chat/completions").removesuffix("/embeddings")
        raise SettingsError(f"{server.url_setting} names a path that is added by itself: set it to {shorter}.")
    if any(character.isspace() or ord(character) < ord(" ") for character in server.api_key):
        raise SettingsError(f"{KEY_SETTING} has a blank or a line end in it: set it to the key alone, on one line.")
    if not server.api_key.isascii() or set(server.api_key) & set("\"'`"):
        raise SettingsError(f"{KEY_SETTING} has a character in it that no key has: copy the key again.")


def address_problem(url: str, schemes: tuple[str, ...]) -> str:
    """What keeps a URL from being the address of a server, "" if nothing does."""
    if any(character.isspace() or not character.isprintable() for character in url):
        return "has a blank or a line end in it"
    if "\\" in url:
        return "has a backslash in it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no address"
    if parts.scheme not in schemes or not parts.netloc:
        return f"does not begin with {' or '.join(f'{scheme}://' for scheme in schemes[:3])}"
    if not is_port(parts):
        return "names no port between 1 and 65535"
    return "" if is_host(parts.hostname or "") else "names no host"


def is_port(parts: SplitResult) -> bool:
    """True for no port at all, and for one that can be."""
    try:
        return parts.port is None or 1 <= parts.port <= 65_535
    except ValueError:
        return False


def is_host(host: str) -> bool:
    """True for a name or an address of the internet."""
    if ":" in host or re.fullmatch(r"[\d.]+", host):
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return True
    return len(host) <= 253 and bool(HOST_NAME.fullmatch(host))


def proxy_for(server: Server) -> Proxy | None:
    """The proxy of the environment for this server, None if there is none. Raises SettingsError if it cannot be used."""
    parts = urlsplit(server.url)
    host = parts.hostname or ""
    if urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    scheme = next((scheme for scheme in (parts.scheme, "all") if named.get(scheme)), "")
    if not scheme:
        return None
    url = named[scheme] if "://" in named[scheme] else f"http://{named[scheme]}"
    proxy = Proxy(proxy_variable(scheme), url)
    ways_out = f"unset {proxy.variable}, or add {host} to NO_PROXY"
    if problem := address_problem(url, PROXY_SCHEMES):
        raise SettingsError(f"{proxy} is no proxy that can be used, as it {problem}: correct it, {ways_out}.")
    if url.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise SettingsError(f"{proxy} is a SOCKS proxy, which needs `pip install socksio`: install it, {ways_out}.")
    return proxy


def proxy_variable(scheme: str) -> str:
    """The variable of the environment that names the proxy for a scheme, as it is written there."""
    names = (f"{scheme}_proxy", f"{scheme}_PROXY", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), names[-1])


def without_password(url: str) -> str:
    """A URL on one line, without the name and password that may be in it."""
    before, separator, after = url.rpartition("@")
    scheme = before.partition("://")[0] + "://" if "://" in before else ""
    return clean_line(scheme + after if separator else url)
