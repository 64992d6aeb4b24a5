"""What goes wrong with the library's folder, each in a process of its own: a full disk, damage, no permission to write.

Each is one sentence with the way out, and nothing that was stored is lost.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import SEEDS
from vectorstore.lock import writer_lock

REPOSITORY = Path(__file__).parent.parent
GARBAGE = b"not a database, but long enough to be taken for one" * 2_000
QUESTION = "Will Hungary arrest Putin?"
QUOTE = "would not seek to arrest Putin"
Finished = subprocess.CompletedProcess[str]


def run(command: str, *arguments: str | Path, home: Path, most_bytes: int | None = None) -> Finished:
    """One command in a process of its own; `most_bytes`: no file that it writes may grow beyond."""
    limit = f"setrlimit(RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))" if most_bytes else "pass"
    code = (
        # Ignored, the signal becomes an error of the write, as on a full disk.
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"from resource import RLIMIT_FSIZE, setrlimit; {limit}\n"
        f"from bot.cli import {command}; {command}(prog_name={command!r})"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATELINE_", "OPENAI_"))}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        env=environment | {"DATELINE_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )


def assert_one_sentence(failure: Finished, *words: str) -> None:
    assert failure.returncode == 1, failure.stderr
    assert failure.stdout == ""
    assert failure.stderr.count("\n") == 1, failure.stderr
    for word in words:
        assert word in failure.stderr


def assert_answers(home: Path) -> None:
    answer = run("ask", QUESTION, home=home)
    assert answer.returncode == 0, answer.stderr
    assert QUOTE in answer.stdout


def ships(path: Path, count: int) -> Path:
    """A corpus of short reports."""
    lines = [
        {"id": f"ship-{n}", "text": f"The ship Alba {n} came into Port Ellery with {n} crates."} for n in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds the seed article; to be copied."""
    home = tmp_path_factory.mktemp("trouble") / "home"
    assert run("dateline", "ingest", SEEDS, home=home).returncode == 0
    return home


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds 300 short reports; to be copied or read."""
    folder = tmp_path_factory.mktemp("fleet")
    assert run("dateline", "ingest", ships(folder / "ships.jsonl", 300), home=folder / "home").returncode == 0
    return folder / "home"


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """A home of the test's own that holds the seed article."""
    return Path(shutil.copytree(filled, tmp_path / "home"))


Mount = Callable[..., None]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """`mount` for the test's time; skips where it is not allowed."""
    mounted: list[str] = []

    def do(*arguments: str) -> None:
        try:
            done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount command here")
        if done.returncode:
            pytest.skip(f"mounting is not allowed here ({done.stderr.strip()})")
        if arguments[-1] not in mounted:
            mounted.append(arguments[-1])

    yield do
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


# A full disk


def assert_finished_with_room(home: Path, corpus: Path, count: int) -> None:
    """What was stored is still answered from, the next ingest does the rest, and nothing is missing or double."""
    assert_answers(home)
    again = run("dateline", "ingest", corpus, home=home)
    assert (again.returncode, again.stderr) == (0, "")
    status = run("dateline", "library", "status", home=home).stdout
    assert f"articles     {count + 1} " in status
    assert "unfinished   0\n" in status
    unchanged = run("dateline", "ingest", corpus, home=home).stdout
    assert unchanged.splitlines()[0] == f"0 added, 0 changed, {count} unchanged; 0 chunks made."
    assert_answers(home)


