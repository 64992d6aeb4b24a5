"""`ask` with a scripted model server: what is shown while it writes, and what stays when it has written."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.fakes.fake_model_server import HANG_UP, FakeModelServer, Reply, answer, failure, piece, serving
from tests.test_ask_command import REPOSITORY, run, typed

QUESTION = "Will Hungary arrest Putin?"
PROVABLE = "Hungary would not seek to arrest Putin [1]."
INVENTED = "Hungary arrested Putin in Vienna on Tuesday [1]."
SHOWN = "Hungary would not seek to arrest Putin. [1]"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("model")
    assert typed("ask", QUESTION, home=home).returncode == 0
    return home


def settings(standin: FakeModelServer) -> dict[str, str]:
    return {"DATELINE_MODEL": "small", "OPENAI_BASE_URL": standin.base_url, "DATELINE_MODEL_RETRIES": "0"}


def asked(home: Path, *replies: Reply, question: str = QUESTION, options: tuple[str, ...] = ()) -> tuple[str, str]:
    """What `ask` prints when the server says this; what it printed on stderr."""
    with serving(*replies) as standin:
        done = typed("ask", *options, question, home=home, **settings(standin))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def on_terminal(home: Path, standin: FakeModelServer, *arguments: str) -> str:
    """Everything that `ask` writes to a terminal of 24 lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATELINE_", "OPENAI_"))}
    environment |= {"DATELINE_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "TERM": "xterm"} | settings(standin)
    process = subprocess.Popen(
        [sys.executable, "-c", "from bot.cli import ask; ask()", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env=environment,
    )
    os.close(theirs)
    written = b""
    last = time.monotonic() + 60
    try:
        while time.monotonic() < last:
            if not select.select([ours], [], [], 0.1)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                written += os.read(ours, 65_536)
            except OSError:
                break  # The other end is closed.
        assert process.wait(10) == 0, written.decode()
    finally:
        process.kill()
        os.close(ours)
    return written.decode()


def test_json_is_the_final_answer_alone(home: Path) -> None:
    stdout, stderr = asked(home, answer(f"{PROVABLE} {INVENTED}"), options=("--json",))
    given = json.loads(stdout)
    assert (given["text"], given["model"], given["refused"]) == (SHOWN, "small", False)
    assert "Vienna" not in stdout
    assert stderr == ""


def test_a_pipe_gets_no_draft(home: Path) -> None:
    stdout, stderr = asked(home, answer(f"{PROVABLE} {INVENTED}"))
    assert stdout.startswith(f"As of 17 October 2025 from the articles:\n{SHOWN}\n")
    assert "Vienna" not in stdout
    assert "draft" not in stdout
    assert stderr == ""


@pytest.mark.slow
def test_a_terminal_shows_the_draft_as_one_and_then_what_is_proven(home: Path) -> None:
    slow = Reply((piece(f"{PROVABLE} "), 0.6, piece(INVENTED), 0.6, *answer("").steps))
    with serving(slow, answer("1. -")) as standin:
        written = on_terminal(home, standin, QUESTION)
    plain = ESCAPE.sub("", written)
    draft = plain.index("draft, not proven yet")
    final = plain.index("As of 17 October 2025 from the articles:")
    assert draft < plain.index("Vienna") < final
    assert SHOWN in plain[final:]
    assert "Vienna" not in plain[final:]
    # What was drawn for the draft is taken off line by line before the answer is written.
    assert "\x1b[2K" in written[: written.index("As of 17 October")]


@pytest.mark.slow
def test_a_terminal_never_shows_thoughts(home: Path) -> None:
    thinking = f"Vienna is where the user saw him. {INVENTED} So that is settled. "
    slow = Reply((piece(thinking), 0.5, piece("\n</th"), piece(f"ink>\n{PROVABLE} "), 0.5, *answer("").steps))
    with serving(slow) as standin:
        plain = ESCAPE.sub("", on_terminal(home, standin, QUESTION))
    assert "draft, not proven yet" in plain
    assert "Vienna" not in plain
    assert SHOWN in plain


def test_waits_are_said_on_stderr_and_never_within_the_json(home: Path) -> None:
    with serving(failure(429, "slow down", (("Retry-After", "1"),)), answer(PROVABLE)) as standin:
        done = typed("ask", "--json", QUESTION, home=home, **(settings(standin) | {"DATELINE_MODEL_RETRIES": "1"}))
    assert json.loads(done.stdout)["text"] == SHOWN
    assert done.stderr.endswith("gets too many requests (slow down): it is asked again in 1 s.\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_slow_server_is_said_to_be_slow(home: Path) -> None:
    with serving(Reply((4.5, *answer(PROVABLE).steps))) as standin:
        done = run("ask", QUESTION, home=home, **settings(standin))
        shown = ESCAPE.sub("", on_terminal(home, standin, QUESTION))
    for said in (done.stderr, shown):
        assert "has said nothing for 3 s: waiting up to 60 s." in said
    assert "has said nothing" not in done.stdout


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        pytest.param(failure(500, "out of memory"), "failed with status 500", id="fails"),
        pytest.param(failure(401, "bad key"), "refused the key", id="refuses the key"),
        pytest.param(Reply((piece(INVENTED), HANG_UP)), "hung up", id="dies with nothing proven"),
        pytest.param(Reply((b"data: {garbage\n\n",)), "sent something that is no answer", id="sends garbage"),
        pytest.param(answer("Ungarn würde nicht versuchen, Putin festzunehmen [1]."), "could be proven", id="German"),
        pytest.param(answer("[1] [2]"), "could be proven", id="only marks"),
        pytest.param(answer("Roses are red,\nviolets are blue."), "could be proven", id="poem"),
        pytest.param(answer("<h1>Answer</h1>"), "could be proven", id="HTML"),
        pytest.param(answer(""), "wrote nothing, so nothing could be proven", id="nothing"),
        pytest.param(answer("<think>Vienna", "length"), "spent its 600 tokens thinking: raise", id="only thoughts"),
    ],
)
def test_whatever_the_server_does_there_is_a_quoted_answer_with_a_note(home: Path, reply: Reply, note: str) -> None:
    stdout, stderr = asked(home, reply, answer("1. -"))
    assert note in stdout.partition("\n")[0]
    assert stdout.partition("\n")[0].endswith("quoted without it.")
    assert "“That appeared to be a signal that Hungary would not seek to arrest Putin" in stdout
    assert stderr == ""


def test_what_a_dying_server_had_finished_is_shown_with_a_note(home: Path) -> None:
    stdout, _ = asked(home, Reply((piece(f"{PROVABLE} Orban has also"), HANG_UP)))
    assert "This is what it had finished by then." in stdout.partition("\n")[0]
    assert SHOWN in stdout


def test_no_server_at_all_is_a_note(home: Path) -> None:
    with serving(answer(PROVABLE)) as standin:
        variables = settings(standin)
    done = typed("ask", QUESTION, home=home, **variables)
    assert done.returncode == 0
    assert "cannot be reached" in done.stdout.partition("\n")[0]


def test_without_the_model_no_server_is_asked(home: Path) -> None:
    with serving(answer(PROVABLE)) as standin:
        done = typed("ask", "--no-model", QUESTION, home=home, **settings(standin))
    assert done.returncode == 0
    assert standin.requests == []


def test_a_replay_shows_the_draft_and_what_was_dropped_and_asked_again_the_difference(home: Path) -> None:
    stdout, _ = asked(home, answer(f"{PROVABLE} {INVENTED}"), answer("1. -"), options=("--json",))
    identifier = json.loads(stdout)["id"]
    with serving(answer("Hungary is a member of the court [1].")) as standin:
        shown = typed("dateline", "replay", identifier, "--again", home=home, **settings(standin))
    assert shown.returncode == 0, shown.stderr
    assert INVENTED.removesuffix(" [1].") in shown.stdout
    assert re.search(r"^dropped +Hungary arrested Putin in Vienna on Tuesday\. \(it", shown.stdout, re.MULTILINE)
    assert "written by small" in shown.stdout
    assert f"-{SHOWN}" in shown.stdout.replace("- ", "-")
    assert "+Hungary is a member of the court. [1]" in shown.stdout.replace("+ ", "+")
