"""Read question sets, JSON lines or YAML, into Cases. Every problem is one sentence naming file and line."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rag.answer import Turn
from rag.errors import EvaluationError
from rag.ingestion.decoding import repaired

CASE_SUFFIXES = (".jsonl", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Case:
    """One question and what a good answer to it holds.

    answers: groups of aliases, one alias of every group must appear. gold_quotes: passages of the gold articles.
    place: file and line it was read from.
    """

    id: str
    question: str
    refusal_expected: bool
    answers: tuple[tuple[str, ...], ...] = ()
    gold_articles: tuple[str, ...] = ()
    gold_quotes: tuple[str, ...] = ()
    asked_at: datetime | None = None
    history: tuple[Turn, ...] = ()
    tags: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class CaseSet:
    """The cases in the order of their files. `digest` is over what they say, not how the file is laid out."""

    name: str
    digest: str
    cases: tuple[Case, ...]


class WrittenTurn(BaseModel):
    """One earlier exchange, as written in a case file."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1)
    answer: str


class WrittenCase(BaseModel):
    """One case as written: blank and null fields are allowed, unknown ones are not."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    expect: Literal["answer", "refuse"]
    answers: list[list[str]] = []
    gold_articles: list[str] = []
    gold_quotes: list[str] = []
    asked_at: datetime | date | None = None
    history: list[WrittenTurn] = []
    tags: list[str] = []
    draft: bool = False
    note: str = ""

    @field_validator("answers", "gold_articles", "gold_quotes", "history", "tags", "note", mode="before")
    @classmethod
    def blank_for_null(cls, value: object, info: object) -> object:
        if value is None:
            return "" if getattr(info, "field_name", "") == "note" else []
        return value

    @field_validator("asked_at", mode="before")
    @classmethod
    def no_date(cls, value: object) -> object:
        """An empty date is none, and a date stays a date: pydantic would make midnight of it."""
        if isinstance(value, str) and len(value.strip()) <= len("2025-10-17"):
            return date.fromisoformat(value.strip()) if value.strip() else None
        return value

    @model_validator(mode="after")
    def can_be_judged(self) -> "WrittenCase":
        """There must be something to hold the answer against, and nothing that contradicts `expect`."""
        if self.draft:
            raise ValueError("it is still a draft: review it and take its `draft` field out")
        if not self.question.strip():
            raise ValueError("the question is blank")
        if any(not group or not all(alias.strip() for alias in group) for group in self.answers):
            raise ValueError("answers holds an empty group or alias")
        if not all(quote.strip() for quote in self.gold_quotes):
            raise ValueError("gold_quotes holds an empty passage")
        if self.expect == "refuse" and (self.answers or self.gold_quotes):
            raise ValueError("a refusal is expected, so answers and gold_quotes must be empty")
        if self.expect == "answer" and not (self.answers or self.gold_quotes or self.gold_articles):
            raise ValueError("an answer is expected, but answers, gold_quotes and gold_articles are all empty")
        if self.gold_quotes and not self.gold_articles:
            raise ValueError("gold_quotes needs gold_articles to say where the passages stand")
        return self


def load_cases(paths: Sequence[Path]) -> CaseSet:
    """The cases of all files together. Raises EvaluationError for the first thing wrong, with its line."""
    cases: list[Case] = []
    places: dict[str, str] = {}
    for path in paths:
        found = [case_of(written, place) for place, written in written_cases(path)]
        if not found:
            raise EvaluationError(f"{path} holds no cases: write one question a line, see docs/formats.md.")
        for case in found:
            if case.id in places:
                raise EvaluationError(
                    f"{case.place} repeats the id {case.id!r} of {places[case.id]}: give every case its own."
                )
            places[case.id] = case.place
        cases.extend(found)
    return CaseSet("+".join(path.name for path in paths), digest_of(cases), tuple(cases))


def written_cases(path: Path) -> Iterator[tuple[str, WrittenCase]]:
    """Each case of one file with its place. Raises EvaluationError."""
    if path.suffix.lower() not in CASE_SUFFIXES:
        raise EvaluationError(f"{path} is no {', '.join(CASE_SUFFIXES)} file: name a file of cases.")
    try:
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from None
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read ({error.strerror}): check the path.") from None
    read = json_lines if path.suffix.lower() == ".jsonl" else yaml_entries
    for line, fields in read(content, path):
        place = f"{path}:{line}"
        if not isinstance(fields, dict):
            raise EvaluationError(f"{place} is no case: write an object with id, question and expect.")
        try:
            yield place, WrittenCase.model_validate(fields)
        except ValidationError as error:
            raise EvaluationError(f"{place}: {first_problem(error)}.") from None


def json_lines(content: str, path: Path) -> Iterator[tuple[int, object]]:
    """Each line that is not blank, with its number."""
    # Not splitlines(): U+2028 and its like may stand unescaped inside a JSON string.
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deeply nested"
                raise EvaluationError(f"{path}:{number} is not JSON ({reason}): correct or delete the line.") from None


def yaml_entries(content: str, path: Path) -> Iterator[tuple[int, object]]:
    """Each entry of the list in a YAML file, with the number of the line on which it begins."""
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        if root is not None and not isinstance(root, yaml.SequenceNode):
            raise EvaluationError(f"{path} is no list of cases: begin each case with `- id:`.")
        entries = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        reason = getattr(error, "problem", None) or "it cannot be parsed"
        raise EvaluationError(f"{place} is not YAML ({reason}): correct it.") from None
    starts = root.value if root is not None else []
    yield from ((start.start_mark.line + 1, entry) for start, entry in zip(starts, entries or [], strict=True))


def first_problem(error: ValidationError) -> str:
    """The first thing that pydantic found wrong, in words."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"] if part not in ("datetime", "date"))
    if first["type"] == "extra_forbidden":
        return f"{name!r} is no field of a case: see docs/formats.md for their names"
    if first["type"] == "missing":
        return f"{name} is missing"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason


