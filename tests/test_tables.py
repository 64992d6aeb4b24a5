"""Tables within articles: each row is stored so that it can be quoted by itself, and the row that is asked for is quoted."""

import asyncio
import time
from pathlib import Path

import pytest

from rag.factory import open_engine
from rag.ingestion.documents import Documents
from rag.ingestion.markup import text_of_html, without_tags
from rag.ingestion.tables import with_worded_tables
from rag.settings import Settings
from rag.table_rows import cells_of, worded_row
from tests.made_documents import word

FEES = ["Vessel: Ferry; Fee 2024: 2,100 euros; Fee 2025: 2,750 euros.", "Vessel: Yacht; Fee 2025: 410 euros."]
IN_TEXT = {
    "Markdown": "| Vessel | Fee 2024 | Fee 2025 |\n| --- | ---: | ---: |\n"
    "| Ferry | 2,100 euros | 2,750 euros |\n| Yacht | | 410 euros |",
    "Markdown without outer bars": "Vessel | Fee 2024 | Fee 2025\n:-- | --- | ---\n"
    "Ferry | 2,100 euros | 2,750 euros\nYacht | | 410 euros |",
}
MEDALS = ["Country: Arland; Gold: 12; Silver: 7.", "Country: Borland; Gold: 8; Silver: 11."]
IN_COLUMNS = {
    "spaces": "Country     Gold  Silver\nArland        12       7\nBorland        8      11",
    "ruled": "Country     Gold  Silver\n-------     ----  ------\nArland        12       7\nBorland        8      11",
    "tabs": "Country\tGold\tSilver\nArland\t12\t7\nBorland\t8\t11",
    "commas": "Country,Gold,Silver\nArland,12,7\nBorland,8,11",
    "semicolons": "Country;Gold;Silver\nArland;12;7\nBorland;8;11",
}


@pytest.mark.parametrize("table", IN_TEXT.values(), ids=IN_TEXT)
def test_rows_of_markdown_say_what_their_cells_are(table: str) -> None:
    text = with_worded_tables(f"The fees:\n\n{table}\n\nThey apply from January.")
    assert text.split("\n\n") == ["The fees:", "\n".join(FEES), "They apply from January."]


@pytest.mark.parametrize("table", IN_COLUMNS.values(), ids=IN_COLUMNS)
def test_rows_of_plain_text_in_columns_say_what_their_cells_are(table: str) -> None:
    text = with_worded_tables(f"Medals\n\n{table}\n\nThe games ended.")
    assert text.split("\n\n") == ["Medals", "\n".join(MEDALS), "The games ended."]


@pytest.mark.parametrize(
    "text",
    [
        "He came.  She left.\nThey met.  It rained.\nWe saw.  You slept.",
        "Red, 12 of them,\nand blue, 14 of them,\nand green, 3 of them,",
        "Roses | violets\n\n---\n\nThe end.",
        "Ferry  12\nYacht  7\nBarge  9",
        "| a | b |\n| --- | --- |",
        "- one; two\n- three; four\n- five; six",
    ],
    ids=["double spaces", "commas of sentences", "a rule", "no headings", "headings alone", "a list"],
)
def test_what_is_no_table_stays(text: str) -> None:
    assert with_worded_tables(text) == text


TOLLS = (
    '<table><caption>Tolls</caption><tr><th></th><th colspan="2">Toll</th></tr>'
    "<tr><th>Vehicle</th><th>Day</th><th>Night</th></tr>"
    '<tr><td rowspan="2">Car</td><td>2 euros</td><td>1 euro</td></tr>'
    "<tr><td>3 euros<td>2 euros</tr><tr><td>Lorry</td><td>9 euros</td><td></td></tr></table>"
)
TOLL_ROWS = [
    "Vehicle: Car; Toll Day: 2 euros; Toll Night: 1 euro.",
    "Vehicle: Car; Toll Day: 3 euros; Toll Night: 2 euros.",
    "Vehicle: Lorry; Toll Day: 9 euros.",
]


def test_cells_that_cover_several_columns_or_rows_and_headings_in_two_rows() -> None:
    text = text_of_html(f"<p>The tolls of Sell.</p>{TOLLS}<p>By card.</p>")
    assert text.split("\n\n") == ["The tolls of Sell.", "Tolls", *TOLL_ROWS, "By card."]


