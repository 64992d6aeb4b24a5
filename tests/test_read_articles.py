"""Reading files as tools and people write them; whatever cannot be read is named and the rest goes on."""

import bz2
import gzip
import io
import json
import lzma
import os
import time
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.decoding import Unreadable, repaired
from rag.ingestion.markup import without_tags
from rag.ingestion.read_articles import (
    ArticleProblem,
    ReadArticle,
    Skipped,
    read_paths,
    with_distinct_ids,
)
from rag.ingestion.tally import Tally
from rag.ingestion.unpacking import BoundedFile
from tests.conftest import SEED_ID, SEEDS
from vectorstore.values import Article


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<div>The roads cost 12</div><div>30 trees were felled.</div>", "The roads cost 12\n\n30 trees were felled."),
        ("<p>12,400 in May.</p><p>25 of them left.</p>", "12,400 in May.\n\n25 of them left."),
        ("<ul><li>Adults: 45 crowns</li><li>Children: 15</li></ul>", "Adults: 45 crowns\n\nChildren: 15"),
        ("It <b>rained</b> in <a href='/'>Zell</a>.\n\nAll left.", "It rained in Zell.\n\nAll left."),
    ],
)
def test_blocks_of_html_in_text_do_not_run_into_each_other(text: str, read: str) -> None:
    assert without_tags(text) == read


def articles(path: Path) -> list[Article]:
    return [one.article for one in read_paths([path]) if isinstance(one, ReadArticle)]


def problems(path: Path) -> list[ArticleProblem]:
    return [one for one in read_paths([path]) if isinstance(one, ArticleProblem)]


def remarks(path: Path) -> list[str]:
    return [remark for one in read_paths([path]) if isinstance(one, ReadArticle) for remark in one.draft.remarks]


def write_json(path: Path, *values: object) -> Path:
    path.write_text("\n".join(map(json.dumps, values)), "utf-8")
    return path


def test_the_seed_loses_its_date_line_and_gets_a_derived_title() -> None:
    (article,) = articles(SEEDS)
    assert article.id == SEED_ID
    assert article.published == datetime(2025, 10, 17, tzinfo=UTC)
    assert article.text.startswith("Russian President Vladimir Putin spoke with Hungary’s prime minister")
    assert article.title_derived
    assert article.title.startswith("Russian President Vladimir Putin")


def test_markdown_front_matter(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "---\ntitle: Bridge opens\nsource: Harbour Post\nurl: https://example.org/a\npublished: 2024-03-05\n---\n\nThe bridge.\n",
        "utf-8",
    )
    (article,) = articles(tmp_path / "a.md")
    assert (article.title, article.source, article.url) == ("Bridge opens", "Harbour Post", "https://example.org/a")
    assert article.published == datetime(2024, 3, 5, tzinfo=UTC)
    assert article.text == "The bridge."
    assert not article.title_derived


@pytest.mark.parametrize("time", ["18:42 GMT", "6.42pm", "**09:00**", "18h42 CEST:"])
def test_the_time_of_a_live_blogs_entry_is_no_headline(tmp_path: Path, time: str) -> None:
    (tmp_path / "a.txt").write_text(
        f"{time}\nThe count in Arland is over: Lena Fors won.\n\n17:10\nIt goes on.", "utf-8"
    )
    (article,) = articles(tmp_path / "a.txt")
    assert article.title == "The count in Arland is over: Lena Fors won."
    assert article.text.startswith(time)


def test_markdown_without_front_matter_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A headline\n\nSome text.", "utf-8")
    assert articles(tmp_path)[0].title == "A headline"


def test_words_that_only_look_like_the_date_line_stay(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("date palms grow slowly.", "utf-8")
    assert articles(tmp_path)[0].text == "date palms grow slowly."


def test_blank_and_null_fields_of_a_corpus_are_allowed(tmp_path: Path) -> None:
    line = {"id": "1", "title": None, "source": "", "url": None, "published": None, "text": "It rained."}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(line) + "\n\n", "utf-8")
    (article,) = articles(tmp_path)
    assert (article.title, article.published, article.source) == ("It rained.", None, "")


