"""What a library holds in numbers: by outlet, month and day, what is odd in it, what it takes. Pure but for the sizes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vectorstore.listing import ListedArticle

STORED_PARTS = {"ledger": "ledger.sqlite3*", "vectors": "vectors", "lexical index": "lexical"}
"""What of the home folder each part of a library is."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many articles, and how many of them are undated, dated by a guess, withdrawn, unfinished.

    flagged: passages with sentences that give instructions, and so are never quoted. characters: of all texts.
    """

    articles: int = 0
    undated: int = 0
    guessed: int = 0
    withdrawn: int = 0
    unfinished: int = 0
    flagged: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class OutletStats:
    """One outlet, "" where articles name none: its counts, and its articles and flagged passages by day of publication."""

    name: str
    counts: Counts
    days: Mapping[date, int]
    flagged_days: Mapping[date, int]

    @property
    def months(self) -> dict[str, int]:
        """Articles by month, "2025-05", in order."""
        months = Counter[str]()
        for day, count in sorted(self.days.items()):
            months[f"{day:%Y-%m}"] += count
        return dict(months)


@dataclass(frozen=True, slots=True)
class LibraryStats:
    """All outlets, the one with the most articles first, and everything together."""

    library: str
    total: Counts
    outlets: tuple[OutletStats, ...]
    sizes: Mapping[str, int]


def library_stats(
    library: str, listed: Sequence[ListedArticle], flagged: Mapping[str, int], sizes: Mapping[str, int]
) -> LibraryStats:
    """Count what is listed. flagged: flagged passages by article id; sizes: bytes by part."""
    by_outlet: dict[str, list[ListedArticle]] = {}
    for entry in listed:
        by_outlet.setdefault(entry.article.source, []).append(entry)
    outlets = [outlet_stats(name, entries, flagged) for name, entries in by_outlet.items()]
    return LibraryStats(
        library,
        counts_of(listed, flagged),
        tuple(sorted(outlets, key=lambda outlet: (-outlet.counts.articles, outlet.name))),
        dict(sizes),
    )


def outlet_stats(name: str, entries: Sequence[ListedArticle], flagged: Mapping[str, int]) -> OutletStats:
    days, flagged_days = Counter[date](), Counter[date]()
    for entry in entries:
        if entry.article.published is not None:
            day = entry.article.published.date()
            days[day] += 1
            flagged_days[day] += flagged.get(entry.article.id, 0)
    return OutletStats(name, counts_of(entries, flagged), days, +flagged_days)


def counts_of(entries: Sequence[ListedArticle], flagged: Mapping[str, int]) -> Counts:
    return Counts(
        articles=len(entries),
        undated=sum(entry.article.published is None for entry in entries),
        guessed=sum(entry.article.published_guessed for entry in entries),
        withdrawn=sum(entry.withdrawn is not None for entry in entries),
        unfinished=sum(not entry.finished for entry in entries),
        flagged=sum(flagged.get(entry.article.id, 0) for entry in entries),
        characters=sum(entry.characters for entry in entries),
    )


def stored_bytes(home: Path) -> dict[str, int]:
    """Bytes on the disk by part, for all libraries together."""
    return {part: sum(sizes_below(home, pattern)) for part, pattern in STORED_PARTS.items()}


def sizes_below(home: Path, pattern: str) -> Iterator[int]:
    for path in home.glob(pattern):
        for file in path.rglob("*") if path.is_dir() else [path]:
            try:
                yield file.stat().st_size if file.is_file() else 0
            except OSError:
                # Another process has just merged or replaced it.
                continue
