"""`dateline evaluate`, `gaps` and `cases` as they are typed: exit codes, files, one sentence for what is wrong."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from bot.cli import dateline
from rag.answer import Answer, Citation, Refusal, answer_to_record
from rag.evaluation.cases import load_cases
from rag.evaluation.evaluate import corpus_settings, read_corpus
from rag.evaluation.results import measured_settings
from rag.settings import Settings
from tests.fakes.fake_model_server import answer, failure, serving
from vectorstore.answers import AnswerStore, StoredAnswer
from vectorstore.bot_state import BotState, Vote
from vectorstore.database import open_database

SEED = Path("seeds")
PROGRAM = (sys.executable, "-c", "from bot.cli import dateline; dateline()")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def seed_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = Path("tests/cases/cases.jsonl").read_text("utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("cases") / "seed.jsonl"
    path.write_text("".join([line for line in lines if "seed" in json.loads(line)["tags"]][:30]), "utf-8")
    return path


@pytest.fixture(scope="module")
def few_cases(seed_cases: Path) -> Path:
    """Enough for what is printed and how it ends."""
    path = seed_cases.with_name("few.jsonl")
    path.write_text("".join(seed_cases.read_text("utf-8").splitlines(keepends=True)[:8]), "utf-8")
    return path


def typed(home: Path, *arguments: str | Path, **variables: str) -> Result:
    environment = {"DATELINE_HOME": str(home), "COLUMNS": "200", **variables}
    return CliRunner().invoke(dateline, [str(argument) for argument in arguments], env=environment)


def outcomes(results: Path) -> list[Mapping[str, object]]:
    """The cases of a results file without what time they took."""
    cases = json.loads(results.read_text("utf-8"))["cases"]
    for case in cases:
        del case["timings_ms"]
        case["scores"].pop("latency_ms", None)
    assert isinstance(cases, list)
    return cases


@pytest.mark.slow
def test_evaluation_writes_everything_and_passes_its_own_baseline(home: Path, seed_cases: Path, tmp_path: Path) -> None:
    results, report, baseline = tmp_path / "results.json", tmp_path / "report.html", tmp_path / "baseline.json"
    base = ("evaluate", seed_cases, "--corpus", SEED)
    first = typed(home, *base, "--json", results, "--report", report, "--write-baseline", baseline)
    assert first.exit_code == 0, first.output
    assert "refusal_recall" in first.stdout
    assert "refusal_balanced_accuracy" not in first.stdout
    assert json.loads(results.read_text("utf-8"))["counts"]["errors"] == 0
    assert "Will Hungary arrest Putin?" in report.read_text("utf-8")
    assert str(home) not in baseline.read_text("utf-8")

    second = typed(home, *base, "--baseline", baseline, "--concurrency", "4", "--json", tmp_path / "again.json")
    assert (second.exit_code, "The gate passes." in second.stdout) == (0, True)
    assert outcomes(tmp_path / "again.json") == outcomes(results)

    broken = typed(home, *base, "--baseline", baseline, DATELINE_ANSWER_THRESHOLD="1.0")
    assert broken.exit_code == 1
    assert "LOSS: answer_rate" in broken.stdout
    assert "worse: seed-" in broken.stdout
    assert not (home / "ledger.sqlite3").exists()


def test_breached_threshold_exits_with_1(home: Path, few_cases: Path, tmp_path: Path) -> None:
    thresholds = tmp_path / "thresholds.json"
    thresholds.write_text('{"metrics": {"recall_at_10": {"min": 1.0}, "quoted_words": {"max": 1}}}', "utf-8")
    gated = typed(home, "evaluate", few_cases, "--corpus", SEED, "--thresholds", thresholds)
    assert gated.exit_code == 1
    assert "threshold: quoted_words is" in gated.stdout
    assert "threshold: recall_at_10" not in gated.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["missing.jsonl"], 1, "cannot be read"),
        (["seeds"], 1, "name a file of cases"),
        (["CASES", "--corpus", "missing.jsonl"], 1, "cannot be read"),
        (["CASES", "--corpus", "tests/cases/newsroom.jsonl"], 1, "is this the corpus that belongs to these cases?"),
        (["CASES", "--corpus", "seeds", "--baseline", "pyproject.toml"], 1, "not JSON"),
        (["CASES", "--corpus", "seeds", "--thresholds", "missing.json"], 1, "cannot be read"),
        (["CASES", "--json", "no/such/folder/results.json"], 2, "does not exist"),
        (["CASES", "--judge"], 2, "--judge needs a model"),
        (["CASES", "--concurrency", "0"], 2, "concurrency"),
        ([], 2, "CASES"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(
    tmp_path: Path, seed_cases: Path, arguments: Sequence[str], code: int, reason: str
) -> None:
    told = typed(tmp_path, "evaluate", *(str(seed_cases) if word == "CASES" else word for word in arguments))
    assert told.exit_code == code, told.output
    assert reason in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout == ""
    assert not list(tmp_path.glob("cache/runs/*"))


@pytest.mark.slow
def test_interrupted_run_keeps_its_cases_and_goes_on(seed_cases: Path, home: Path, tmp_path: Path) -> None:
    """Ctrl-C as the terminal sends it, to a real process in the middle of a run."""
    own_home = tmp_path / "home"
    environment = os.environ | {"DATELINE_HOME": str(own_home)}
    command = [*PROGRAM, "evaluate", str(seed_cases), "--corpus", str(SEED)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for_lines(own_home / "cache" / "runs", 3, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume goes on" in stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    [kept] = (own_home / "cache" / "runs").glob("*.jsonl")
    count = len(kept.read_text("utf-8").splitlines())
    total = len(load_cases([seed_cases]).cases)
    assert 3 <= count < total
    assert f"Stopped: {count} of {total} cases are kept" in stderr

    before = kept.read_text("utf-8")
    resumed = typed(own_home, *command[len(PROGRAM) :], "--resume", "--json", tmp_path / "resumed.json")
    assert resumed.exit_code == 0, resumed.output
    assert kept.read_text("utf-8").startswith(before)
    typed(home, *command[len(PROGRAM) :], "--json", tmp_path / "whole.json")
    assert outcomes(tmp_path / "resumed.json") == outcomes(tmp_path / "whole.json")


def wait_for_lines(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until a run has kept so many cases. Fails when the process ends first."""
    last_moment = time.monotonic() + 120
    while time.monotonic() < last_moment:
        if sum(len(path.read_bytes().splitlines()) for path in folder.glob("*.jsonl")) >= count:
            return
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.01)
    raise AssertionError("the run kept nothing for two minutes")


