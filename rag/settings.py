"""Every setting of the program: one class, read from DATELINE_* variables and a .env file. Unknown names are refused."""

import difflib
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal

import platformdirs
from dotenv.parser import parse_stream
from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SettingsErrorOfPydantic

from rag.errors import SettingsError
from rag.ingestion.decoding import encoding_of
from vectorstore.chroma import ChromaServer, VectorPlace

PREFIX = "DATELINE_"
MAX_ENV_BYTES = 1_000_000
"""Of a .env; every line of a larger one would be parsed. A guess."""
EARLIER_PRIVATE_ADDRESSES = f"{PREFIX}DISCORD_PRIVATE_ADDRESSES"
"""What `private_addresses` was called while only the bot fetched; still read."""
ASCII_ALONE = r"^[\x20-\x7e]*$"


class Settings(BaseSettings):
    """All settings with their defaults. `.env.example` shows each with its comment; a test holds the two together."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    # Where things live
    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("dateline", appauthor=False)),
        description="The one folder that holds the library: ledger, vectors, lexical index.",
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL of the ledger; empty means a SQLite file in the home folder."
    )
    chroma_url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s/?#]+[^\s?#]*$",
        description="Address of a Chroma server for the vectors; empty means a folder in the home folder.",
    )
    chroma_token: SecretStr = Field(
        SecretStr(""), description="Token for that server, or key of Chroma Cloud; a server of one's own wants none."
    )
    chroma_tenant: str = Field("default_tenant", min_length=1, description="Tenant on that server.")
    chroma_database: str = Field("default_database", min_length=1, description="Database of that tenant.")
    chroma_seconds: float = Field(30.0, gt=0, le=600, description="Longest wait for one of its answers.")
    chroma_lexical: bool = Field(
        False, description="Let that server search by words too, as Chroma Cloud can; `dateline rebuild` makes it so."
    )
    seeds: Path | None = Field(
        None, description="Folder loaded on the first question to an empty library; empty means seeds/ of the checkout."
    )

    # Reading articles
    chunk_tokens: int = Field(220, ge=32, le=250, description="Longest chunk in the embedder's tokens.")
    embedder_class: str = Field(
        "", description="Dotted path of a LlamaIndex embedding class; empty means the embedded MiniLM."
    )
    embedder_options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Keyword arguments for that class, as JSON."
    )
    embedder_base_url: str = Field("", description="Base URL of an OpenAI-compatible /embeddings server.")
    embedder_model: str = Field("", description="Model name to ask that server for.")
    retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Articles older than so many days are forgotten while `dateline follow run` or the bot runs; 0: none.",
    )
    threads: int = Field(2, ge=1, le=64, description="CPU threads for the embedded models.")

    # Fetching from the web
    private_addresses: bool = Field(
        False,
        validation_alias=AliasChoices("private_addresses", f"{PREFIX}PRIVATE_ADDRESSES", EARLIER_PRIVATE_ADDRESSES),
        description="Fetch from this machine and its own network too, for `dateline follow` and /library add.",
    )
    follow_contact: str = Field(
        "",
        max_length=200,
        pattern=ASCII_ALONE,
        description="Who sites may turn to about the fetching: an address they read in every request.",
    )
    follow_seconds: float = Field(30.0, gt=0, le=600, description="Longest time to fetch one page or feed.")
    follow_bytes: int = Field(
        5_000_000, ge=1_000, le=100_000_000, description="Largest page or feed that is fetched, unpacked."
    )
    follow_delay_seconds: float = Field(
        2.0, ge=0, le=3_600, description="Rest between two requests to one site; its robots.txt may ask for more."
    )
    follow_pages: int = Field(50, ge=1, le=10_000, description="Pages fetched for one source each time it is read.")
    follow_run_seconds: float = Field(
        600.0, gt=0, le=86_400, description="Longest time one source is read at a time; the rest waits for the next."
    )

    # Finding and answering
    reranker_class: str = Field(
        "", description="Dotted path of a LlamaIndex node postprocessor that reranks; empty: none."
    )
    reranker_options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Keyword arguments for that class, as JSON."
    )
    hits: int = Field(10, ge=1, le=50, description="How many chunks a question retrieves.")
    hits_per_article: int = Field(3, ge=1, le=50, description="How many of them may come from one article.")
    question_limit: int = Field(2_000, ge=100, le=20_000, description="Longest question in characters.")
    answer_threshold: float | None = Field(
        None, ge=0.0, le=1.0, description="Answer at or above this probability; empty means the calibrated one."
    )
    store_answers: bool = Field(True, description="Keep every answer in the ledger, for replay and gaps.")
    answer_retention_days: int = Field(90, ge=1, le=3_650, description="Stored answers older than this are deleted.")

    # A model that writes
    model: str = Field(
        "", description="Chat model that writes answers; empty means extractive answers without a model."
    )
    openai_base_url: str = Field(
        "",
        validation_alias=AliasChoices("openai_base_url", "OPENAI_BASE_URL"),
        description="Base URL of the OpenAI-compatible chat server; empty means OpenAI itself.",
    )
    openai_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("openai_api_key", "OPENAI_API_KEY"),
        description="Key for that server; most local servers want none.",
    )
    model_context_tokens: int = Field(8_192, ge=512, description="Tokens the model can read and write in all.")
    model_answer_tokens: int = Field(600, ge=32, description="Most tokens the model may write.")
    verify_with_model: bool = Field(
        False,
        description="Let the model say, in one further call, which of the sentences whose wording no quote has are true.",
    )
    model_connect_seconds: float = Field(5.0, gt=0, description="Longest wait for a connection.")
    model_first_token_seconds: float = Field(60.0, gt=0, description="Longest wait for the first word.")
    model_between_tokens_seconds: float = Field(20.0, gt=0, description="Longest silence within an answer.")
    model_answer_seconds: float = Field(180.0, gt=0, description="Longest whole answer.")
    model_retries: int = Field(2, ge=0, le=10, description="Further tries after 429, 5xx or a failed connection.")

    # Discord
    discord_token: SecretStr = Field(SecretStr(""), description="Bot token from the developer portal.")
    discord_api_base: str = Field("", description="Another API base URL than Discord's; empty in production.")
    discord_gateway_url: str = Field("", description="Another gateway URL than Discord's; empty in production.")
    discord_message_content: bool = Field(
        False, description="Read plain follow-ups in the bot's own threads; needs the Message Content intent."
    )
    discord_direct_messages: bool = Field(False, description="Answer private messages, from the shared library.")
    discord_cooldown_seconds: float = Field(10.0, ge=0, le=86_400, description="Wait between one user's questions.")
    discord_questions_at_once: int = Field(4, ge=1, le=64, description="Questions answered at the same time.")
    discord_queue_limit: int = Field(100, ge=0, le=10_000, description="Most questions waiting behind those.")
    discord_daily_budget: int = Field(
        500, ge=0, description="Questions a server may ask a day unless its admins say otherwise; 0: no limit."
    )
    discord_watch_seconds: float = Field(
        30.0,
        ge=0,
        le=86_400,
        description="How often to look for articles that are new to watched questions; 0: none is watched.",
    )
    discord_watches_per_user: int = Field(10, ge=0, description="Questions one person may watch in a server.")
    discord_watches_per_server: int = Field(200, ge=0, description="Questions that may be watched in a server.")
    discord_watch_budget: int = Field(
        24, ge=0, description="Times a day that one watched question is asked again at most; 0: no limit."
    )
    discord_watch_tells: Literal["channel", "asker"] = Field(
        "channel", description="Who hears of a changed answer: the channel it was asked in, or its asker in private."
    )
    discord_digest_hour: int = Field(
        7, ge=0, le=23, description="Hour (UTC) from which servers that want the daily digest get it."
    )
    discord_answer_seconds: float = Field(240.0, gt=0, le=3_600, description="Longest time for one answer.")
    discord_drain_seconds: float = Field(
        20.0, ge=0, le=600, description="How long running questions may take to finish when the bot is stopped."
    )
    discord_upload_bytes: int = Field(5_000_000, ge=1_000, description="Largest file that /library add takes.")
    discord_sources_per_server: int = Field(
        20, ge=0, le=1_000, description="Feeds and sites that a server's admins may let its own library follow."
    )
    discord_guild_ready_seconds: float = Field(
        2.0, gt=0, le=60, description="Wait for further servers while connecting; small where there are few."
    )
    discord_port: int = Field(
        0, ge=0, le=65_535, description="Loopback port of the bot's /healthz and /metrics; 0: none."
    )
    discord_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="What the bot logs; DEBUG shows message content and is for finding faults only."
    )

    # Assistants
    mcp_token: SecretStr = Field(
        SecretStr(""), description="Token that `dateline mcp --http` asks for; needed where other machines reach it."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then .env: the nearer one wins."""
        return init_settings, env_settings, dotenv_settings

    @field_validator("home", "seeds")
    @classmethod
    def whole_path(cls, folder: Path | None) -> Path | None:
        """`~` is the user's own folder in a .env too, where no shell expands it; SQLite reads a relative `file:x` as a URL."""
        try:
            return folder and folder.expanduser().absolute()
        except RuntimeError:
            raise ValueError(f"no user's folder is known for {folder.parts[0] if folder else ''}") from None

    @field_validator("chroma_lexical")
    @classmethod
    def of_a_server(cls, lexical: bool, others: ValidationInfo) -> bool:
        if lexical and not others.data.get("chroma_url"):
            raise ValueError("only a server can, set DATELINE_CHROMA_URL as well")
        return lexical

    @property
    def vector_place(self) -> VectorPlace:
        """Where the vectors are."""
        return self.chroma_server or self.home / "vectors"

    @property
    def chroma_server(self) -> ChromaServer | None:
        """The server of the vectors, None where they are in the home."""
        if not self.chroma_url:
            return None
        token = self.chroma_token.get_secret_value()
        within = (self.chroma_tenant, self.chroma_database)
        return ChromaServer(self.chroma_url, token, *within, self.chroma_seconds, self.chroma_lexical)

    @property
    def ledger_url(self) -> str | Path:
        """The database's URL, or a file in the home: in a URL a `?` or `%` of its path would mean something else."""
        return self.database_url or self.home / "ledger.sqlite3"


