"""Measure how well web pages are read, on pages made for it (tests/made_pages.py), by shape.

Title right, publication right (to the second and with its zone where the page says so), F1 over the words of the main
text; for pages that hold no article, whether they were refused for the right reason. The half that was kept apart was
not looked at while the reader was written.

    python benchmarks/measure_extraction.py [--half fitted|apart] [--show SHAPE] [--speed]
"""

import argparse
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from trafilatura import bare_extraction

from rag.ingestion.decoding import Unreadable
from rag.ingestion.documents import Documents
from rag.ingestion.pages import page_fields
from rag.ingestion.read_articles import ArticleProblem, ReadArticle, read_paths
from tests.made_pages import Page, made_pages
from vectorstore.values import Article

# A word of letters and digits, or one character of a script that writes without spaces.
TOKEN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W\u3040-\u30ff\u4e00-\u9fff]+")
SPEED_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Score:
    """How one page was read; None where the measure does not apply to it."""

    page: Page
    title: bool | None = None
    date: bool | None = None
    f1: float | None = None
    refused: bool | None = None


def read_pages(pages: Sequence[Page]) -> list[Article | str]:
    """Each page's article, or why there is none, through the reader of files."""
    with TemporaryDirectory() as folder:
        for number, page in enumerate(pages):
            Path(folder, f"{number:05}.html").write_bytes(page.content)
        return [
            one.article if isinstance(one, ReadArticle) else one.reason
            for one in read_paths([Path(folder)])
            if isinstance(one, ReadArticle | ArticleProblem)
        ]


def score(page: Page, read: Article | str) -> Score:
    if page.refused:
        return Score(page, refused=isinstance(read, str) and page.refused in read)
    if isinstance(read, str):
        return Score(page, False, False, 0.0)
    return Score(page, read.title == page.title, date_right(page, read.published), f1(page.text, read.text))


def date_right(page: Page, published: datetime | None) -> bool:
    """A page that names a moment is read to the moment and its zone, one that names a day to the day."""
    if not page.published or published is None:
        return not page.published and published is None
    expected = datetime.fromisoformat(page.published)
    if len(page.published) == len("2025-01-01"):
        return published.date() == expected.date()
    return published == expected and published.utcoffset() == expected.utcoffset()


def f1(expected: str, found: str) -> float:
    """Harmonic mean of precision and recall over words, each counted as often as it stands there."""
    wanted, given = Counter(TOKEN.findall(expected.lower())), Counter(TOKEN.findall(found.lower()))
    shared = (wanted & given).total()
    return 2 * shared / (wanted.total() + given.total())


def mean(values: Sequence[float | bool | None]) -> str:
    counted = [float(value) for value in values if value is not None]
    return f"{fmean(counted):.3f}" if counted else "-"


def line(name: str, scores: Sequence[Score]) -> str:
    columns = ([one.title for one in scores], [one.date for one in scores], [one.f1 for one in scores])
    refused = mean([one.refused for one in scores])
    return f"{name:34}" + "".join(f"{mean(column):>8}" for column in columns) + f"{refused:>9}"


def pages_a_second(pages: Sequence[Page], read: Callable[[Sequence[Page]], object]) -> float:
    """Pages in a second of the processor's time, a child's start included: a busy machine does not change it."""
    many = [page for _ in range(SPEED_ROUNDS) for page in pages]
    before = os.times()
    read(many)
    after = os.times()
    return len(many) / (sum(after[:4]) - sum(before[:4]))


def by_trafilatura_alone(pages: Sequence[Page]) -> None:
    for page in pages:
        bare_extraction(page.content, include_comments=False, with_metadata=True)


def in_this_process(pages: Sequence[Page]) -> None:
    for page in pages:
        with suppress(Unreadable):
            page_fields(page.content)


def in_the_child(pages: Sequence[Page]) -> None:
    with Documents() as documents:
        for page in pages:
            with suppress(Unreadable):
                documents.read(".html", page.content)


def speed_lines(pages: Sequence[Page]) -> Iterator[str]:
    """Pages a second, and how many times as many as trafilatura alone reads."""
    in_this_process(pages)
    readers = (by_trafilatura_alone, in_this_process, in_the_child)
    alone = 0.0
    for read in readers:
        speed = pages_a_second(pages, read)
        alone = alone or speed
        yield f"{read.__name__.replace('_', ' '):24}{speed:8.1f} pages a second {speed / alone:6.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("fitted", "apart"))
    parser.add_argument("--show", help="the shape whose pages are printed as read")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    pages = [page for page in made_pages() if options.half is None or page.kept_apart == (options.half == "apart")]
    read = read_pages(pages)
    if options.show:
        for page, found in zip(pages, read, strict=True):
            if page.shape == options.show:
                print(page.html, "", found, "", page.text, sep="\n")
        return
    scores = [score(page, found) for page, found in zip(pages, read, strict=True)]
    print(f"{'shape':34}{'title':>8}{'date':>8}{'F1':>8}{'refused':>9}")
    for one in scores:
        print(line(one.page.shape, [one]))
    for half, apart in (("fitted to", False), ("kept apart", True)):
        if chosen := [one for one in scores if one.page.kept_apart == apart]:
            print(line(f"all {len(chosen)} {half}", chosen))
    if options.speed:
        for told in speed_lines(pages):
            print(told)


if __name__ == "__main__":
    main()
