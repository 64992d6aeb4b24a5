"""Tables within an article: Markdown's and HTML's become rows that can be quoted by themselves (rag/table_rows.py). Pure.

A table that is there for the layout, as in newsletters, has no headings and long cells: its rows stay as they are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from rag.table_rows import worded_row

BESIDE = " | "
"""Between the cells of a row that has no headings."""
MAX_CELL_WORDS = 30
"""A cell with more is a paragraph, and its table a layout. A guess."""
MAX_SPAN = 50
"""Columns or rows that one cell covers; no table in an article has more."""
MAX_HEADING_ROWS = 3
MARKDOWN_RULE = re.compile(r"\s{0,3}\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?\s*)?|\s{0,3}\|\s*:?-+:?\s*\|?\s*")
BETWEEN_MARKDOWN_CELLS = re.compile(r"(?<!\\)\|")
DIGIT = re.compile(r"\d")
RULE = re.compile(r"[-=_]+")
BETWEEN_COLUMNS = (re.compile(r"\t+| {2,}"), re.compile(r";"), re.compile(r",(?! )"))
LEAST_ROWS_IN_TEXT = 3
"""Lines of plain text in columns, with that of the headings, from which they are a table."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, whether it is marked as a heading, and how many columns and rows it covers."""

    words: str
    is_heading: bool = False
    columns: int = 1
    rows: int = 1


LinesOfTable = tuple[list[list[str]], int]
"""The cells of a table in text, the names of its columns first, and how many lines it takes."""
NO_TABLE: LinesOfTable = [[]], 1


def number_in(attribute: str | None) -> int:
    """How many columns or rows a cell says that it covers, one where it says nothing that can be counted."""
    return int(attribute) if attribute and re.fullmatch(r"[1-9][0-9]{0,3}", attribute) else 1