BAD_LINES = {
    "broken json": ('{"id": "1", "text": ', "is not JSON"),
    "no object": ("[1]", "is not a JSON object"),
    "no text": ('{"id": "1", "text": "  "}', "holds no text"),
    "no field for text": ('{"id": "1", "words": "x"}', "has no text among its fields (id, words)"),
    "python": ("{'id': '1', 'text': 'x'}", "is not JSON"),
    "deep nesting": ("[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_corpus_line_is_named_and_the_others_are_read(line: str, reason: str, tmp_path: Path) -> None:
    good = '{"id": "good-%d", "text": "It rained in the harbour."}'
    (tmp_path / "corpus.jsonl").write_text("\n".join([good % 1, line, good % 3]), "utf-8")
    assert [article.id for article in articles(tmp_path)] == ["good-1", "good-3"]
    (problem,) = problems(tmp_path)
    assert problem.place.endswith("corpus.jsonl:2")
    assert reason in problem.reason


def test_a_repeated_id_is_reported_with_its_line_and_a_repeated_article_is_skipped(tmp_path: Path) -> None:
    corpus = write_json(tmp_path / "corpus.jsonl", *({"id": "a", "text": text} for text in "xyx"))
    first, second, third = with_distinct_ids(read_paths([tmp_path]))
    assert isinstance(first, ReadArticle)
    assert second == ArticleProblem(f"{corpus}:2", f"repeats the id 'a' of {corpus}:1: give it its own.")
    assert third == Skipped(f"{corpus}:3", "repeated article")


def test_an_id_of_another_file_is_told_apart_by_the_files_name(tmp_path: Path) -> None:
    for name, text in (("one.md", "It rained."), ("two.md", "It snowed.")):
        (tmp_path / name).write_text(f"---\nid: 7\n---\n{text}", "utf-8")
    readings = [one for one in with_distinct_ids(read_paths([tmp_path])) if isinstance(one, ReadArticle)]
    assert [one.article.id for one in readings] == ["7", f"7@{tmp_path.name}/two.md"]
    assert "has the id '7' of" in readings[1].draft.remarks[0]


BAD_FILES = {
    "binary": (b"\x89PNG\x00\x01", "is binary"),
    "no letters": (bytes(range(0x80, 0x100)), "an encoding that is not recognised: save it as UTF-8"),
    "half of UTF-16": ("Müller".encode("utf-16")[:-1], "is binary"),
    "page of scripts": (b"\x00" * 9, "is binary"),
    "empty": (b"", "holds no text"),
    "blank": (b" \n\t ", "holds no text"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_text_file_is_named_and_the_others_are_read(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    (tmp_path / "good.txt").write_text("It rained.", "utf-8")
    assert [article.text for article in articles(tmp_path)] == ["It rained."]
    (problem,) = problems(tmp_path)
    assert problem.place.endswith("bad.txt")
    assert reason in problem.reason


def test_front_matter_that_is_not_yaml_is_read_line_by_line_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: Sold: the mill\ndate: 2024-03-05\n---\nText.", "utf-8")
    (article,) = articles(tmp_path)
    assert (article.title, article.published) == ("Sold: the mill", datetime(2024, 3, 5, tzinfo=UTC))
    assert "front matter that is not YAML" in remarks(tmp_path)[0]


def test_half_a_surrogate_pair_becomes_the_replacement_character(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "a", "text": "x \\ud800 y"}', "utf-8")
    assert articles(tmp_path)[0].text == "x � y"


def test_a_folder_without_articles_is_named(tmp_path: Path) -> None:
    assert (
        "holds no .txt, .md, .markdown, .jsonl, .ndjson, .json, .csv, .tsv, .html, .htm, .pdf, .docx, .eml file"
        in problems(tmp_path)[0].reason
    )


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.odt").write_bytes(b"PK")
    assert (
        "is not a .txt, .md, .markdown, .jsonl, .ndjson, .json, .csv, .tsv, .html, .htm, .pdf, .docx, .eml file"
        in problems(tmp_path / "a.odt")[0].reason
    )


# Dates

DAY = datetime(2024, 3, 15, tzinfo=UTC)
MINUTE = datetime(2024, 3, 15, 8, 30, tzinfo=UTC)
EPOCH = int(MINUTE.timestamp())
DATES: list[tuple[object, datetime | None]] = [
    ("2024-03-15", DAY),
    ("20240315", DAY),
    (20240315, DAY),
    ("2024-W11-5", DAY),
    ("Mar. 15, 2024", DAY),
    ("2024\u201103\u201115", DAY),
    ("Friday, March 15th, 2024", DAY),
    ("15 March 2024", DAY),
    ("15. März 2024", DAY),
    ("15.3.2024", DAY),
    ("3/15/2024", DAY),
    ("2024/03/15", DAY),
    ("2024-03-15 08:30 UTC", MINUTE),
    ("2024-03-15T08:30:00.000+0000", MINUTE),
    ("2024-03-15T08:30:00.000000001Z", MINUTE),
    ("20240315T083000Z", MINUTE),
    ("15.03.2024, 08:30 Uhr", MINUTE),
    ("3/15/2024 8:30 AM", MINUTE),
    ("Fri, 15 Mar 2024 09:30:00 +0100", MINUTE),
    ("Fri, 15 Mar 2024 08:30:00 GMT", MINUTE),
    ("Fri Mar 15 09:30:00 CET 2024", MINUTE),
    ("2024-03-15 09:30:00 +0100 CET", MINUTE),
    ("2024-03-15T09:30+01:00[Europe/Berlin]", MINUTE),
    (f"{EPOCH / 1e9}e+09", MINUTE),
    (EPOCH, MINUTE),
    (EPOCH * 1_000, MINUTE),
    (f"{EPOCH}", MINUTE),
    (f"{EPOCH}000", MINUTE),
    ({"$date": "2024-03-15T08:30:00Z"}, MINUTE),
    ({"$date": {"$numberLong": f"{EPOCH}000"}}, MINUTE),
    (["2024-03-15"], DAY),
    (f"/Date({EPOCH}000)/", MINUTE),
    (f"/Date({EPOCH}000+0100)/", MINUTE),
    ("Fri Mar 15 2024 09:30:00 GMT+0100 (Central European Standard Time)", MINUTE),
    ("Fri Mar 15 2024 03:30:00 GMT-0500 (EST)", MINUTE),
    ("Published March 15, 2024 | 8:30 am", MINUTE),
    ("Posted on: 15 March 2024", DAY),
    ("“2024-03-15”", DAY),
    ("March 15, 2024, 4:30 a.m. ET", MINUTE),
    ("2024-03-15 01:30 Pacific Time", MINUTE),
    ("15 March 2024 14:00 IST", MINUTE),
    ("2024-03-15T04:30:00[America/New_York]", MINUTE),
    ("2024-03-15 04:30:00 America/New_York", MINUTE),
    ("2024-03-15 01:30:00 -7", MINUTE),
    ((EPOCH + 11_644_473_600) * 10**7, MINUTE),
    ("Posted on March 15, 2024 by admin", DAY),
    ([2024, 3, 15, 8, 30, 0, 4, 75, 0], MINUTE),
    ([2024, 3, 15], DAY),
    ({"year": 2024, "month": "3", "day": 15}, DAY),
    ("2024-03-14T24:00:00Z", DAY),
    ("2024-03-14 24:00", DAY),
    ("14 March 2024, 24:00", DAY),
    ("Thu, 14 Mar 2024 24:00:00 GMT", DAY),
    ("Fri, 15 Mar 2024 24:30:00 GMT", DAY + timedelta(minutes=30)),
    ("2024-03-15T24:30:00Z", DAY + timedelta(minutes=30)),
    *(
        (nothing, None)
        for nothing in (
            None,
            "",
            " ",
            "null",
            "None",
            "NaT",
            "nan",
            float("nan"),
            "0000-00-00",
            "0000-00-00 00:00:00",
            "unknown",
            0,
        )
    ),
]


@pytest.mark.parametrize(("written", "meant"), DATES, ids=lambda value: str(value)[:30])
def test_a_date_is_read_however_it_is_written(written: object, meant: datetime | None) -> None:
    assert parse_published(written) == meant


NO_DATES = [
    "soon",
    "2 hours ago",
    "Updated: 15 March 2024",
    "Published 2 hours ago",
    "/Date(now)/",
    "vor 2 Stunden",
    "2024",
    "2024-03",
    "March 2024",
    "3/4/2024",
    "2024-02-30",
    "1970-01-01T00:00:00Z",
    "9999-12-31",
    "0001-01-01",
    True,
    "{{date}}",
    {"year": 2024, "month": 3},
    "date palms were planted on 15 March 2024, which was a Friday in that year",
]


@pytest.mark.parametrize("written", NO_DATES, ids=str)
def test_what_may_be_two_days_or_none_costs_the_date_and_not_the_article(written: object, tmp_path: Path) -> None:
    with pytest.raises(NoDate):
        parse_published(written)
    write_json(tmp_path / "c.jsonl", {"id": "a", "text": "It rained.", "published": written})
    (article,) = articles(tmp_path)
    assert article.published is None
    assert "it is stored without a date" in remarks(tmp_path)[0]


def test_a_time_keeps_the_zone_it_was_written_in() -> None:
    late = parse_published("2024-03-15T23:30:00-05:00")
    assert late is not None
    assert (late.day, late.utcoffset()) == (15, timedelta(hours=-5))
    assert parse_published("15 Mar 2024 11:30 PM EST") == late


DATE_LINES = {
    " date 2024-03-15 It rained.": "It rained.",
    " date 2024-03-15 \r\nIt rained.": "It rained.",
    "Date: March 15, 2024\nIt rained.": "It rained.",
    "date: 2024-03-15T08:30:00+01:00\n\nIt rained.": "It rained.",
}


@pytest.mark.parametrize(("written", "text"), DATE_LINES.items())
def test_a_first_line_with_the_date(written: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(written.encode())
    (article,) = articles(tmp_path)
    assert article.published is not None
    assert (article.published.date(), article.text) == (DAY.date(), text)


def test_a_first_line_whose_date_cannot_be_read_stays_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" date 2024-99-99 It rained.", "utf-8")
    (article,) = articles(tmp_path)
    assert (article.text, article.published) == ("date 2024-99-99 It rained.", None)
    assert "has the date '2024-99-99', which cannot be read" in remarks(tmp_path)[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of Unix")
def test_pipes_and_links_are_named_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "circle").symlink_to(".")
    (tmp_path / "nowhere.txt").symlink_to("gone.txt")
    (tmp_path / "itself.txt").symlink_to("itself.txt")
    kinds = [one.kind for one in read_paths([tmp_path]) if isinstance(one, Skipped)]
    assert sorted(kinds) == ["broken link", "broken link", "device", "linked folder"]
    assert "is a pipe or device" in problems(tmp_path / "pipe.txt")[0].reason
    assert [article.text for article in articles(tmp_path)] == [TEXT]


# Exports

TEXT = "The bridge of Aldmoor opened, the mayor said."
EXPORTS: dict[str, dict[str, object]] = {
    "trafilatura": {
        "title": "Bridge opens",
        "hostname": "post.example",
        "sitename": "Harbour Post",
        "date": "2024-03-15",
        "id": None,
        "raw_text": "other",
        "text": TEXT,
        "source": "https://post.example/1",
        "source-hostname": "post.example",
    },
    "NewsAPI": {
        "source": {"id": None, "name": "Harbour Post"},
        "title": "Bridge opens",
        "description": "The bridge.",
        "url": "https://post.example/1",
        "publishedAt": "2024-03-15T00:00:00Z",
        "content": TEXT,
    },
    "HuffPost": {
        "link": "https://post.example/1",
        "headline": "Bridge opens",
        "short_description": TEXT,
        "date": "2024-03-15",
        "publisher": "Harbour Post",
    },
    "MongoDB": {
        "_id": {"$oid": "64f0"},
        "title": "Bridge opens",
        "source": "Harbour Post",
        "url": "https://post.example/1",
        "published": {"$date": "2024-03-15T00:00:00Z"},
        "body": TEXT,
    },
    "feedparser": {
        "title": "Bridge opens",
        "link": "https://post.example/1",
        "published": "Fri, 15 Mar 2024 00:00:00 GMT",
        "summary": "The bridge.",
        "content": [{"type": "text/html", "value": f"<p>{TEXT}</p>"}],
        "source": {"title": "Harbour Post"},
    },
    "WordPress": {
        "id": 5,
        "date": "2024-03-15T00:00:00",
        "title": {"rendered": "Bridge opens"},
        "content": {"rendered": f"<div><b>The</b> {TEXT[4:]}</div>"},
        "link": "https://post.example/1",
        "site_name": "Harbour Post",
    },
    "capitals": {
        "ID": "1",
        "Title": "Bridge opens",
        "Source": "Harbour Post",
        "URL": "https://post.example/1",
        "Published At": "2024-03-15",
        "Text": TEXT,
    },
}


@pytest.mark.parametrize("exported", EXPORTS.values(), ids=EXPORTS.keys())
def test_the_field_names_of_exports(exported: dict[str, object], tmp_path: Path) -> None:
    write_json(tmp_path / "c.jsonl", exported)
    (article,) = articles(tmp_path)
    assert (article.title, article.source, article.url) == ("Bridge opens", "Harbour Post", "https://post.example/1")
    assert (article.published, article.text) == (DAY, TEXT)
    assert remarks(tmp_path) == []


def test_of_several_summaries_the_longest_is_the_text(tmp_path: Path) -> None:
    write_json(tmp_path / "c.jsonl", {"id": "a", "excerpt": "Mill burns.", "summary": TEXT, "abstract": "A mill."})
    assert articles(tmp_path)[0].text == TEXT


OUTLETS: dict[str, dict[str, object]] = {
    "Zotero": {"container-title": "Harbour Post", "issued": {"date-parts": [[2024, 3, 15]]}, "abstract": TEXT},
    "Feedly": {
        "origin": {"title": "Harbour Post"},
        "published": 1710460800000,
        "content": {"content": f"<p>{TEXT}</p>"},
    },
    "Wallabag": {
        "domain_name": "Harbour Post",
        "published_at": "2024-03-15",
        "published_by": ["A. B."],
        "content": TEXT,
    },
    "Substack": {"publication": "Harbour Post", "post_date": "2024-03-15T00:00:00.000Z", "body_html": f"<p>{TEXT}</p>"},
    "Tavily": {"content": "The mayor.", "raw_content": TEXT, "source": "Harbour Post", "published_date": "2024-03-15"},
    "a structure beside the text": {
        "text": TEXT,
        "raw_content": '{"type": "doc"}' * 99,
        "site": "Harbour Post",
        "date": "2024-03-15",
    },
    "German": {"Titel": "Die Brücke", "Inhalt": TEXT, "Datum": "15.03.2024", "Quelle": "Harbour Post"},
    "Drupal": {"site": "Harbour Post", "created": "2024-03-15", "body": {"value": f"<p>{TEXT}</p>", "format": "html"}},
}


@pytest.mark.parametrize("exported", OUTLETS.values(), ids=OUTLETS.keys())
def test_outlets_and_dates_of_other_exports(exported: dict[str, object], tmp_path: Path) -> None:
    write_json(tmp_path / "c.jsonl", exported)
    (article,) = articles(tmp_path)
    assert (article.source, article.published, article.text) == ("Harbour Post", DAY, TEXT)


WRAPPED: dict[str, dict[str, object]] = {
    "RSS as JSON": {
        "rss": {"@version": "2.0", "channel": {"title": "Post", "item": [{"title": "A", "content": TEXT}]}}
    },
    "Diffbot": {"request": {"api": "article"}, "objects": [{"title": "A", "text": TEXT, "siteName": "Post"}]},
}


@pytest.mark.parametrize("exported", WRAPPED.values(), ids=WRAPPED.keys())
def test_articles_are_found_in_what_is_wrapped_around_them(exported: dict[str, object], tmp_path: Path) -> None:
    write_json(tmp_path / "c.json", exported)
    (article,) = articles(tmp_path)
    assert (article.title, article.text) == ("A", TEXT)


@pytest.mark.parametrize(
    ("name", "published", "guessed"),
    [
        ("2024-03-15-mill.md", DAY, True),
        ("2024-03-15.txt", DAY, True),
        ("2024-13-45-mill.md", None, False),
        ("mill-2024-03-15.md", None, False),
        ("2024-03-150.md", None, False),
    ],
)
def test_the_day_that_a_files_name_begins_with_is_a_guess(
    name: str, published: datetime | None, guessed: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(TEXT, "utf-8")
    (article,) = articles(tmp_path)
    assert (article.published, article.published_guessed) == (published, guessed)


def test_a_date_that_is_given_is_not_guessed_by_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "2020-01-01-mill.md").write_text(f"---\ndate: 2024-03-15\n---\n{TEXT}", "utf-8")
    (tmp_path / "2020-01-02-mill.md").write_text(f"---\ndate: soon\n---\n{TEXT}", "utf-8")
    given, lost = articles(tmp_path)
    assert (given.published, given.published_guessed, lost.published) == (DAY, False, None)


def test_a_clipped_page_gets_its_address_and_outlet_from_its_source(tmp_path: Path) -> None:
    head = (
        'title: "Bridge opens"\nsource: "https://www.post.example/1"\nauthor:\n  - "[[A. B.]]"\npublished: 2024-03-15\n'
    )
    (tmp_path / "clip.md").write_text(f"---\n{head}created: 2024-04-01\n---\n{TEXT}", "utf-8")
    (article,) = articles(tmp_path)
    assert (article.url, article.source, article.published) == ("https://www.post.example/1", "post.example", DAY)


def test_an_article_without_an_id_has_the_same_one_wherever_it_stands(tmp_path: Path) -> None:
    one, other = {"text": TEXT}, {"text": "It rained.", "url": "https://post.example/2"}
    write_json(tmp_path / "c.jsonl", one, other)
    before = {article.id for article in articles(tmp_path)}
    write_json(tmp_path / "c.jsonl", other, one)
    assert {article.id for article in articles(tmp_path)} == before
    assert "https://post.example/2" in before


ODD_VALUES: dict[str, tuple[str, object]] = {
    "NaN": ('"title": NaN', TEXT),
    "null in words": ('"title": "null"', TEXT),
    "list": ('"title": ["Sold", "again"]', "Sold, again"),
    "number": ('"title": 2025', "2025"),
    "trailing comma": ('"title": "Sold",', "Sold"),
}


@pytest.mark.parametrize(("field", "title"), ODD_VALUES.values(), ids=ODD_VALUES.keys())
def test_values_as_exporters_write_them(field: str, title: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(f'{{"id": "a", "text": "{TEXT}", {field}}}', "utf-8")
    assert articles(tmp_path)[0].title == title


def test_a_value_that_holds_no_words_is_remarked_on(tmp_path: Path) -> None:
    write_json(tmp_path / "c.jsonl", {"id": "a", "text": ["One.", "Two."], "title": {"size": 3}})
    assert articles(tmp_path)[0].text == "One.\n\nTwo."
    assert remarks(tmp_path) == ["has in its field title no text; it is stored without."]


# Front matter

HEADS = {
    "Notion": "# Sold\n\nDate: March 15, 2024\nAuthor: A. B.\n\n",
    "Hexo": "title: Sold\ndate: 2024/03/15 00:00:00\n---\n",
    "MultiMarkdown with keywords": "Title: Sold  \nDate: 15 March 2024  \nKeywords: fire, mill\n\n",
    "ProQuest": "Title: Sold\nAuthor: Holt, Ann\nPublication title: Post\nPublication date: Mar 15, 2024\n\n",
    "YAML": "---\ntitle: Sold\npublished: 2024-03-15\n---\n",
    "dots at the end": "---\ntitle: Sold\npublished: 2024-03-15\n...\n",
    "blank line before": "\n---\ntitle: Sold\npublished: 2024-03-15\n---\n",
    "byte order mark": "\ufeff---\ntitle: Sold\npublished: 2024-03-15\n---\n",
    "CRLF": "---\r\ntitle: Sold\r\npublished: 2024-03-15\r\n---\r\n",
    "capitals": "---\nTitle: Sold\nPublished: 2024-03-15\n---\n",
    "US date": "---\ntitle: Sold\ndate: March 15, 2024\n---\n",
    "number": "---\ntitle: Sold\ndate: 20240315\n---\n",
    "named lines": "Title: Sold\nAuthor: A. B.\nDate: 2024-03-15\n\n",
    "named YAML": "--- yaml\ntitle: Sold\npublished: 2024-03-15\n---\n",
    "comment before": "<!-- saved by a program -->\n---\ntitle: Sold\npublished: 2024-03-15\n---\n",
    "no second rule": "---\ntitle: Sold\npublished: 2024-03-15\n\n",
    "comments within": "---\ntitle: Sold\nby: @desk\npublished: 2024-03-15 # day\n---\n",
    "TOML": '+++\ntitle = "Sold"\ndate = 2024-03-15\n+++\n',
    "Logseq": "title:: Sold\ndate:: [[2024-03-15]]\ntags:: fire\n\n",
    "Org": "#+TITLE: Sold\n#+AUTHOR: A. B.\n#+DATE: <2024-03-15 Fri>\n#+FILETAGS: :fire:\n\n",
    "Pandoc": "% Sold\n% A. B.; C. D.\n% March 15, 2024\n\n",
    "Pandoc without authors": "% Sold\n%\n% 15 March 2024\n\n",
    "Pelican": "Sold\n####\n\n:date: 2024-03-15\n:tags: fire\n\n",
    "JSON between rules": ';;;\n{"title": "Sold", "date": "2024-03-15"}\n;;;\n\n',
    "JSON": '{\n"title": "Sold",\n"date": "2024-03-15"\n}\n\n',
}


@pytest.mark.parametrize("suffix", [".md", ".markdown", ".txt"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_front_matter_as_programs_write_it(head: str, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix}").write_bytes(f"{head}{TEXT}\n".encode())
    (article,) = articles(tmp_path)
    assert (article.title, article.published, article.text) == ("Sold", DAY, TEXT)


@pytest.mark.parametrize("name", ["title", "published", "text", "id"])
@pytest.mark.parametrize("value", ["&a [*a]", "&a {name: *a}", "&a [[[[*a]]]]"])
def test_front_matter_that_holds_itself_costs_no_more_than_its_field(name: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\n{name}: {value}\n---\n{TEXT}", "utf-8")
    assert articles(tmp_path)[0].text == TEXT


def test_a_title_is_what_stands_there_and_no_truth_value(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\ntitle: Yes\n---\n{TEXT}", "utf-8")
    assert articles(tmp_path)[0].title == "Yes"


@pytest.mark.parametrize(
    "text",
    [
        "---\nThe mill\n---\nIt burned.",
        "Title: a word of boxing.\n\nIt burned.",
        "Title: Sold\nWhere: Quarn\n\nIt burned.",
        "Title: Sold\nSource: A. B.",
        "+++\nno toml\n+++\nIt burned.",
        '{"a": 1} is JSON.',
        "% of all mills burned.\nThree did.",
        "::: note\nIt burned.",
    ],
)
def test_what_only_looks_like_front_matter_is_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(text, "utf-8")
    (article,) = articles(tmp_path)
    assert article.text == text
    assert any(character.isalpha() for character in article.title)


# Encodings and repair

SAID = "Zoë Gräf said “we must – now”."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.html"])
def test_the_encoding_of_a_file_is_found(name: str, encoding: str, tmp_path: Path) -> None:
    written = {
        "a.txt": SAID,
        "a.jsonl": json.dumps({"id": "a", "text": SAID}, ensure_ascii=False) + "\n",
        "a.csv": f'id,text\na,"{SAID}"\n',
        "a.html": f"<html><body><p>{SAID}</p></body></html>",
    }
    (tmp_path / name).write_bytes(written[name].encode(encoding))
    assert [article.text for article in articles(tmp_path)] == [SAID]


def test_latin_1_is_read_where_it_is_not_windows_1252(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Müller\x81 came.".encode("latin-1"))
    assert articles(tmp_path)[0].text.startswith("Müller")


OLD_TEXTS = [
    ("cp1252", "Der Bürgermeister von Öhringen: „Wir müssen sparen“ – 3 m² kosten 50 €."),
    ("cp1252", "L’été, à Besançon, «le maire» a dit: cœur, élève. ÉCOLE FERMÉE À ANGERS"),
    ("cp1252", "Niño, señal. ¿Qué pasó? ¡Basta! 5º piso, la 3ª vez"),
    ("cp1252", "The price of £5m rose in Zürich and Málaga, Zoë Gräf said – naïve."),
    ("mac_roman", "The café in Mâcon was sold to Zoë Gräf – “we must”, Señor Núñez said."),
    ("mac_roman", "Die Brücke in Köln wird größer, sagte Jürgen Müller."),
    ("cp1250", "Ředitel školy v Třebíči řekl, že žáci půjdou domů."),
    ("cp1250", "Az őrült tűzoltó Győrben elütött egy űrhajóst."),
    ("iso8859_2", "Wójt gminy Łódzko said that the mill in Źródła will close, Żaneta Wiśniewska agreed."),
    ("iso8859_2", "Žák řekl šéfovi: ťukni."),
    ("cp1254", "İstanbul’da belediye başkanı açıklama yaptı. Şişli’de ışıklar söndü."),
    ("cp1251", "Мельница в Калинове была продана 9 июня 2025 года за 300 крон."),
    ("cp1251", "The mayor of Калинов (Kalinov) said no on 9 June, and the Мельница mill was sold."),
    ("koi8_r", "Мельница в Петрове была продана, сказал брокер Пер Нюгор."),
    ("cp1253", "Ο μύλος στη Θήβα πουλήθηκε στις 9 Ιουνίου για 300 κορώνες."),
    ("cp1256", "قال رئيس البلدية إن المطحنة بيعت في التاسع من يونيو."),
    ("shift_jis", "川口の水車小屋は2025年6月9日に農家の大野さんに三百万円で売却された。"),
    ("euc_jp", "川口の水車小屋は2025年6月9日に農家の大野さんに三百万円で売却された。"),
    ("gbk", "2025年6月9日，河口的磨坊以三百克朗的价格出售给农民奥尔加，经纪人佩尔说。"),
    ("big5", "二零二五年六月九日,河口的磨坊以三百克朗的價格出售給農民,經紀人說。"),
    ("euc_kr", "2025년 6월 9일 방앗간이 농부에게 팔렸다고 중개인이 말했다."),
]


@pytest.mark.parametrize(("encoding", "text"), OLD_TEXTS)
def test_a_text_of_before_unicode_is_read_by_its_letters(encoding: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    (reading,) = [one for one in read_paths([tmp_path]) if isinstance(one, ReadArticle)]
    assert reading.article.text == text
    told = [remark for remark in reading.draft.remarks if "a guess by its letters" in remark]
    assert bool(told) is (encoding != "cp1252")


def test_a_text_with_a_stray_nul_is_still_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"The mayor of Nul\x00town said that it opened.")
    assert "Nul\N{REPLACEMENT CHARACTER}town" in articles(tmp_path)[0].text


REPAIRS = {
    "mojibake": ("JÃ¼rgen wonâ€™t sell. â€œNever,â€ he said.", "Jürgen won’t sell. “Never,” he said."),
    "entities": ("The baker&#8217;s &amp; the miller&rsquo;s", "The baker’s & the miller’s"),
    "soft hyphens": ("the minis\u00adter re\u00adsigned", "the minister resigned"),
    "zero width": ("the\u200b city\u200b of", "the city of"),
    "decomposed": ("Zoe\u0308", "Zoë"),
    "terminal codes": ("a \x1b[31mred\x1b[0m line", "a red line"),
    "line ends": ("One.\r\nTwo.\rThree.\u2028Four.", "One.\nTwo.\nThree.\nFour."),
    "form feed": ("on 4 May,\f the owner", "on 4 May,  the owner"),
    "quotes stay": ("“Curly” and ‘single’ — and 5′ 3″", "“Curly” and ‘single’ — and 5′ 3″"),
    "families stay": ("👩‍👩‍👧 came", "👩‍👩‍👧 came"),
    "addresses stay": ("https://a.example/?x=1&copy=2", "https://a.example/?x=1&copy=2"),
}


@pytest.mark.parametrize(("broken", "meant"), REPAIRS.values(), ids=REPAIRS.keys())
def test_text_is_repaired_before_it_is_stored(broken: str, meant: str) -> None:
    assert repaired(broken) == meant
    assert repaired(meant) == meant


# Kinds of files

PAGE = """<!doctype html><html lang="en"><head><title>Bridge opens | Post</title>
<meta property="og:title" content="Bridge opens"><meta property="og:site_name" content="Harbour Post">
<link rel="canonical" href="https://post.example/1"><style>p { }</style>
<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2024-03-15"}</script></head>
<body><nav><a href="/">Home</a></nav><article><h1>Bridge opens</h1><p>The bridge of <b>Aldmoor</b>
opened,&nbsp;the mayor said.<p>Nobody was hurt.<aside>Read more</aside></article><footer>2024</footer></body></html>"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["<!--", "<", "<a", "<!", "<?", "<script>", '<a href="', "</a", "<article>", "&", "<b "]
)
@pytest.mark.parametrize("name", ["a.html", "a.md"])
def test_a_malformed_page_takes_no_longer_than_its_length(name: str, piece: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("<p>It rained.</p>" + piece * 50_000, "utf-8")
    started = time.process_time()
    assert len(list(read_paths([tmp_path]))) == 1
    # Quadratic, it takes minutes; linear, 0.2 seconds.
    assert time.process_time() - started < 10


def test_leftovers_of_word_and_feeds_do_not_stop_a_page_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p><![if !supportLists]>One.<![endif]></p><![CDATA[<p>Two.</p>]]><![", "utf-8")
    assert articles(tmp_path)[0].text == "One.\n\nTwo."


@pytest.mark.parametrize("name", ["a.html", "a.htm", "A.HTML"])
def test_a_web_page_is_read_without_its_navigation(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(PAGE, "utf-8")
    (article,) = articles(tmp_path)
    assert (article.title, article.source, article.url) == ("Bridge opens", "Harbour Post", "https://post.example/1")
    assert (article.published, article.language) == (DAY, "en")
    assert article.text == f"{TEXT}\n\nNobody was hurt."


def test_markdown_loses_the_html_in_it_and_keeps_its_lines(tmp_path: Path) -> None:
    figure = '<figure><img src="a.jpg" alt="x"></figure>'
    body = f"{figure}\n\nThe <b>ferry</b> ran\naground.<br>\n<!--more-->\n3 < 4 > 2, <https://a.example>"
    (tmp_path / "a.md").write_text(body, "utf-8")
    assert articles(tmp_path)[0].text == "The ferry ran\naground.\n\n3 < 4 > 2, <https://a.example>"


DOCUMENTS = {
    "array.json": '[{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]',
    "pretty.jsonl": '[\n {"id": "a",\n "text": "One."},\n {"id": "b", "text": "Two."}\n]',
    "lines.json": '{"id": "a", "text": "One."}\n{"id": "b", "text": "Two."}\n',
    "lines.ndjson": '\ufeff{"id": "a", "text": "One."}\r\n\ufeff{"id": "b", "text": "Two."}\r\n',
    "newsapi.json": '{"status": "ok",\n "articles": [{"id": "a", "content": "One."}, {"id": "b", "content": "Two."}]}',
    "jsonfeed.json": '{"title": "Feed", "description": "d", "items": '
    '[{"id": "a", "content_html": "<p>One.</p>"}, {"id": "b", "content_text": "Two."}]}',
    "comma.csv": "id,text\na,One.\nb,Two.\n",
    "jq.jsonl": '{\n  "id": "a",\n  "text": "One."\n}\n{\n  "id": "b",\n  "text": "Two."\n}\n',
    "together.jsonl": '{"id": "a", "text": "One."}{"id": "b", "text": "Two."}\n',
    "rfc7464.json": '\x1e{"id": "a", "text": "One."}\n\x1e{"id": "b", "text": "Two."}\n',
    "index.json": '{"a": {"text": "One."}, "b": {"text": "Two."}}',
    "guardian.json": '{"response": {"results": '
    '[{"id": "a", "fields": {"bodyText": "One."}}, {"id": "b", "fields": {"bodyText": "Two."}}]}}',
    "search.json": '{"hits": {"total": 2, "hits": '
    '[{"_id": "a", "_source": {"text": "One."}}, {"_id": "b", "_source": {"body": "Two."}}]}}',
    "jsonapi.json": '{"data": [{"id": "a", "attributes": {"body": "One."}}, {"id": "b", "attributes": {"body": "Two."}}]}',
    "bulk.ndjson": '{"index": {"_index": "news", "_id": "a"}}\n{"text": "One."}\n{"create": {"_id": "b"}}\n{"text": "Two."}\n',
    "jsonp.json": 'callback([{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]);\n',
    "jsonp lines.jsonl": '/**/ show({"id": "a", "text": "One."})\nshow({"id": "b", "text": "Two."})\n',
    "script.json": 'window.news.part0 = [\n{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}\n]\n',
    "google.json": ')]}\'\n[{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]',
    "comments.jsonl": '// exported\n{"id": "a", "text": "One."}\n# more\n{"id": "b", "text": "Two."}\n',
    "pandas.json": '{"id": {"0": "a", "1": "b"}, "text": {"0": "One.", "1": "Two."}}',
    "ghost.json": '{"db": [{"meta": {}, "data": {"posts": '
    '[{"id": "a", "plaintext": "One."}, {"id": "b", "plaintext": "Two."}]}}]}',
    "graphql.json": '{"data": {"news": {"edges": '
    '[{"node": {"id": "a", "body": "One."}}, {"node": {"id": "b", "body": "Two."}}]}}}',
    "couchdb.json": '{"total_rows": 2, "rows": [{"id": "a", "key": "a", "doc": {"_id": "a", "text": "One."}}, '
    '{"id": "b", "key": "b", "doc": {"_id": "b", "text": "Two."}}]}',
    "hub.json": '{"features": [], "rows": [{"row_idx": 0, "row": {"id": "a", "text": "One."}}, '
    '{"row_idx": 1, "row": {"id": "b", "text": "Two."}}]}',
    "bluesky.jsonl": '{"id": "a", "record": {"text": "One."}}\n{"id": "b", "record": {"text": "Two."}}\n',
    "mastodon.json": '{"type": "OrderedCollection", "orderedItems": '
    '[{"object": {"id": "a", "content": "<p>One.</p>"}}, {"object": {"id": "b", "content": "<p>Two.</p>"}}]}',
    "telegram.json": '{"name": "News", "messages": [{"id": "a", "text": ["On", {"type": "bold", "text": "e"}, "."]}, '
    '{"id": "b", "text": "Two."}]}',
    "tweets.json": "window.YTD.tweets.part0 = "
    '[{"tweet": {"id": "a", "full_text": "One."}}, {"tweet": {"id": "b", "full_text": "Two."}}]',
    "lists.json": '{"id": ["a", "b"], "text": ["One.", "Two."]}',
    "split.json": '{"columns": ["id", "text"], "index": [0, 1], "data": [["a", "One."], ["b", "Two."]]}',
    "rows.json": '[["id", "text"], ["a", "One."], ["b", "Two."]]',
    "langchain.jsonl": '{"page_content": "One.", "metadata": {"id": "a"}}\n{"page_content": "Two.", "metadata": {"id": "b"}}\n',
    "reddit.json": '{"kind": "Listing", "data": {"children": '
    '[{"kind": "t3", "data": {"id": "a", "selftext": "One."}}, {"kind": "t3", "data": {"id": "b", "selftext": "Two."}}]}}',
    "summaries.jsonl": '{"id": "a", "document": "One.", "summary": "x"}\n{"id": "b", "document": "Two.", "summary": "y"}\n',
    "excel.csv": "sep=;\r\nid;text\r\na;One.\r\nb;Two.\r\n",
    "tab.tsv": "id\ttext\na\tOne.\nb\tTwo.\n",
    "semicolon.csv": "ID;Text\r\na;One.\r\n\r\nb;Two.\r\n",
}


@pytest.mark.parametrize(("name", "content"), DOCUMENTS.items(), ids=DOCUMENTS.keys())
def test_files_of_many_articles(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert [(article.id, article.text) for article in articles(tmp_path)] == [("a", "One."), ("b", "Two.")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "a,b\n1,2\n", "has no column of texts in its first line ('a,b'): call one `text`"),
        ("a.csv", "id,text\n1,One.,more\n", "has 3 values, the first line names 2"),
        ("a.json", '{"id":\n', "is not JSON"),
        ("a.html", "<html><script>x</script></html>", "holds no text without its scripts: open it in a browser"),
    ],
)
def test_files_that_hold_no_articles_are_named(name: str, content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    assert reason in problems(tmp_path)[0].reason


def test_what_a_database_adds_is_no_field_that_was_not_used(tmp_path: Path) -> None:
    hit = {
        "_index": "news",
        "_score": 1.0,
        "_id": "a",
        "sort": [1],
        "_source": {"text": "One.", "desk": "City", "__v": 0},
    }
    write_json(tmp_path / "a.jsonl", hit)
    (reading,) = [one for one in read_paths([tmp_path]) if isinstance(one, ReadArticle)]
    assert (reading.article.id, reading.draft.unknown_fields) == ("a", ("desk",))


PACKED_FILES = {
    "a.jsonl": b'{"id": "a", "text": "One."}\n',
    "a.json": b'[{"id": "a", "text": "One."}]',
    "a.csv": b"id,text\na,One.\n",
    "a.txt": b"One.",
}
PACKERS = {".gz": gzip.compress, ".BZ2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("name", PACKED_FILES)
@pytest.mark.parametrize("ending", PACKERS)
def test_a_packed_file_is_read_like_the_one_within(name: str, ending: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}{ending}").write_bytes(PACKERS[ending](PACKED_FILES[name]))
    assert [article.text for article in articles(tmp_path)] == ["One."]


def test_a_packed_file_of_several_streams_is_one_text(tmp_path: Path) -> None:
    lines = [b'{"id": "%d", "text": "One."}\n' % number for number in range(3)]
    (tmp_path / "a.jsonl.xz").write_bytes(lzma.compress(lines[0]) + bytes(8) + lzma.compress(lines[1]))
    (tmp_path / "b.jsonl.bz2").write_bytes(bz2.compress(lines[2]))
    assert sorted(article.id for article in articles(tmp_path)) == ["0", "1", "2"]


NOT_UNPACKED = "is damaged, or not packed as its name says: pack it again."
DAMAGED = {
    "no gzip": ("a.txt.gz", b"One.", NOT_UNPACKED),
    "no bzip2": ("a.txt.bz2", b"One.", NOT_UNPACKED),
    "no xz": ("a.txt.xz", b"One.", NOT_UNPACKED),
    "no zip": ("a.zip", b"One.", NOT_UNPACKED),
    "cut": ("a.txt.gz", gzip.compress(b"One. " * 999)[:-9], NOT_UNPACKED),
    "cut bzip2": ("a.txt.bz2", bz2.compress(b"One. " * 999)[:-9], NOT_UNPACKED),
    "cut xz": ("a.txt.xz", lzma.compress(b"One. " * 999)[:-9], NOT_UNPACKED),
    "garbage": ("a.txt.gz", gzip.compress(b"")[:10] + b"\xff" * 99, NOT_UNPACKED),
    "bomb": ("a.txt.gz", gzip.compress(bytes(6_000_000)), "is longer than 5 MB: split it into its articles."),
    "bzip2 bomb": ("a.txt.bz2", bz2.compress(bytes(6_000_000)), "is longer than 5 MB: split it into its articles."),
    "xz bomb": ("a.txt.xz", lzma.compress(bytes(6_000_000)), "is longer than 5 MB: split it into its articles."),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_packed_file_that_cannot_be_unpacked_is_named(kind: str, tmp_path: Path) -> None:
    name, content, reason = DAMAGED[kind]
    (tmp_path / name).write_bytes(content)
    assert [problem.reason for problem in problems(tmp_path)] == [reason]


def test_xz_that_asks_for_gigabytes_of_memory_is_named(tmp_path: Path) -> None:
    packed = bytearray(lzma.compress(b"One."))
    # The size of the dictionary stands in the head of the block, the same head's checksum behind it.
    place = packed.index(b"\x21\x01") + 2
    packed[place] = 37
    begin = 12
    length = (packed[begin] + 1) * 4
    packed[begin + length - 4 : begin + length] = zlib.crc32(packed[begin : begin + length - 4]).to_bytes(4, "little")
    (tmp_path / "a.txt.xz").write_bytes(packed)
    assert [problem.reason for problem in problems(tmp_path)] == [NOT_UNPACKED]


def test_a_packed_file_is_not_unpacked_without_end() -> None:
    packed = BoundedFile(gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(b"ab\n" * 20))), most=30)
    with pytest.raises(Unreadable, match="unpacks to more than"):
        list(iter(packed.readline, b""))


def test_a_zip_is_read_like_a_folder(tmp_path: Path) -> None:
    members = {
        "news/1.txt": b"One.",
        "2.jsonl.gz": gzip.compress(b'{"id": "two", "text": "Two."}\n'),
        "../../3.md": b"Three.",
        "big.txt": b"a " * 3_000_000,
        "photo.jpg": b"x",
        "inner.zip": b"x",
        "__MACOSX/._1.txt": b"x",
    }
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    told = list(read_paths([tmp_path / "a.zip"]))
    folder = tmp_path.name
    assert [one.article.id for one in told if isinstance(one, ReadArticle)] == [
        f"{folder}/a.zip/3.md",
        "two",
        f"{folder}/a.zip/news/1.txt",
    ]
    assert {one.origin for one in told if isinstance(one, ReadArticle)} == {str(tmp_path / "a.zip")}
    assert [one.kind for one in told if isinstance(one, Skipped)] == ["hidden file", ".zip archive", ".jpg file"]
    assert [one.place for one in told if isinstance(one, ArticleProblem)] == [f"{tmp_path}/a.zip/big.txt"]


def test_encrypted_members_and_zips_without_articles_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "One.")
        archive.writestr("b.txt", "Two.")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    # The bit of the first member that says so, in its own head and in the directory's.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("photo.jpg", "x")
    assert [article.text for article in articles(tmp_path)] == ["Two."]
    encrypted, empty = problems(tmp_path)
    assert encrypted.reason == "is encrypted: unpack it yourself."
    assert empty.reason.startswith("holds no .txt")


@pytest.mark.parametrize("name", ["a.7z", "a.tar", "a.tar.gz", "a.tgz", "a.rar", "a.txt.zst"])
def test_other_archives_are_named_as_skipped(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert next(one.kind for one in read_paths([tmp_path]) if isinstance(one, Skipped)).endswith(" archive")
    assert [one.reason for one in problems(tmp_path / name)] == ["is an archive: unpack it and give its folder."]


POLISH = ["Władze Łodzi zamknęły młyn.", "Żółw ucieka z zoo.", "Most w Poznaniu.", "Pożar w Środzie."]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_guessed_encoding_of_records_is_told_once(name: str, tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": text} for number, text in enumerate(POLISH)]
    written = {
        "a.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "a.json": json.dumps(rows, ensure_ascii=False),
        "a.csv": "id,text\n" + "\n".join(f"{row['id']},{row['text']}" for row in rows),
    }
    (tmp_path / name).write_bytes(written[name].encode("cp1250"))
    assert [article.text for article in articles(tmp_path)] == POLISH
    assert [remark.partition(",")[0] for remark in remarks(tmp_path)] == ["was read as cp1250"]


def test_lines_in_two_encodings_are_each_read(tmp_path: Path) -> None:
    lines = [json.dumps({"id": text[:2], "text": text}, ensure_ascii=False) for text in (*POLISH, "Zürich, café.")]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([*(line.encode("cp1250") for line in lines[:4]), lines[4].encode()]))
    assert [article.text for article in articles(tmp_path)] == [*POLISH, "Zürich, café."]


def test_strings_that_keep_their_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"id": "a", "text": "One.\nTwo.\tThree."}]', "utf-8")
    assert articles(tmp_path)[0].text == "One.\nTwo.\tThree."


def test_a_file_that_is_json_only_in_part_is_read_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('[\n{"id": "a", "text": "One."}\n{"id": "b", "text": \n', "utf-8")
    assert [article.id for article in articles(tmp_path)] == ["a"]
    assert [problem.place.rpartition(":")[2] for problem in problems(tmp_path)] == ["1", "3"]


def test_a_long_cell_of_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'id,text\na,"{"It rained. " * 20_000}"\n', "utf-8")
    assert len(articles(tmp_path)[0].text) > 200_000


def test_nothing_is_left_out_without_being_counted(tmp_path: Path) -> None:
    for folder in (".git", "node_modules/x", "news"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.txt").write_text(f"It rained in {folder}.", "utf-8")
    (tmp_path / "news" / "b.odt").write_bytes(b"PK")
    (tmp_path / "news" / ".hidden.md").write_text("It rained.", "utf-8")
    (tmp_path / "news" / "empty.txt").write_text("", "utf-8")
    (tmp_path / "news" / "gone.txt").symlink_to("nowhere.txt")
    write_json(
        tmp_path / "c.jsonl", {"id": "a", "text": "One.", "mood": 1, "date": "2024-03-15"}, {"id": "b", "text": ""}
    )
    tally = Tally()
    assert [one.article.text for one in tally.count(read_paths([tmp_path])) if isinstance(one, ReadArticle)] == [
        "One.",
        "It rained in news.",
    ]
    read = tally.files_read()
    assert (read.files, read.unreadable, read.undated, read.unknown_fields) == (2, 1, 1, ("mood",))
    kinds = ["hidden folder", "node_modules folder", "hidden file", ".odt file", "broken link"]
    assert sorted(skipped.kind for skipped in read.skipped) == sorted(kinds)


def test_file_names_that_are_not_utf_8_are_read_and_shown_by_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "ok.txt").write_text("It rained.", "utf-8")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("It snowed.", "utf-8")
    found = {article.id.rpartition("/")[2]: article.text for article in articles(tmp_path)}
    assert found == {"ok.txt": "It rained.", "caf\\xe9.txt": "It snowed."}


EXPORTS_WITH_MORE = {
    "Ghost": (
        {"posts": [{"title": "Bridge", "html": "<p>It is closed until June.</p>", "excerpt": "Closed."}]},
        ("It is closed until June.", "Bridge", "", ""),
    ),
    "Pocket": (
        {
            "status": 1,
            "list": {"7": {"resolved_title": "Bridge", "resolved_url": "https://a.example/1", "excerpt": "Closed."}},
        },
        ("Closed.", "Bridge", "", ""),
    ),
    "Zotero": (
        [{"title": "Bridge", "abstractNote": "Closed.", "author": [{"given": "Ola", "family": "Bry"}]}],
        ("Closed.", "Bridge", "Ola Bry", ""),
    ),
    "WordPress": (
        [
            {
                "title": {"rendered": "Bridge"},
                "content": {"rendered": "<p>Closed.</p>"},
                "author": 7,
                "_embedded": {"author": [{"name": "Ola"}]},
            }
        ],
        ("Closed.", "Bridge", "Ola", ""),
    ),
    "New York Times": (
        [{"title": "Bridge", "abstract": "Closed.", "byline": {"original": "By Ola Bry"}}],
        ("Closed.", "Bridge", "By Ola Bry", ""),
    ),
    "feedparser": (
        {"feed": {"title": "Harbour Post"}, "entries": [{"title": "Bridge", "summary": "Closed."}]},
        ("Closed.", "Bridge", "", "Harbour Post"),
    ),
    "Obsidian": (
        [{"title": "Bridge", "text": "Closed.", "author": ["[[people/Ola|Ola Bry]]"]}],
        ("Closed.", "Bridge", "Ola Bry", ""),
    ),
}


@pytest.mark.parametrize(("exported", "told"), EXPORTS_WITH_MORE.values(), ids=EXPORTS_WITH_MORE)
def test_what_an_export_keeps_elsewhere_is_found(
    exported: object, told: tuple[str, str, str, str], tmp_path: Path
) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(exported), "utf-8")
    (article,) = articles(file)
    assert (article.text, article.title, article.author, article.source) == told


def test_a_local_time_beside_the_same_in_utc_has_its_zone(tmp_path: Path) -> None:
    (article,) = articles(
        write_json(
            tmp_path / "a.jsonl", {"text": "Closed.", "date": "2024-02-03T22:00:00", "date_gmt": "2024-02-04T03:00:00"}
        )
    )
    assert article.published == datetime(2024, 2, 4, 3, tzinfo=UTC)
    assert article.published.utcoffset() == timedelta(hours=-5)


def test_a_longer_field_beside_a_summary_is_remarked_on(tmp_path: Path) -> None:
    (remark,) = remarks(
        write_json(tmp_path / "a.jsonl", {"id": "a", "summary": "Closed.", "nut_graf": "It rained. " * 40})
    )
    assert remark == "has only a summary; if its field 'nut_graf' holds the text, call that `text`."


def test_what_a_site_generator_puts_in_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text(
        "It costs 5 million. {{< youtube abc123 >}} It opens in May.\n{% include map.html %}\n"
        '[caption id="a_1"]The bridge[/caption]\n{{% notice tip %}}Come early.{{% /notice %}}',
        "utf-8",
    )
    (article,) = articles(file)
    assert article.text == "It costs 5 million.  It opens in May.\n\nThe bridge\nCome early."
