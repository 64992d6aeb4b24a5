"""A real PostgreSQL from the system's packages, on a Unix socket of its own; skipped where there is none."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 30.0


def programs() -> Path:
    """The folder of initdb and postgres, of the newest version that is installed."""
    found = [Path(one).parent for one in (shutil.which("initdb"),) if one]
    found += [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        pytest.skip("PostgreSQL is not installed")
    return max(found, key=lambda path: int(path.parent.name) if path.parent.name.isdecimal() else 0)


def owner() -> str | None:
    """Who PostgreSQL runs as: it refuses to be root's."""
    return "nobody" if os.geteuid() == 0 else None


@dataclass
class RunningPostgres:
    """The server's process. Every test makes a database of its own."""

    folder: Path
    programs: Path
    process: subprocess.Popen[bytes] | None = None
    databases: int = 0
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "postgres.log"

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            user=owner(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        # Nothing here has to outlive the machine: without fsync it starts and writes at once.
        settings = ("listen_addresses=", "fsync=off", "unix_socket_permissions=0777", "max_connections=40")
        options = [part for setting in settings for part in ("-c", setting)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                cwd=self.folder,
                user=owner(),
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_SECONDS
        ready = [self.programs / "pg_isready", "-q", "-h", self.folder]
        while subprocess.run(ready, check=False).returncode:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End every session at once and write nothing more, as a crash does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    def new_database(self) -> str:
        """The URL of an empty database, in the way of DATELINE_DATABASE_URL."""
        self.databases += 1
        name = f"library{self.databases}"
        self.run("createdb", "-h", str(self.folder), "-U", "dateline", name)
        return f"postgresql+psycopg://dateline@/{name}?host={self.folder}"


@contextmanager
def running_postgres() -> Iterator[RunningPostgres]:
    # Not in pytest's folders: only their owner may enter them.
    with tempfile.TemporaryDirectory(prefix="dateline-postgres-", ignore_cleanup_errors=True) as name:
        server = RunningPostgres(Path(name), programs())
        if user := owner():
            shutil.chown(name, user)
        try:
            collation = ("--encoding=UTF8", "--locale=C.UTF-8")
            server.run("initdb", "-D", f"{name}/data", "-U", "dateline", "--auth=trust", "--no-sync", *collation)
            server.start()
            yield server
        finally:
            server.stop()
