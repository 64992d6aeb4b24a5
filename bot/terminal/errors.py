"""Exit codes, and the one place of the terminal where errors become words. Imports nothing heavy: `--help` pays for it."""

import asyncio
import logging
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import IO, NoReturn

import click

from bot.terminal.text_io import give_up_output, make_output_lenient, open_closed_streams
from rag.errors import QuestionError, SettingsError
from rag.text import clean_line
from vectorstore.errors import DatelineError

ANSWERED, FAILED, WRONG_USE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130


class CliError(click.ClickException):
    """A known failure: one sentence on stderr, without click's "Error:" before it."""

    exit_code = FAILED

    def show(self, file: IO[str] | None = None) -> None:
        click.echo(self.message, err=True, file=file)


class WrongUse(CliError):
    """The question, an option or a setting cannot be used as it is."""

    exit_code = WRONG_USE


@contextmanager
def cli_errors() -> Iterator[None]:
    """Turn known failures into CliError."""
    try:
        yield
    except DatelineError as error:
        wrong_use = isinstance(error, QuestionError | SettingsError)
        raise (WrongUse if wrong_use else CliError)(clean_line(str(error))) from error


def begin_command() -> None:
    """Make sure that there is somewhere to read from and write to, before anything does."""
    if open_closed_streams():
        notify("Standard output is closed: what is answered is shown nowhere.")


def run_command(work: Coroutine[object, object, int]) -> NoReturn:
    """Run a command and exit with its code."""
    # Log lines are for services; at a terminal the answer's note says what happened.
    logging.getLogger("dateline").addHandler(logging.NullHandler())
    make_output_lenient()
    try:
        with cli_errors():
            code = asyncio.run(work)
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of the output closed it (`ask ... | head`).
        sys.stderr.close()
        code = ANSWERED
    except OSError as error:
        # What the store and the models meet is a DatelineError by now: this is the output, or a folder that went away.
        notify(clean_line(f"Stopped: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}."))
        give_up_output()
        code = FAILED
    sys.exit(code)


def notify(message: str) -> None:
    """A line for the person at the terminal, not part of the answer."""
    click.echo(message, err=True)