def case_of(written: WrittenCase, place: str) -> Case:
    return Case(
        id=written.id,
        question=written.question,
        refusal_expected=written.expect == "refuse",
        answers=tuple(tuple(group) for group in written.answers),
        gold_articles=tuple(written.gold_articles),
        # The articles are repaired before they are stored: their passages are named as they stand there.
        gold_quotes=tuple(map(repaired, written.gold_quotes)),
        asked_at=moment_of(written.asked_at),
        history=tuple(Turn(turn.question, turn.answer) for turn in written.history),
        tags=tuple(dict.fromkeys(written.tags)),
        place=place,
    )


def moment_of(written: datetime | date | None) -> datetime | None:
    """A moment with a zone. A date without a time is its end, so that what was published that day is known."""
    if written is None:
        return None
    if not isinstance(written, datetime):
        return datetime.combine(written, time(23, 59, 59), UTC)
    return written if written.tzinfo else written.replace(tzinfo=UTC)


def digest_of(cases: Sequence[Case]) -> str:
    """SHA-256 over everything the cases say: two sets with one digest ask and expect the same."""
    said = [
        [
            case.id,
            case.question,
            case.refusal_expected,
            case.answers,
            case.gold_articles,
            case.gold_quotes,
            case.asked_at.isoformat() if case.asked_at else None,
            [(turn.question, turn.answer) for turn in case.history],
            case.tags,
        ]
        for case in cases
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def check_gold(cases: Sequence[Case], texts: Mapping[str, str]) -> None:
    """Every gold article must be among `texts` (id -> text) and hold its quotes. Raises EvaluationError."""
    for case in cases:
        for article_id in case.gold_articles:
            if article_id not in texts:
                raise EvaluationError(
                    f"{case.place} names the gold article {article_id!r}, which is not in the articles: "
                    "is this the corpus that belongs to these cases?"
                )
        for quote in case.gold_quotes:
            if not any(quote in texts[article_id] for article_id in case.gold_articles):
                raise EvaluationError(
                    f"{case.place} has a gold quote that stands word for word in none of its gold articles: "
                    f"{quote[:60]!r}."
                )