def worded_table(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """A line for each row below the headings, which says what its cells are; [] for a table without headings."""
    grid = filled_grid(rows)
    if any(len(cell.words.split()) > MAX_CELL_WORDS for row in grid for cell in row):
        return []
    if grid and all(len(row) == 2 and row[0].is_heading and not row[1].is_heading for row in grid):
        return [line for name, cell in grid if (line := worded_row([name.words], [cell.words]))]
    headed = heading_rows(grid)
    if not headed or headed == len(grid):
        return []
    names = joined_headings(grid[:headed])
    return [line for row in grid[headed:] if (line := worded_row(names, words_of_cells(row)))]


def filled_grid(rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """The rows that hold anything, with a cell that covers several columns or rows in each of them."""
    grid: list[list[Cell]] = []
    reaching: dict[int, tuple[Cell, int]] = {}
    for row in rows:
        cells = iter(row)
        filled: list[Cell] = []
        while True:
            above, left = reaching.get(len(filled), (None, 0))
            if above is not None and left:
                reaching[len(filled)] = (above, left - 1)
                filled.append(above)
                continue
            cell = next(cells, None)
            if cell is None:
                break
            for _ in range(min(cell.columns, MAX_SPAN)):
                reaching[len(filled)] = (cell, min(cell.rows, MAX_SPAN) - 1)
                filled.append(cell)
        if any(cell.words for cell in filled):
            grid.append(filled)
    return grid


def heading_rows(grid: Sequence[Sequence[Cell]]) -> int:
    """How many rows name the columns: those of marked headings alone, or a first one without numbers above some."""
    marked = 0
    while marked < min(len(grid), MAX_HEADING_ROWS) and is_marked(grid[marked]):
        marked += 1
    if marked:
        return marked
    if len(grid) < 2 or any(cell.is_heading for row in grid for cell in row):
        return 0
    first, *others = grid
    # A table of words alone says nowhere which row names the columns.
    return int(len(first) > 1 and names_columns(words_of_cells(first), [words_of_cells(row) for row in others]))


def is_marked(row: Sequence[Cell]) -> bool:
    """True if all cells of a row that say anything are headings, but for a title above the table."""
    return len(row) > 1 and all(cell.is_heading for cell in row if cell.words)


def names_columns(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """True if a first row has no numbers but its every other cell has words, and a column below it has nothing but numbers."""
    if not may_be_names(first):
        return False
    columns = [[row[place] for row in others if place < len(row)] for place in range(len(first))]
    return any(column and all(map(has_digit, column)) for column in columns)


def may_be_names(first: Sequence[str]) -> bool:
    return not any(map(has_digit, first)) and all(first[1:])


def has_digit(cell: str) -> bool:
    return DIGIT.search(cell) is not None


def joined_headings(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """The names of the columns, of several rows one after the other: "2025 Fee"."""
    width = max(len(row) for row in rows)
    columns = ([row[place].words for row in rows if place < len(row)] for place in range(width))
    return [" ".join(dict.fromkeys(filter(None, column))) for column in columns]


def words_of_cells(row: Sequence[Cell]) -> list[str]:
    return [cell.words for cell in row]


def beside(cells: Sequence[Cell]) -> str:
    """A row of a table without headings: its cells side by side."""
    return BESIDE.join(cell.words for cell in cells if cell.words)


def with_worded_tables(text: str) -> str:
    """Text or Markdown whose tables, Markdown's and those in columns, are rows that can be quoted by themselves.

    Takes time in proportion to the text, whatever its lines look like.
    """
    return "\n".join(worded_lines(text.split("\n")))


def worded_lines(lines: Sequence[str]) -> Iterator[str]:
    in_columns = [tables_apart_by(between, lines) for between in BETWEEN_COLUMNS]
    place = 0
    while place < len(lines):
        table = markdown_table(lines, place) or next((found[place] for found in in_columns if place in found), NO_TABLE)
        (names, *rows), length = table
        told = worded_table(
            [[Cell(name, is_heading=True) for name in names], *[[Cell(words) for words in row] for row in rows]]
        )
        yield from told or lines[place : place + length]
        place += length


def markdown_table(lines: Sequence[str], place: int) -> LinesOfTable | None:
    """The Markdown table that begins at a line."""
    if place + 1 >= len(lines) or "|" not in lines[place] or not MARKDOWN_RULE.fullmatch(lines[place + 1]):
        return None
    names = markdown_cells(lines[place])
    if len(names) != len(markdown_cells(lines[place + 1])):
        return None
    below = (lines[number] for number in range(place + 2, len(lines)))
    rows = [markdown_cells(line) for line in takewhile(lambda line: "|" in line, below)]
    return [names, *rows], 2 + len(rows)


def markdown_cells(line: str) -> list[str]:
    cells = BETWEEN_MARKDOWN_CELLS.split(line.strip().removeprefix("|"))
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return [" ".join(cell.replace("\\|", "|").split()) for cell in cells]


def tables_apart_by(between: re.Pattern[str], lines: Sequence[str]) -> dict[int, LinesOfTable]:
    """The tables in plain text whose columns are set apart so, by their first lines."""
    cells = [[cell.strip() for cell in between.split(line.strip())] for line in lines]
    tables = {}
    for columns, run in groupby(range(len(lines)), lambda number: len(cells[number])):
        numbers = list(run)
        if columns > 1 and len(numbers) >= LEAST_ROWS_IN_TEXT:
            first, rows = table_of_run([cells[number] for number in numbers])
            if rows:
                tables[numbers[first]] = rows, len(numbers) - first
    return tables


def table_of_run(lines: Sequence[list[str]]) -> tuple[int, list[list[str]]]:
    """Of lines that have as many cells each: from which on they are a table, and its rows, the names of its columns first."""
    is_rule = [all(RULE.fullmatch(cell) for cell in cells) for cells in lines]
    kept = [number for number in range(len(lines)) if not is_rule[number]]
    first, numbers_alone = None, [True] * len(lines[0])
    for below, number in enumerate(reversed(kept)):
        if below + 1 >= LEAST_ROWS_IN_TEXT and any(numbers_alone) and may_be_names(lines[number]):
            first = number
        numbers_alone = [so_far and has_digit(cell) for so_far, cell in zip(numbers_alone, lines[number], strict=True)]
    if first is None:
        return 0, []
    rows = [lines[number] for number in kept if number >= first]
    while first and is_rule[first - 1]:
        first -= 1
    return first, rows
