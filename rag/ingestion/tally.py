"""What an ingest has read: how many files, what was left out and why, what could not be read of what was stored."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rag.ingestion.read_articles import ArticleProblem, ReadArticle, ReadResult, Skipped


@dataclass(frozen=True, slots=True)
class FilesRead:
    """files: those that gave at least one article; unreadable: those that gave none. Remarks: dates that were lost, say.

    lost: unreadable records of files that gave others. undated: articles without a date; guessed: those whose date is a
    guess. unknown_fields: names that no field of ours goes by, each once.
    """

    files: int = 0
    unreadable: int = 0
    lost: int = 0
    undated: int = 0
    guessed: int = 0
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[ArticleProblem, ...] = ()
    unknown_fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counts readings while they pass."""

    origins: set[str] = field(default_factory=set)
    failed: Counter[str] = field(default_factory=Counter)
    undated: int = 0
    guessed: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    remarks: list[ArticleProblem] = field(default_factory=list)
    unknown_fields: dict[str, None] = field(default_factory=dict)

    def count(self, readings: Iterable[ReadResult]) -> Iterator[ReadArticle | ArticleProblem]:
        """The same readings, without what was skipped."""
        for reading in readings:
            if isinstance(reading, Skipped):
                self.skipped.append(reading)
                continue
            if isinstance(reading, ReadArticle):
                self.add(reading)
            else:
                self.failed[file_of(reading.place)] += 1
            yield reading

    def add(self, reading: ReadArticle) -> None:
        self.origins.add(file_of(reading.place))
        self.undated += reading.article.published is None
        self.guessed += reading.article.published_guessed
        self.remarks += [ArticleProblem(reading.place, remark) for remark in reading.draft.remarks]
        self.unknown_fields |= dict.fromkeys(reading.draft.unknown_fields)

    def files_read(self) -> FilesRead:
        return FilesRead(
            len(self.origins),
            len(self.failed.keys() - self.origins),
            sum(count for file, count in self.failed.items() if file in self.origins),
            self.undated,
            self.guessed,
            tuple(self.skipped),
            tuple(self.remarks),
            tuple(self.unknown_fields),
        )


def file_of(place: str) -> str:
    """The file of a place that may end in the number of a line."""
    file, _, line = place.rpartition(":")
    return file if file and line.isdecimal() else place
