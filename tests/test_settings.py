"""Settings: one class, one example file, no typo passes silently, no secret is shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import SettingsError
from rag.settings import Settings, example_lines, load_settings, variable_name
from vectorstore.database import open_database
from vectorstore.vectors import VectorStore

EXAMPLE = Path(__file__).parent.parent / ".env.example"


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    assert EXAMPLE.read_text("utf-8").splitlines() == example_lines(), "run: python -m rag.settings > .env.example"


def test_the_example_file_is_itself_a_valid_env_file(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    uncommented = [line.removeprefix("#") for line in lines if line.startswith(("#DATELINE_", "#OPENAI_"))]
    assert len(uncommented) == len(Settings.model_fields)
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(uncommented), "utf-8")
    assert load_settings(env_file).hits == Settings().hits


def test_an_unknown_name_is_refused_with_the_nearest_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATELINE_HIT", "3")
    with pytest.raises(SettingsError, match="DATELINE_HIT is not a setting: did you mean DATELINE_HITS"):
        load_settings(Path("/nonexistent/.env"))


def test_an_unknown_name_in_the_env_file_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATELINE_HOMES=/tmp/x\n", "utf-8")
    with pytest.raises(SettingsError, match="DATELINE_HOME"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize(
    ("name", "value"), [("DATELINE_HITS", "0"), ("DATELINE_HITS", "many"), ("DATELINE_THREADS", "-1")]
)
def test_an_impossible_value_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings(Path("/nonexistent/.env"))


def test_secrets_are_not_shown() -> None:
    settings = Settings.model_validate({"openai_api_key": "sk-very-secret", "discord_token": "token-very-secret"})
    assert "very-secret" not in repr(settings) + str(settings)


def test_the_usual_openai_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert load_settings(Path("/nonexistent/.env")).openai_base_url == "http://127.0.0.1:9/v1"
    assert variable_name("openai_base_url") == "OPENAI_BASE_URL"


ENCODED = {
    "UTF-16": "utf-16",
    "UTF-16 without a mark": "utf-16-le",
    "Latin-1": "latin-1",
    "UTF-8 with a mark": "utf-8-sig",
}


@pytest.mark.parametrize("encoding", ENCODED.values(), ids=ENCODED.keys())
def test_an_env_file_is_read_in_whatever_encoding_it_is(encoding: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("DATELINE_HITS=7\r\n# café\r\n".encode(encoding))
    assert load_settings(tmp_path / ".env").hits == 7


WRONG_LINES = {
    "no number": (b"# hits\n\nDATELINE_HITS=ten\n", ".env:3 DATELINE_HITS cannot be used"),
    "typo": (b"DATELINE_HITS=7\ndateline_home_folder=x\n", ".env:2 dateline_home_folder is not a setting"),
    "no statement": (b"DATELINE_HITS=7\n\nmy notes here\n", ".env:3 is not NAME=value"),
    "no object": (b"DATELINE_EMBEDDER_OPTIONS=fast\n", ".env:1 DATELINE_EMBEDDER_OPTIONS cannot be used"),
    "dash": (b"DATELINE-HITS=7\n", ".env:1 DATELINE-HITS is not a setting: did you mean DATELINE_HITS?"),
    "PowerShell": (b'$env:DATELINE_HITS = "7"\r\n', ".env:1 $env:DATELINE_HITS is not a setting"),
    "zero-width space": ("DATELINE\u200b_HITS=7\n".encode(), ".env:1 DATELINE\u200b_HITS is not a setting"),
    "endless": (b"# no settings\n" * 100_000, ".env is longer than 1 MB"),
    "no such user": (b"DATELINE_HOME=~nobody-of-that-name/x\n", ".env:1 DATELINE_HOME cannot be used"),
    "no text": (b"DATELINE_HITS=7\n\x00\x01\x02\xff\n", ".env:2 is not text in an encoding that is recognised"),
}


@pytest.mark.parametrize(("content", "message"), WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_what_is_wrong_in_an_env_file_is_named_with_its_line(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATELINE_HOME")
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(f"{tmp_path}/{message}")):
        load_settings(tmp_path / ".env")


def test_what_the_environment_says_wrong_is_not_put_on_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DATELINE_HITS=7\n", "utf-8")
    monkeypatch.setenv("DATELINE_HITS", "ten")
    with pytest.raises(SettingsError, match=r"^DATELINE_HITS cannot be used"):
        load_settings(tmp_path / ".env")


def test_a_home_in_the_users_folder_may_be_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATELINE_HOME", "~/news")
    assert load_settings(Path("/nonexistent/.env")).home == tmp_path / "news"


@pytest.mark.parametrize("name", ["a?b", "50%", "a#b", "%3F", "a b", "file:x", ":memory:"])
def test_the_ledger_lies_inside_the_home_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Path(name)
    settings = Settings(home=home)
    database, store = open_database(settings.ledger_url), VectorStore(settings.home / "vectors")
    store.close()
    database.dispose()
    assert [folder.name for folder in tmp_path.iterdir()] == [name]
    assert sorted(path.name for path in home.iterdir()) == ["ledger.sqlite3", "vectors"]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_chroma_is_not_stopped_by_an_env_file_that_is_not_utf_8(encoding: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("# café\n".encode(encoding))
    opened = "import sys; from pathlib import Path; from vectorstore.vectors import VectorStore; VectorStore(Path('v'))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", opened], cwd=tmp_path, check=True, env=environment)
