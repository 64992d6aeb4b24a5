"""Settings: one class, one example file, no typo passes silently, no secret is shown."""

from pathlib import Path

import pytest

from rag.errors import SettingsError
from rag.settings import Settings, example_lines, load_settings, variable_name

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
