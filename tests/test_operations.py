"""What keeps the program running elsewhere: the health command, and files for containers that agree with the project."""

import asyncio
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from bot.terminal.errors import ANSWERED, CliError
from bot.terminal.health import tell_health
from rag.library import Library
from rag.settings import Settings
from tests.conftest import REPOSITORY, SEEDS
from vectorstore.errors import StoreError, StoreMismatch

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")


# Health


def test_the_library_is_healthy_while_its_vectors_are_all_there(
    library: Library, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(tell_health(settings)) == ANSWERED
    asyncio.run(library.ingest([SEEDS]))
    assert asyncio.run(tell_health(settings)) == ANSWERED
    count = library.storage.store.count()
    assert capsys.readouterr().out.splitlines() == [
        "The library can be read: 0 passages.",
        f"The library can be read: {count} passages.",
    ]
    library.storage.store.delete([next(library.storage.store.ids())])
    with pytest.raises(StoreMismatch, match=rf"holds {count - 1} of {count} vectors: run `dateline doctor`"):
        asyncio.run(tell_health(settings))


def test_a_database_that_is_gone_is_not_healthy(settings: Settings) -> None:
    lost = settings.model_copy(update={"database_url": "sqlite:////proc/nowhere/ledger.sqlite3"})
    with pytest.raises(StoreError):
        asyncio.run(tell_health(lost))


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    """A port of this machine that says this on /healthz."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


SAID = {
    "connected": (b'{"status": "ok"}', ""),
    "disconnected": (b'{"status": "disconnected"}', "The bot runs and is disconnected"),
    "another program": (b"<html>", "does not answer on 127.0.0.1"),
    "other JSON": (b"[1]", "does not answer on 127.0.0.1"),
}


@pytest.mark.parametrize("name", SAID)
def test_the_bot_is_as_healthy_as_it_says(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A proxy is for the web, not for this machine.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    body, reason = SAID[name]
    with answering(body) as port:
        asked = settings.model_copy(update={"discord_port": port})
        if reason:
            with pytest.raises(CliError, match=reason):
                asyncio.run(tell_health(asked))
        else:
            assert asyncio.run(tell_health(asked)) == ANSWERED
            assert capsys.readouterr().out == "The bot is connected.\n"
    with pytest.raises(CliError, match="see its log"):
        asyncio.run(tell_health(asked))


# Files for containers


def test_the_image_holds_what_the_build_copies_and_nothing_else() -> None:
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    lines = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], PROJECT["project"]["readme"]} <= copied
    assert all((REPOSITORY / name).exists() for name in copied)


def test_the_image_runs_commands_of_ours_as_nobody_in_particular() -> None:
    extras = re.search(r"'\.\[(.+)]'", DOCKERFILE)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert json.loads(re.findall(r"^HEALTHCHECK .*CMD (\[.*])$", DOCKERFILE, re.MULTILINE)[0]) == ["dateline", "health"]


def test_the_services_are_what_the_settings_say() -> None:
    settings = {f"DATELINE_{name.upper()}" for name in Settings.model_fields}
    bot, chroma = COMPOSE["services"]["bot"], COMPOSE["services"]["chroma"]
    assert set(bot["environment"]) <= settings
    assert (bot["read_only"], bot["cap_drop"]) == (True, ["ALL"])
    pinned = re.search(r"^chromadb==(.+)$", (REPOSITORY / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    assert chroma["image"] == f"chromadb/chroma:{pinned[1]}"
    assert not [name for name, service in COMPOSE["services"].items() if "ports" in service]
    volumes = {volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]}
    assert set(COMPOSE["volumes"]) <= volumes


def test_the_unit_waits_longer_than_running_questions_take() -> None:
    unit = (REPOSITORY / "deploy" / "dateline.service").read_text("utf-8")
    waits = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert waits is not None
    drain = Settings.model_fields["discord_drain_seconds"].default
    assert int(waits[1]) > drain
    assert int(COMPOSE["services"]["bot"]["stop_grace_period"].removesuffix("s")) > drain
