"""The process that reads documents: one after the other, each message preceded by its length; ends with its input.

Started by documents.py, as `python -m rag.ingestion.document_process BYTES`, with a bound on its memory.
"""

import faulthandler
import json
import os
import sys
from collections.abc import Callable
from typing import IO

from lxml.etree import LxmlError
from pypdf.errors import PyPdfError

from rag.ingestion.child_process import bound_memory
from rag.ingestion.decoding import Unreadable
from rag.ingestion.document import DocumentFields
from rag.ingestion.documents import LENGTH_BYTES, PAGE_SUFFIXES
from rag.ingestion.mail import mail_fields
from rag.ingestion.pages import page_fields
from rag.ingestion.pdf import pdf_fields
from rag.ingestion.word import word_fields

GRACE_SECONDS = 5.0
"""Longer than the parent waits: this bound is for a child whose parent was killed."""
# What parsers raise where a document is not what it says; an error of another kind ends the process, which is told, too.
PARSER_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    LxmlError,
    OSError,
    PyPdfError,
    RuntimeError,
    TypeError,
    ValueError,
)


def main() -> None:
    """Bound the memory, say that all is loaded, and answer until the input ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    bound_memory(int(sys.argv[1]))
    send(answers, {"ready": True})
    while (question := receive(questions)) is not None and (content := receive(questions)) is not None:
        asked = json.loads(question)
        with open(os.devnull, "w") as nowhere:
            faulthandler.dump_traceback_later(asked["seconds"] + GRACE_SECONDS, exit=True, file=nowhere)
            answer = answer_to(asked["suffix"], content, asked["url"])
            faulthandler.cancel_dump_traceback_later()
        send(answers, answer)
        if "out_of_memory" in answer:
            return


def answer_to(suffix: str, content: bytes, url: str) -> dict[str, object]:
    """A document's fields as a message, or its problem."""
    try:
        found = fields_of(suffix, content, url)
    except Unreadable as error:
        return {"problem": str(error)}
    except MemoryError:
        return out_of_memory()
    except RecursionError:
        return {"problem": "is nested deeper than any article: convert it to text."}
    except PARSER_FAILURES as error:
        if isinstance(error, LxmlError) and "unknown error" in str(error):
            # All that libxml2 has to say where it gets no memory.
            return out_of_memory()
        said = " ".join(str(error).split())[:100]
        named = f"{type(error).__name__}: {said}" if said else type(error).__name__
        return {"problem": f"is a damaged {suffix} file ({named}): save it again, or convert it to text."}
    return {"fields": dict(found.fields), "origins": dict(found.origins), "remarks": list(found.remarks)}


def out_of_memory() -> dict[str, object]:
    return {"problem": "needs more memory than a document may: convert it to text, or split it.", "out_of_memory": True}


def fields_of(suffix: str, content: bytes, url: str) -> DocumentFields:
    """Raises Unreadable, and whatever the parsers raise."""
    if suffix in PAGE_SUFFIXES:
        return page_fields(content, url)
    readers: dict[str, Callable[[bytes], DocumentFields]] = {
        ".pdf": pdf_fields,
        ".docx": word_fields,
        ".eml": mail_fields,
    }
    return readers[suffix](content)


def receive(stream: IO[bytes]) -> bytes | None:
    """One message, None at the end of the input."""
    length = stream.read(LENGTH_BYTES)
    return stream.read(int.from_bytes(length, "big")) if len(length) == LENGTH_BYTES else None


def send(stream: IO[bytes], message: dict[str, object]) -> None:
    written = json.dumps(message).encode()
    stream.write(len(written).to_bytes(LENGTH_BYTES, "big") + written)
    stream.flush()


if __name__ == "__main__":
    main()
