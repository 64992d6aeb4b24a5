"""Two thousand strings of bytes as question, file, line of a .env and address: a sentence or an answer, never a traceback."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from rag.answer import Answer
from rag.factory import open_engine
from rag.models.openai_client import Limits, ModelServer
from rag.models.server import Server
from rag.settings import Settings, load_settings
from tests.conftest import SEEDS
from vectorstore.errors import DatelineError

REPOSITORY = Path(__file__).parent.parent
EACH = 500
PIECES = (
    b"Will Hungary arrest Putin?",
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", "é\u202e\u200b𝔘".encode()),
    *(b"<script>", b"\n\n", b"[1]", b"---\n", b"title: x", b"date 2025-13-45", b'{"text": "', b'"id": 1}'),
    *(b"http://", b"[::1", b":99999", b"@", b"%zz", b"DATELINE_HITS=", b"'"),
)


def open_server(settings: Settings) -> ModelServer:
    return ModelServer(Server.of(settings), Limits.of(settings))


def in_a_sentence(call: Callable[[], object]) -> None:
    """Run what may fail in the ways that are told to a person."""
    try:
        call()
    except DatelineError as error:
        told = str(error)
    else:
        return
    assert told


def byte_strings(seed: int) -> Iterator[bytes]:
    """Random bytes, and pieces of what people have in such places put together at random."""
    chance = random.Random(seed)
    for number in range(EACH):
        if number % 2:
            yield b"".join(chance.choice(PIECES) for _ in range(chance.randint(1, 8)))
        else:
            yield chance.randbytes(chance.randint(0, 120))


@pytest.mark.slow
def test_any_question_is_answered_or_refused_in_a_sentence(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_engine(Settings(home=tmp_path)) as engine:
            await engine.library.ingest([SEEDS])
            for content in byte_strings(1):
                for question in {content.decode("utf-8", "surrogateescape"), content.decode("latin-1")}:
                    with contextlib.suppress(DatelineError):
                        assert isinstance(await engine.ask(question), Answer)

    asyncio.run(run())


@pytest.mark.slow
def test_any_file_is_stored_or_named(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    kinds = (".txt", ".md", ".jsonl", ".json", ".csv", ".tsv", ".html", ".ndjson", ".markdown")
    for number, content in enumerate(byte_strings(2)):
        (files / f"{number}{kinds[number % len(kinds)]}").write_bytes(content)

    async def run() -> None:
        async with open_engine(Settings(home=tmp_path / "home")) as engine:
            report = await engine.library.ingest([files])
            assert report.added + len(report.problems) > 0
            assert (await engine.library.status()).articles == report.added

    asyncio.run(run())


@pytest.mark.slow
def test_any_env_file_is_read_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for content in byte_strings(3):
        (tmp_path / ".env").write_bytes(b"DATELINE_THREADS=2\n" + content)
        in_a_sentence(load_settings)


@pytest.mark.slow
def test_any_address_is_taken_or_refused_in_a_sentence(tmp_path: Path) -> None:
    for content in byte_strings(4):
        url = content.decode("latin-1")
        settings = Settings(home=tmp_path, model="small", openai_base_url=url, openai_api_key=url)
        in_a_sentence(partial(open_server, settings))


@pytest.mark.slow
def test_no_command_ends_in_a_traceback(tmp_path: Path) -> None:
    """Some of them as a process: an argument, a pipe, an output of any kind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATELINE_", "OPENAI_"))}
    environment |= {"DATELINE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    for number, content in enumerate(byte_strings(5)):
        if number == 12:
            break
        command = [sys.executable.encode(), b"-c", b"from bot.cli import ask; ask()"]
        argument = content.replace(b"\x00", b"")
        as_argument = bool(argument) and not argument.startswith(b"-") and number % 2 == 0
        done = subprocess.run(
            [*command, argument] if as_argument else command,
            input=b"" if as_argument else content,
            capture_output=True,
            cwd=tmp_path,
            env=environment | {"PYTHONIOENCODING": ("utf-8", "ascii", "latin-1")[number % 3]},
            timeout=240,
            check=False,
        )
        assert b"Traceback" not in done.stderr, (content, done.stderr.decode("utf-8", "replace"))
        assert done.returncode in (0, 1, 2, 3)