def test_grades_of_a_judge_are_printed_apart(home: Path, few_cases: Path, tmp_path: Path) -> None:
    with serving(answer("yes"), failure(400, "cannot"), answer("yes")) as standin:
        judged = typed(
            home,
            *(
                "evaluate",
                few_cases,
                "--corpus",
                SEED,
                "--judge",
                "--judge-model",
                "grader",
                "--json",
                tmp_path / "r.json",
            ),
            OPENAI_BASE_URL=standin.base_url,
            DATELINE_MODEL_RETRIES="0",
        )
    assert judged.exit_code == 0, judged.output
    assert "Judged by the model 'grader', 1 times each; not part of the metrics above." in judged.stdout
    assert "faithfulness 1.000" in judged.stdout
    assert "grader" not in (tmp_path / "r.json").read_text("utf-8")


@pytest.mark.slow
def test_openai_client_that_fails_on_every_third_question_is_told_and_counted(
    home: Path, seed_cases: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(seed_cases.read_text("utf-8").splitlines(keepends=True)[:12]), "utf-8")
    good = answer("Hungary would not seek to arrest Putin [1].")
    with serving(*[good, good, failure(500, "out of memory")] * 20) as standin:
        told = typed(
            home,
            *("evaluate", few, "--corpus", SEED, "--json", tmp_path / "r.json"),
            OPENAI_BASE_URL=standin.base_url,
            DATELINE_MODEL="small",
            DATELINE_MODEL_RETRIES="0",
        )
    assert told.exit_code == 0, told.output
    results = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert results["counts"]["cases"] == 12
    assert 0 < results["counts"]["notes"] < results["counts"]["answered"]
    assert "answers carry a note, the first one: " in told.stdout
    assert results["metrics"]["prompt_tokens"]["n"] > 0
    assert results["metrics"]["quote_validity"]["value"] == 1


def stored(identifier: str, question: str, at: float, quote: str = "") -> StoredAnswer:
    citation = Citation(1, "tesk", "Tesk", "Ledger", "", None, quote, 0, len(quote))
    given = Answer(
        identifier,
        question,
        question,
        f"{quote} [1]" if quote else "",
        (citation,) if quote else (),
        None if quote else Refusal("none"),
        None,
    )
    return StoredAnswer(identifier, at, question, question, not quote, "discord:7", "", answer_to_record(given))


