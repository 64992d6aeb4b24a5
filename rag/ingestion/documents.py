"""Read documents (pages, PDF, Word, mail) in a process of their own, with bounded time and memory.

Parsers of such formats have bugs, and whoever writes a document can make it huge when unpacked, endless or both: it may
cost its reader its life, never this program. One child is kept and replaced when it dies, so that a folder of 10,000
pages does not start 10,000 processes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from types import TracebackType
from typing import IO

from rag.errors import ArticleError
from rag.ingestion.child_process import child_environment
from rag.ingestion.decoding import Unreadable
from rag.ingestion.document import DocumentFields
from vectorstore.values import GIVEN, GUESSED, PAGE_METADATA, Origin

CHILD = "rag.ingestion.document_process"
PAGE_SUFFIXES = (".html", ".htm")
DOCUMENT_SUFFIXES = (*PAGE_SUFFIXES, ".pdf", ".docx", ".eml")
SECONDS_A_DOCUMENT = 30.0
"""For one document. The slowest of the pages and papers it was tried on took under two. A guess."""
START_SECONDS = 60.0
"""Until the child has loaded its parsers, half a second on a machine that has nothing else to do."""
MEMORY_BYTES = 2_000_000_000
"""Address space of the child, of which 0.4 GB are its libraries. Bounded where the operating system can (not Windows, macOS)."""
DOCUMENTS_A_CHILD = 1_000
"""A child is then replaced: parsers keep caches, and a later document must not pay for those before it."""
MAX_ANSWER_BYTES = 50_000_000
LENGTH_BYTES = 4
MAX_PROBLEM = 500
DOCUMENT_FIELDS = ("title", "source", "author", "url", "published", "updated", "language", "text")
"""What a document may say of its article; never its id, by which it could take the place of another."""
ORIGINS: tuple[Origin, ...] = (GIVEN, PAGE_METADATA, GUESSED)


class Documents:
    """Reads documents one at a time. The child starts with the first one; close it, or use `with`."""

    def __init__(self, seconds: float = SECONDS_A_DOCUMENT, memory_bytes: int = MEMORY_BYTES) -> None:
        self.seconds = seconds
        self.memory_bytes = memory_bytes
        self.child: subprocess.Popen[bytes] | None = None
        self.read_by_child = 0
        self.lock = Lock()

    def __enter__(self) -> "Documents":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def read(self, suffix: str, content: bytes, url: str = "") -> DocumentFields:
        """The article of a document of this kind (DOCUMENT_SUFFIXES); `url` is where a page was found, "" if unknown.

        Raises Unreadable where it holds none or cannot be read, ArticleError when the child does not start.
        """
        with self.lock:
            return fields_in(self.answer(suffix, content, url))

    def answer(self, suffix: str, content: bytes, url: str) -> dict[str, object]:
        """What the child says of a document. Raises Unreadable when it says nothing."""
        if self.child is None or self.read_by_child >= DOCUMENTS_A_CHILD:
            self.start()
        self.read_by_child += 1
        question = json.dumps({"suffix": suffix, "url": url, "seconds": self.seconds}).encode()
        with self.within(self.seconds) as timed_out:
            answer = self.exchange(question, content)
        if answer is not None:
            if "out_of_memory" in answer:
                # The child ends by itself: what else is broken in it, nobody knows.
                self.end()
            return answer
        died_of = self.end()
        if timed_out:
            raise Unreadable(f"takes longer than {self.seconds:g} seconds to read: convert it to text, or split it.")
        raise Unreadable(f"ends the program that reads it ({died_of}): convert it to text.")

    def exchange(self, question: bytes, content: bytes) -> dict[str, object] | None:
        """Send one document and wait for what is said of it; None when the child ends first or says what it must not."""
        child = self.running
        try:
            for part in (question, content):
                child.stdin.write(len(part).to_bytes(LENGTH_BYTES, "big") + part)
            child.stdin.flush()
            return read_answer(child.stdout)
        except (OSError, ValueError):
            return None

    @property
    def running(self) -> "Child":
        if self.child is None or self.child.stdin is None or self.child.stdout is None:
            raise ArticleError("The reader of documents is closed.")
        return Child(self.child.stdin, self.child.stdout)

    @contextmanager
    def within(self, seconds: float) -> Iterator[list[bool]]:
        """Kill the child after so long; yields a list that then is not empty. Killed, it ends every wait for it."""
        timed_out: list[bool] = []

        def kill() -> None:
            timed_out.append(True)
            if self.child is not None:
                self.child.kill()

        timer = Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield timed_out
        finally:
            timer.cancel()

    def start(self) -> None:
        """Start a child in the place of the one before. Raises ArticleError when it does not come up."""
        self.close()
        try:
            self.child = subprocess.Popen(
                [sys.executable, "-P", "-m", CHILD, str(self.memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment(),
            )
            with self.within(START_SECONDS):
                ready = read_answer(self.running.stdout)
        except (OSError, ValueError):
            ready = None
        if ready is None:
            raise ArticleError(
                f"The reader of documents does not start ({self.end()}): try `{sys.executable} -m {CHILD} 0`."
            )
        self.read_by_child = 0

    def end(self) -> str:
        """End the child; returns what it died of, in words."""
        child, self.child = self.child, None
        if child is None:
            return "no process"
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        # It may be ending by itself, with a reason that a signal would hide.
        try:
            code = child.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the child. It ends when it reads the end of its input; a reader that is stuck is killed."""
        if self.child is not None:
            self.end()


class Child:
    """The two ends of a running child."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.stdin = stdin
        self.stdout = stdout


def read_answer(stream: IO[bytes]) -> dict[str, object] | None:
    """One message of the child, None at its end. Raises ValueError for what is none."""
    length = int.from_bytes(stream.read(LENGTH_BYTES), "big")
    if not 0 < length <= MAX_ANSWER_BYTES:
        return None
    answer = json.loads(stream.read(length))
    return answer if isinstance(answer, dict) else None


def fields_in(answer: dict[str, object]) -> DocumentFields:
    """The fields in a child's message, checked: whoever wrote the document may have taken it over. Raises Unreadable."""
    problem, fields, origins, remarks = (answer.get(name) for name in ("problem", "fields", "origins", "remarks"))
    if isinstance(problem, str):
        raise Unreadable(problem[:MAX_PROBLEM])
    if not (isinstance(fields, dict) and isinstance(origins, dict) and isinstance(remarks, list)):
        raise Unreadable("ends the program that reads it (an answer that is none): convert it to text.")
    return DocumentFields(
        {name: value for name, value in fields.items() if isinstance(value, str) and name in DOCUMENT_FIELDS},
        {name: origin for name, origin in origins.items() if origin in ORIGINS and name in DOCUMENT_FIELDS},
        tuple(remark for remark in remarks if isinstance(remark, str)),
    )