def test_html_tables_within_markdown() -> None:
    text = without_tags(f"The tolls:\n{TOLLS}\nBy card, <b>not</b> in cash.")
    assert [line for line in text.split("\n") if line] == ["The tolls:", "Tolls", *TOLL_ROWS, "By card, not in cash."]


def test_a_table_of_names_and_values() -> None:
    assert text_of_html("<table><tr><th>Born</th><td>1950</td></tr><tr><th>Office</th><td>Mayor</td></tr></table>") == (
        "Born: 1950.\n\nOffice: Mayor."
    )


def test_tables_for_the_layout_stay_paragraphs() -> None:
    letter = "<table><tr><th>News</th><th>2 May</th></tr><tr><td><table><tr><td>A.</td></tr></table></td><td>B.</td></tr></table>"
    assert text_of_html(letter).split("\n\n") == ["News", "2 May", "A.", "B."]
    long = f"<table><tr><th>Left</th><th>Right</th></tr><tr><td>{'word ' * 40}</td><td>B.</td></tr></table>"
    assert text_of_html(long).split("\n\n")[2:] == [("word " * 40).strip(), "B."]


def test_endless_tables_take_no_time() -> None:
    assert len(without_tags("<table " * 20_000)) > 0
    assert text_of_html("<table><tr><td>A." * 3_000)
    assert text_of_html(f"<table><tr>{'<th colspan=9999 rowspan=9999>a</th>' * 40}</tr><tr><td>1</td></tr></table>")


def test_tables_of_pages_and_word_documents() -> None:
    with Documents() as documents:
        sentence = (
            "The bridge of Sell asks for more from January on, the council decided after a long night of debate. "
        )
        head = "<html><title>Dearer bridge</title><body><article><h1>Dearer bridge</h1>"
        page = f"{head}<p>{sentence * 3}</p>{TOLLS}<p>{sentence}</p></article>"
        told = documents.read(".html", page.encode()).fields["text"]
        assert told.split("\n\n")[1:5] == ["Tolls", *TOLL_ROWS]
        cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
        rows = (("Vessel", "Fee 2024", "Fee 2025"), ("Ferry", "2,100 euros", "2,750 euros"), ("Yacht", "", "410 euros"))
        marked = "<w:trPr><w:tblHeader/></w:trPr>"
        table = "".join(
            f"<w:tr>{marked if n == 0 else ''}{''.join(map(cell.format, row))}</w:tr>" for n, row in enumerate(rows)
        )
        told = documents.read(".docx", word(f"<w:tbl>{table}</w:tbl>")).fields["text"]
        assert told.split("\n\n") == FEES


def test_cells_of_a_stored_row_and_of_sentences() -> None:
    assert cells_of(worded_row(["Grain", "2025"], ["Rye", "182 euros"])) == {"Grain": "Rye", "2025": "182 euros."}
    assert cells_of("He said: we go; they stay.") == cells_of("Rye rose; oats fell.") == {}


def test_the_row_that_is_asked_for_is_quoted_alone(tmp_path: Path) -> None:
    (tmp_path / "medals.txt").write_text(
        f" date 2025-09-16 \nMedals at the games of Rell\n\n{IN_COLUMNS['spaces']}\nCorland        3       2\n"
    )
    (tmp_path / "fees.md").write_text(
        f"# Harbour fees rise in Qell\n\n{IN_TEXT['Markdown']}\n\nFees apply from January.\n"
    )
    asked = ["How many silver medals did Borland win?", "What will a yacht pay in Qell in 2025?"]

    async def ask() -> list[list[str]]:
        async with open_engine(Settings(home=tmp_path / "home")) as engine:
            await engine.library.ingest([tmp_path / "medals.txt", tmp_path / "fees.md"])
            return [[one.quote for one in (await engine.ask(question)).citations] for question in asked]

    medals, fees = asyncio.run(ask())
    assert medals == MEDALS[1:]
    assert fees[0] == FEES[1]
    assert FEES[0] not in fees


SHAPES_OF_LINES = {
    "paragraphs": "The harbour master counted {n} ships in the bay.\n\n",
    "columns of words": "Kell\tArl\n",
    "rules": "---\t---\n",
    "tables of no rows": "a|b\n-|-\nx\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("line", SHAPES_OF_LINES.values(), ids=SHAPES_OF_LINES)
def test_a_text_of_many_lines_takes_time_in_proportion(line: str) -> None:
    began = time.process_time()
    with_worded_tables("".join(line.format(n=n) for n in range(40_000)))
    assert time.process_time() - began < 10, "looking from each line to the end takes a minute"