def load_settings(env_file: Path = Path(".env")) -> Settings:
    """Settings from the environment and `env_file`. Raises SettingsError naming the first thing that is wrong."""
    env = read_env_file(env_file)
    refuse_unknown_names({*os.environ, *env.lines}, env)
    try:
        return Settings(_env_file=env_file, _env_file_encoding=env.encoding)
    except ValidationError as error:
        first = error.errors()[0]
        name = variable_name(str(first["loc"][0])) if first["loc"] else "a setting"
        reason = first["msg"].removeprefix("Value error, ")
        if first.get("ctx", {}).get("pattern") == ASCII_ALONE:
            reason = "it takes letters of ASCII alone"
        raise SettingsError(
            f"{env.place_of(name)}{name} cannot be used: {reason[:1].lower()}{reason[1:]}; see .env.example for what it takes."
        ) from None
    except SettingsErrorOfPydantic as error:
        named = re.search(r'field "(\w+)"', str(error))
        name = variable_name(named[1]) if named else "a setting"
        raise SettingsError(f"{env.place_of(name)}{name} cannot be used: it is not a JSON object.") from None


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A .env file: how it is encoded, and the line of each name in it."""

    path: Path
    encoding: str = "utf-8"
    lines: Mapping[str, int] = field(default_factory=dict)

    def place_of(self, name: str) -> str:
        """ ".env:3 " for what this file says, "" for what the environment says, which is nearer."""
        if name.upper() in {given.upper() for given in os.environ}:
            return ""
        line = next((line for given, line in self.lines.items() if given.upper() == name.upper()), 0)
        return f"{self.path}:{line} " if line else ""


def read_env_file(path: Path) -> EnvFile:
    """Where each name of a .env stands. Raises SettingsError for a file or line that cannot be read."""
    if not path.is_file():
        return EnvFile(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ENV_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}): correct its permissions, or move it.") from None
    if len(content) > MAX_ENV_BYTES:
        raise SettingsError(f"{path} is longer than {MAX_ENV_BYTES // 1_000_000} MB and no file of settings: move it.")
    encoding = encoding_of(content)
    if encoding is None:
        foreign = content.count(b"\n", 0, first_foreign_byte(content)) + 1
        raise SettingsError(f"{path}:{foreign} is not text in an encoding that is recognised: save the file as UTF-8.")
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(content.decode(encoding))):
        # python-dotenv counts the empty lines above a statement as its own.
        above = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
        line = binding.original.line + above.count("\n")
        if binding.error:
            raise SettingsError(f"{path}:{line} is not NAME=value: correct it, or put a # before it.")
        if binding.key:
            lines[binding.key] = line
    return EnvFile(path, encoding, lines)


def first_foreign_byte(content: bytes) -> int:
    """Where a file stops being UTF-8, or holds its first NUL."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return max(content.find(b"\x00"), 0)


