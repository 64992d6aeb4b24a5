"""Of the rows of one table those that a question is about: all have the same words but for what stands in their cells. Pure."""

from collections.abc import Sequence

from rag.answering.features import Candidate, content_stems, text_of
from rag.table_rows import cells_of
from rag.text import stems_of
from vectorstore.values import Hit


def of_the_row_asked_for(
    question: str, ranked: Sequence[tuple[Candidate, float]], hits: Sequence[Hit]
) -> list[tuple[Candidate, float]]:
    """The candidates without the rows that hold fewer of the question's words than another row of their table."""
    asked = content_stems(question)
    rows = [cells_of(text_of(candidate, hits)) for candidate, _ in ranked]
    shared = [len(asked & stems_of(" ".join(cells.values()))) for cells in rows]
    # Empty cells are left out, the first one names the row.
    tables = [(candidate.hit, next(iter(cells), "")) for (candidate, _), cells in zip(ranked, rows, strict=True)]
    most: dict[tuple[int, str], int] = {}
    for table, count in zip(tables, shared, strict=True):
        most[table] = max(count, most.get(table, 0))
    return [
        pair for pair, table, count in zip(ranked, tables, shared, strict=True) if not table[1] or count == most[table]
    ]
