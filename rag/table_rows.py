"""A row of a table as it is stored: one line, each cell under its column's name, so that it can be quoted by itself. Pure."""

from collections.abc import Sequence

AFTER_HEADING, BETWEEN_CELLS = ": ", "; "
ENDS = tuple(".!?…。！？")


def worded_row(headings: Sequence[str], cells: Sequence[str]) -> str:
    """ "Vessel: Ferry; Fee 2024: 2,100 euros; Fee 2025: 2,750 euros."; what is empty is left out, "" for an empty row.

    The words are the table's, the marks between them ours. The last one makes a statement of the line, for those who read it.
    """
    named = zip([*headings, *[""] * (len(cells) - len(headings))], cells, strict=False)
    told = [f"{heading.rstrip(' :')}{AFTER_HEADING}{cell}" if heading else cell for heading, cell in named if cell]
    line = BETWEEN_CELLS.join(told)
    return line if not line or line.endswith(ENDS) else f"{line}."


def cells_of(sentence: str) -> dict[str, str]:
    """The cells of a row that is stored so, by the names of their columns; {} for every other sentence."""
    cells = [cell.partition(AFTER_HEADING) for cell in sentence.split(BETWEEN_CELLS)]
    named = {heading: words for heading, mark, words in cells if mark}
    return named if len(named) > 1 and len(named) >= len(cells) - 1 else {}