@pytest.mark.slow
@pytest.mark.parametrize("room", [4_000, 400_000, 1_400_000], ids="{:,} bytes left".format)
def test_an_ingest_on_a_full_disk_is_one_sentence_and_is_finished_with_room(
    room: int, filled: Path, tmp_path: Path, mount: Mount
) -> None:
    home = tmp_path / "disk"
    home.mkdir()
    mount("-t", "tmpfs", "-o", "size=60m", "tmpfs", str(home))
    shutil.copytree(filled, home, dirs_exist_ok=True)
    filler = home / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(home).free - room))
    corpus = ships(tmp_path / "ships.jsonl", 100)
    assert_one_sentence(run("dateline", "ingest", corpus, home=home), str(home), "free disk space")
    filler.unlink()
    assert_finished_with_room(home, corpus, 100)


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 200_000], ids="{:,} bytes left".format)
@pytest.mark.parametrize("full", ["home", "target"])
def test_a_backup_on_a_full_disk_is_one_sentence_leaves_no_half_file_and_is_made_with_room(
    full: str, room: int, fleet: Path, tmp_path: Path, mount: Mount
) -> None:
    """The ledger's copy has no room in the home, or the backup has none where it is to be."""
    home, disk = Path(shutil.copytree(fleet, tmp_path / "ships")), tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=60m", "tmpfs", str(disk))
    backup = disk / "ships.zip"
    if full == "home":
        shutil.copytree(home, disk, dirs_exist_ok=True)
        home, backup = disk, tmp_path / "ships.zip"
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - room))
    assert_one_sentence(run("dateline", "backup", backup, home=home), "free disk space")
    assert not backup.exists()
    assert [*disk.glob("*.partial"), *home.glob(".backup-*")] == []
    filler.unlink()
    made = run("dateline", "backup", backup, home=home)
    assert (made.returncode, made.stderr) == (0, "")
    restored = run("dateline", "restore", backup, home=tmp_path / "elsewhere")
    assert (restored.returncode, restored.stderr) == (0, "")
    assert "articles     300 " in run("dateline", "library", "status", home=tmp_path / "elsewhere").stdout


@pytest.mark.slow
@pytest.mark.parametrize("room", [4_000, 1_000_000, 12_000_000], ids="{:,} bytes left".format)
def test_a_restore_on_a_full_disk_is_one_sentence_leaves_the_library_and_is_done_with_room(
    room: int, filled: Path, fleet: Path, tmp_path: Path, mount: Mount
) -> None:
    """There is no room for the backup's ledger, then none for its vectors."""
    backup, home = tmp_path / "ships.zip", tmp_path / "disk"
    assert run("dateline", "backup", backup, home=fleet).returncode == 0
    home.mkdir()
    mount("-t", "tmpfs", "-o", "size=80m", "tmpfs", str(home))
    shutil.copytree(filled, home, dirs_exist_ok=True)
    before = sorted(home.iterdir())
    filler = home / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(home).free - room))
    assert_one_sentence(run("dateline", "restore", backup, "--replace", home=home), str(home), "free disk space")
    assert sorted(path for path in home.iterdir() if path != filler) == before
    filler.unlink()
    assert_answers(home)
    restored = run("dateline", "restore", backup, "--replace", home=home)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert "articles     300 " in run("dateline", "library", "status", home=home).stdout


@pytest.mark.slow
def test_files_that_may_not_grow_are_a_full_disk_too(home: Path, tmp_path: Path) -> None:
    corpus = ships(tmp_path / "ships.jsonl", 100)
    stopped = run("dateline", "ingest", corpus, home=home, most_bytes=400_000)
    assert_one_sentence(stopped, str(home), "free disk space")
    assert_finished_with_room(home, corpus, 100)


# Damage


@pytest.mark.slow
def test_a_damaged_vector_store_is_made_again_from_the_ledger_as_the_sentence_says(home: Path) -> None:
    (home / "vectors" / "chroma.sqlite3").write_bytes(GARBAGE)
    for command, argument in (("dateline", "rebuild"), ("ask", QUESTION)):
        failure = run(command, argument, home=home)
        assert_one_sentence(failure, str(home / "vectors"), "delete that folder and run `dateline rebuild`")
    shutil.rmtree(home / "vectors")
    assert run("dateline", "rebuild", home=home).returncode == 0
    assert_answers(home)