def build_from_path(path: str, options: Mapping[str, object], setting: str) -> object:
    """An instance of the class that a setting names by its dotted path. Raises SettingsError naming the setting."""
    module_name, _, class_name = path.rpartition(".")
    try:
        if not module_name:
            raise ImportError("not a dotted path")
        made: object = getattr(import_module(module_name), class_name)(**options)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"{setting}={path} cannot be imported ({error}): install it, or correct the path."
        ) from error
    except Exception as error:
        raise SettingsError(f"{setting}={path} cannot be built with {dict(options)} ({error}).") from error
    return made


def variable_name(field_name: str) -> str:
    upper = field_name.upper()
    return upper if upper.startswith("OPENAI_") else f"{PREFIX}{upper}"


def refuse_unknown_names(names: set[str], env: EnvFile) -> None:
    """Raises SettingsError for the first DATELINE_ name that is no setting: a typo must not pass silently.

    In a .env nobody else's names have ours in them: `DATELINE-HITS`, or PowerShell's `$env:DATELINE_HITS`.
    """
    known = [variable_name(field_name) for field_name in Settings.model_fields]
    for name in sorted(names):
        is_meant = name.upper().startswith(PREFIX) or (name in env.lines and PREFIX.strip("_") in name.upper())
        if is_meant and name.upper() not in (*known, EARLIER_PRIVATE_ADDRESSES):
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            raise SettingsError(
                f"{env.place_of(name)}{name} is not a setting: did you mean {near[0]}? .env.example lists them all."
            )


def example_lines() -> list[str]:
    """.env.example: every setting, commented out, with its description and default."""
    lines = ["# Settings of Dateline. Copy to .env and take the # away from what you change.", ""]
    for name, setting in Settings.model_fields.items():
        default = setting.get_default(call_default_factory=False)
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = "" if default is None or setting.default_factory is not None else default
        value = str(shown).lower() if isinstance(shown, bool) else shown
        lines += [f"# {setting.description}", f"#{variable_name(name)}={value}", ""]
    return lines[:-1]


if __name__ == "__main__":
    print("\n".join(example_lines()))