@pytest.fixture
def lived_in(tmp_path: Path) -> Path:
    """A home with questions that were asked, and votes on the answers."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    answers, state = AnswerStore(database), BotState(database)
    for number, question in enumerate(
        ["Who will pay for the new bridge?", "who is paying for the new bridge", "Is the \x1b[31mharbour railway open?"]
    ):
        answers.save(stored(f"refused{number}", question, 1_760_000_000 + number))
    answers.save(stored("wrong", "What did the bridge cost?", 1_760_700_000, "It cost 12 million."))
    answers.save(stored("fine", "When did it open?", 1_760_700_001, "It opened in May."))
    state.vote(Vote("wrong", 7, 1, False, "wrong year", 1_760_700_100))
    state.vote(Vote("wrong", 8, 1, False, "", 1_760_700_200))
    state.vote(Vote("fine", 7, 1, True, "", 1_760_700_300))
    state.vote(Vote("gone", 7, 1, False, "", 1_760_700_400))
    state.close()
    return tmp_path


def test_an_evaluation_says_how_long_a_server_lets_it_wait(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(
        json.dumps({"id": "one", "question": "Who is the Kremlin spokesman?", "expect": "refuse"}), "utf-8"
    )
    busy = failure(429, "Rate limit reached", (("Retry-After", "1"),))
    with serving(busy, answer("The Kremlin spokesman is Dmitry Peskov [1].")) as standin:
        model = {"OPENAI_BASE_URL": standin.base_url, "DATELINE_MODEL": "small"}
        waited = typed(tmp_path, "evaluate", cases, "--corpus", SEED, **model)
    assert waited.exit_code == 0, waited.output
    assert "Rate limit reached" in waited.stderr
    assert "asked again in 1 s" in waited.stderr
    assert "asked again" not in waited.stdout


@pytest.mark.slow
def test_an_evaluation_says_for_whom_it_waits(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(
        json.dumps({"id": "one", "question": "Who is the Kremlin spokesman?", "expect": "refuse"}), "utf-8"
    )
    home = corpus_settings(Settings(home=tmp_path), read_corpus([SEED])).home
    home.mkdir(parents=True)
    with FileLock(home / "writer.lock", thread_local=False) as lock:
        (home / "writer.pid").write_text("4711")
        threading.Timer(3.0, lock.release).start()
        waited = typed(tmp_path, "evaluate", cases, "--corpus", SEED)
    assert waited.exit_code == 0, waited.output
    assert "Waiting for process 4711, which is writing" in waited.stderr
    assert "2 s so far" in waited.stderr


def test_gaps_are_grouped_and_counted(lived_in: Path) -> None:
    shown = typed(lived_in, "gaps")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.lstrip().startswith("2 x  ")
    assert "paying" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "1 x" in shown.stdout


def test_gaps_of_later_days_only(lived_in: Path) -> None:
    none = typed(lived_in, "gaps", "--since", "2026-01-01")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "No refused questions" in none.stderr


def test_votes_become_drafts(lived_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "drafts.yaml"
    drafted = typed(lived_in, "cases", "from-feedback", "--out", out)
    assert drafted.exit_code == 0, drafted.output
    text = out.read_text("utf-8")
    assert text.count("- id:") == 1
    assert "feedback-wrong" in text
    assert "Voted down 2 times (wrong year)" in text
    assert typed(lived_in, "cases", "from-feedback", "--out", out).exit_code == 2
    later = typed(lived_in, "cases", "from-feedback", "--out", tmp_path / "later.yaml", "--since", "2026-01-01")
    assert "No stored answer was voted down" in later.stderr
    assert not (tmp_path / "later.yaml").exists()


def test_a_damaged_answer_has_no_draft_and_is_named(lived_in: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(lived_in / "ledger.sqlite3")) as connection, connection:
        connection.execute("UPDATE answers SET record = '[' || substr(record, 2) WHERE id = 'fine'")
        connection.execute("UPDATE votes SET useful = 0 WHERE answer_id = 'fine'")
    drafted = typed(lived_in, "cases", "from-feedback", "--out", tmp_path / "drafts.yaml")
    assert drafted.exit_code == 0, drafted.output
    assert "No draft of stored answers that are damaged: fine." in drafted.stderr
    assert (tmp_path / "drafts.yaml").read_text("utf-8").count("- id:") == 1


def test_prompt_injection_case_reaches_no_terminal(tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    hostile = {"id": "\x1b[2Jone", "question": "\x1b]0;owned\x07What?", "expect": "refuse", "tags": ["\x1b[31mred"]}
    cases.write_text(json.dumps(hostile) + "\n", "utf-8")
    before, baseline = typed(tmp_path, "evaluate", cases, "--corpus", SEED), tmp_path / "baseline.json"
    typed(tmp_path, "evaluate", cases, "--corpus", SEED, "--write-baseline", baseline, DATELINE_ANSWER_THRESHOLD="0.0")
    after = typed(
        tmp_path, "evaluate", cases, "--corpus", SEED, "--baseline", baseline, DATELINE_ANSWER_THRESHOLD="1.0"
    )
    assert "What?" in after.stdout
    assert "\x1b" not in before.stdout + after.stdout
    assert "\x07" not in after.stdout


def test_a_corpus_is_never_read_into_the_users_library_on_servers(tmp_path: Path) -> None:
    """An evaluation prunes its library down to the corpus."""
    served = Settings(
        home=tmp_path, database_url="postgresql://news", chroma_url="http://vectors", chroma_tenant="paper"
    )
    own = corpus_settings(served, read_corpus([SEED]))
    assert own.ledger_url == own.home / "ledger.sqlite3"
    assert own.vector_place == own.home / "vectors"
    assert own.home != tmp_path
    assert not [name for name in measured_settings(served) if name.startswith("chroma")]