@pytest.mark.slow
def test_a_damaged_ledger_is_left_as_it_is_and_a_backup_is_the_way_out(home: Path, filled: Path) -> None:
    ledger = home / "ledger.sqlite3"
    ledger.write_bytes(GARBAGE)
    for command, argument in (("dateline", "rebuild"), ("ask", QUESTION)):
        assert_one_sentence(run(command, argument, home=home), str(ledger), "put a backup of it back")
    assert ledger.read_bytes() == GARBAGE
    shutil.copy(filled / "ledger.sqlite3", ledger)
    assert_answers(home)


# No permission to write


@pytest.mark.slow
def test_a_read_only_home_is_one_sentence_and_is_left_as_it_was(home: Path, mount: Mount, tmp_path: Path) -> None:
    corpus = ships(tmp_path / "ships.jsonl", 1)
    mount("--bind", str(home), str(home))
    mount("-o", "remount,ro,bind", str(home))
    assert_one_sentence(run("dateline", "ingest", corpus, home=home), str(home), "DATELINE_HOME")
    mount("-o", "remount,rw,bind", str(home))
    assert_answers(home)


@pytest.mark.slow
def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    home = tmp_path / "file" / "home"
    assert_one_sentence(run("dateline", "ingest", SEEDS, home=home), str(home), "set DATELINE_HOME")


# Two at once


@pytest.mark.slow
def test_a_second_ingest_says_whom_it_waits_for_and_then_does_its_work(home: Path, tmp_path: Path) -> None:
    corpus = ships(tmp_path / "ships.jsonl", 1)
    with writer_lock(home, 1):
        second = subprocess.Popen(
            [sys.executable, "-c", "from bot.cli import dateline; dateline()", "ingest", str(corpus)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"DATELINE_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        )
        assert second.stderr is not None
        said = second.stderr.readline()
    output, errors = second.communicate(timeout=120)
    assert said == f"Waiting for process {os.getpid()}, which is writing to {home} ...\n"
    assert (second.returncode, output.splitlines()[0], errors) == (
        0,
        "1 added, 0 changed, 0 unchanged; 1 chunk made.",
        "",
    )
    assert_answers(home)


# Articles that cannot be read


@pytest.mark.slow
def test_what_cannot_be_read_is_named_each_in_a_sentence_and_the_rest_is_stored(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "picture.txt").write_bytes(b"\x89PNG\x00\x01")
    (folder / "nothing.txt").write_bytes(bytes(range(128, 256)) * 2)
    (folder / "latin.txt").write_bytes("Müller came.".encode("latin-1"))
    (folder / "notes.odt").write_bytes(b"PK")
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("The sun shone.", "utf-8")
    (folder / "never.txt").write_text(" date 2025-99-99 It rained.", "utf-8")
    (folder / "tomorrow.md").write_text("---\npublished: 2999-01-01\n---\nIt rained.", "utf-8")
    lines = [
        {"id": "a", "text": "It rained in Port Ellery.", "mood": "grey"},
        {"id": "a", "text": "It snowed in Port Ellery."},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    report = run("dateline", "ingest", folder, home=home)
    assert report.returncode == 1
    assert report.stdout.splitlines() == [
        "5 added, 0 changed, 0 unchanged; 5 chunks made.",
        "5 files read, 1 record in them could not be read, 3 skipped: 1 .odt file, 2 files that could not be read.",
        "Fields that were not used: mood.",
        "5 articles without a date.",
    ]
    unknown = "is binary, or text in an encoding that is not recognised: save it as UTF-8."
    undated = "it is stored without a date."
    assert report.stderr.splitlines() == [
        f"{folder}/corpus.jsonl:2 repeats the id 'a' of {folder}/corpus.jsonl:1: give it its own.",
        f"{folder}/nothing.txt {unknown}",
        f"{folder}/picture.txt {unknown}",
        f"{folder}/never.txt has the date '2025-99-99', which cannot be read: write it as YYYY-MM-DD; {undated}",
        f"{folder}/tomorrow.md has the date 2999-01-01, which lies in the future: correct it; {undated}",
    ]
    assert_answers(home)
