"""PDF, Word, mail and pages become articles; a hostile document costs itself and one sentence, never the ingest."""

import io
import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.ingestion import documents as documents_module
from rag.ingestion.decoding import Unreadable
from rag.ingestion.documents import Documents, fields_in
from rag.ingestion.read_articles import ArticleProblem, ReadArticle, read_paths
from tests.conftest import REPOSITORY
from tests.made_documents import CONTENT_TYPES, encrypted_pdf, pdf, pdf_of_streams, word
from tests.made_pages import stories
from vectorstore.values import GIVEN, GUESSED, Article

DEPOT = stories()["depot"]


@pytest.fixture(scope="module")
def documents() -> Iterator[Documents]:
    """One child for all tests that do not kill it."""
    with Documents() as opened:
        yield opened


def read_one(path: Path) -> Article:
    (reading,) = read_paths([path])
    assert isinstance(reading, ReadArticle), reading
    return reading.article


# PDF

LINES = (
    "The tram depot in Lower Wending was closed on Friday morn-",
    "ing after inspectors found cracks in eleven of its roof",
    "beams.",
    "",
    "The well-known architect had warned of it. He calls the well-",
    "known roof a danger.",
)


def test_a_pdf_becomes_paragraphs_without_running_heads_and_divided_words(documents: Documents) -> None:
    texts = (LINES, ("Council leader Bram Oswin said the", "money would now be found."), ("The union asked why.",))
    pages = [["Harbour Post, 14 March", "", *lines, "", str(number)] for number, lines in enumerate(texts, start=1)]
    fields = documents.read(".pdf", pdf(pages, title="Depot closes", author="Mirela Quant")).fields
    assert fields["text"].split("\n\n")[:2] == [
        "The tram depot in Lower Wending was closed on Friday morning after inspectors found cracks in eleven of its roof beams.",
        "The well-known architect had warned of it. He calls the well-known roof a danger.",
    ]
    assert "Harbour Post" not in fields["text"]
    assert not any(paragraph.isdigit() for paragraph in fields["text"].split("\n\n"))


def test_a_sentence_goes_on_over_the_end_of_a_page(documents: Documents) -> None:
    pages = [["One line of a page.", "", "The council met on"], ["Tuesday and voted.", "", "Nobody spoke."]]
    assert "The council met on Tuesday and voted." in documents.read(".pdf", pdf(pages)).fields["text"]


def test_what_a_pdf_says_of_itself_is_a_guess(documents: Documents) -> None:
    read = documents.read(".pdf", pdf([["It rained."]], title="Depot closes", created="D:20250314064000+01'00'"))
    assert (read.fields["title"], read.fields["published"]) == ("Depot closes", "2025-03-14T06:40:00+01:00")
    assert (read.origins["title"], read.origins["published"]) == (GUESSED, GUESSED)


@pytest.mark.parametrize("title", ["Microsoft Word - depot.docx", "untitled", "depot_final.indd"])
def test_the_name_of_a_pdfs_source_is_no_title(title: str, documents: Documents) -> None:
    assert "title" not in documents.read(".pdf", pdf([["It rained."]], title=title)).fields


# Word


def test_a_word_document_becomes_its_paragraphs_and_rows(documents: Documents) -> None:
    body = (
        '<w:p><w:pPr><w:pStyle w:val="Title"/></w:pPr><w:r><w:t>Depot closes</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>Forty trams</w:t></w:r><w:r><w:t xml:space='preserve'> were moved.</w:t></w:r></w:p>"
        "<w:p><w:del><w:r><w:delText>Thirty</w:delText></w:r></w:del><w:ins><w:r><w:t>Forty</w:t></w:r></w:ins></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Oxmere</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>14</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    read = documents.read(".docx", word(body, title="Template", creator="M. Quant", created="2025-03-14T06:40:00Z"))
    assert read.fields["text"] == "Forty trams were moved.\n\nForty\n\nOxmere | 14"
    assert (read.fields["title"], read.origins["title"]) == ("Depot closes", GIVEN)
    assert (read.fields["author"], read.fields["published"]) == ("M. Quant", "2025-03-14T06:40:00Z")
    assert read.origins["published"] == GUESSED


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("17 October 2025", "2025-10-17T00:00:00"),
        ("Published on 3 May 2025 at 14:05", "2025-05-03T14:05:00"),
        ("By Ada Holm | 17.10.2025", "2025-10-17T00:00:00"),
        ("Varnhaven, 17 October 2025", "2025-10-17T00:00:00"),
        ("Berlin, den 3. Mai 2025", "2025-05-03T00:00:00"),
        ("The strike of 3 May 2025", None),
        ("On 12 March 2025 the council met.", None),
        ("10/11/2025", None),
        ("Budget for 2025", None),
        ("1760659200", None),
    ],
)
def test_a_word_document_is_of_the_day_that_a_line_below_its_title_holds(
    line: str, day: str | None, documents: Documents
) -> None:
    lines = ("Depot closes", line, "Forty trams were moved.", "They stood there since 1 May 2025.")
    body = "".join(f"<w:p><w:r><w:t>{one}</w:t></w:r></w:p>" for one in lines)
    read = documents.read(".docx", word(body))
    assert read.fields.get("published") == day
    assert read.fields["text"] == "\n\n".join(lines)
    assert read.origins.get("published") == (GIVEN if day else None)
    far = "".join(f"<w:p><w:r><w:t>{one}</w:t></w:r></w:p>" for one in ("It rained.", *lines[2:], "It snowed.", line))
    assert "published" not in documents.read(".docx", word(far)).fields


def test_a_word_documents_own_property_is_only_a_guess_of_its_title(documents: Documents) -> None:
    read = documents.read(".docx", word("<w:p><w:r><w:t>It rained.</w:t></w:r></w:p>", title="Minutes"))
    assert (read.fields["title"], read.origins["title"]) == ("Minutes", GUESSED)


# Mail


def newsletter(plain: str = "", html: str = "") -> bytes:
    message = EmailMessage()
    message["From"] = '"Harbour Post Morning" <morning@harbourpost.example>'
    message["Subject"] = "Fwd: Depot in Lower Wending closes – „sofort“"
    message["Date"] = "Fri, 14 Mar 2025 06:40:00 +0100"
    message.set_content(plain or "See the other part.")
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def test_a_mail_becomes_an_article_with_its_subject_sender_and_date(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(newsletter("It rained.\n\nNobody was hurt.\n\n-- \nHarbour Post, Quay 1"))
    article = read_one(tmp_path / "a.eml")
    assert (article.title, article.source) == ("Depot in Lower Wending closes – „sofort“", "Harbour Post Morning")
    assert article.published is not None
    assert article.published.isoformat() == "2025-03-14T06:40:00+01:00"
    assert article.text == "It rained.\n\nNobody was hurt."
    assert set(article.origins.values()) == {GIVEN}


def test_the_html_of_a_newsletter_is_read_like_a_page(documents: Documents) -> None:
    rows = "".join(f"<tr><td style='padding:4px'>{one}</td></tr>" for one in DEPOT.paragraphs)
    text = documents.read(".eml", newsletter(html=f"<table>{rows}</table><style>td{{}}</style>")).fields["text"]
    for paragraph in DEPOT.paragraphs:
        assert paragraph in text


# Documents that harm


def endless_pdf() -> bytes:
    """Forms that draw each other, twice each: 2**40 of them before the page ends."""
    forms = 40
    streams = {f"/F{number}": f"/F{number + 1} Do /F{number + 1} Do" for number in range(forms)}
    return pdf_of_streams("/F0 Do", streams)


def bomb_pdf() -> bytes:
    """A page that unpacks to a hundred megabytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"(a) Tj " * 1_000_000) for _ in range(15)) + packer.flush()
    return pdf_of_streams(packed, {}, "/Filter /FlateDecode")


def bomb_word() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("word/document.xml", b"<w:t>" + b" " * 60_000_000)
    return packed.getvalue()


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
ENTITIES = f'<!DOCTYPE w [<!ENTITY a0 "ha">{LAUGHS}]>'
OUTSIDE = '<!DOCTYPE w [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'

HARMFUL = {
    "bomb of pdf": (".pdf", bomb_pdf, "unpacks to more than any article"),
    "no pdf": (".pdf", lambda: b"It rained.", "is a damaged PDF"),
    "half a pdf": (".pdf", lambda: pdf([list(LINES)])[:200], "is a damaged PDF"),
    "scanned pdf": (".pdf", lambda: pdf([[""]]), "run text recognition (OCR)"),
    "encrypted pdf": (".pdf", encrypted_pdf, "is encrypted: open it with its password"),
    "bomb of docx": (".docx", bomb_word, "unpacks to more than 40 MB"),
    "entities": (".docx", lambda: word("<w:p><w:t>&a8;</w:t></w:p>", declaration=ENTITIES), "declares entities"),
    "entity of a file": (
        ".docx",
        lambda: word("<w:p><w:t>&secret;</w:t></w:p>", declaration=OUTSIDE),
        "declares entities",
    ),
    "no docx": (".docx", lambda: b"PK\x03\x04 and no more", "is no Word document"),
    "old or encrypted docx": (
        ".docx",
        lambda: b"\xd0\xcf\x11\xe0" + bytes(600),
        "is encrypted or in Word's older format",
    ),
    "zip without a document": (".docx", lambda: word("", name="evil.xml"), "is no Word document"),
    "empty docx": (".docx", lambda: word(""), "holds no text"),
    "deep docx": (".docx", lambda: word("<w:p>" * 5_000 + "</w:p>" * 5_000), "nested deeper than any article"),
    "no mail": (".eml", lambda: b"It rained.", "is no saved mail"),
    "mail of a file": (".eml", lambda: b"From: a@b.example\nContent-Type: application/zip\n\nUEs=", "holds no text"),
    "no page": (".html", lambda: b"\x89PNG\x0d\x0a\x1a\x0a" + bytes(range(256)) * 9, "is binary"),
    "empty page": (".html", lambda: b"", "holds no article"),
}


@pytest.mark.parametrize(("suffix", "made", "reason"), HARMFUL.values(), ids=HARMFUL.keys())
def test_a_harmful_document_is_named_in_one_sentence(
    suffix: str, made: object, reason: str, documents: Documents
) -> None:
    assert callable(made)
    with pytest.raises(Unreadable) as refused:
        documents.read(suffix, made())
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_document_that_never_ends_is_ended_and_the_next_one_read() -> None:
    with Documents(seconds=1.0) as documents:
        started = time.monotonic()
        with pytest.raises(Unreadable, match=r"takes longer than 1 seconds to read"):
            documents.read(".pdf", endless_pdf())
        assert time.monotonic() - started < 20
        assert documents.read(".pdf", pdf([["It rained."]])).fields["text"] == "It rained."


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="memory is bounded where the system can")
def test_a_document_that_needs_too_much_memory_is_named_and_the_next_one_read() -> None:
    page = b"<p>" + b"<b>a</b> " * 500_000
    with Documents(memory_bytes=450_000_000) as documents:
        with pytest.raises(Unreadable, match=r"needs more memory|ends the program that reads it"):
            documents.read(".html", page)
        assert documents.read(".pdf", pdf([["It rained."]])).fields["text"] == "It rained."


def test_this_program_loads_no_parser_of_documents() -> None:
    """What parses a hostile document is loaded by the child alone."""
    parsers = ("trafilatura", "lxml", "pypdf", "defusedxml")
    loaded = f"import sys, rag.library; print([one for one in {parsers} if one in sys.modules])"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert told.stdout.strip() == "[]"


def test_a_child_that_dies_is_replaced() -> None:
    with Documents() as documents:
        assert documents.read(".pdf", pdf([["It rained."]])).fields["text"] == "It rained."
        first = documents.child
        assert first is not None
        first.kill()
        first.wait()
        with pytest.raises(Unreadable, match="ends the program that reads it"):
            documents.read(".pdf", pdf([["It rained."]]))
        assert documents.read(".pdf", pdf([["It snowed."]])).fields["text"] == "It snowed."


def test_a_child_that_was_taken_over_gives_no_more_than_an_article() -> None:
    told = {"id": "another", "title": "Rain", "text": "It rained.", "url": 7}
    answer = {"fields": told, "origins": {"title": "feed", "id": "given"}, "remarks": ["x", 1]}
    read = fields_in(answer)
    assert dict(read.fields) == {"title": "Rain", "text": "It rained."}
    assert (dict(read.origins), read.remarks) == ({}, ("x",))
    for nonsense in ({}, {"fields": []}, {"problem": 1}):
        with pytest.raises(Unreadable):
            fields_in(nonsense)


def test_one_child_reads_many_documents_and_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATELINE_DISCORD_TOKEN", "secret")
    with Documents() as documents:
        for _ in range(20):
            documents.read(".pdf", pdf([["It rained."]]))
        child = documents.child
        assert child is not None
        assert documents.read_by_child == 20
        if sys.platform == "linux":
            assert b"secret" not in Path(f"/proc/{child.pid}/environ").read_bytes()
    assert child.poll() is not None


def test_a_child_is_replaced_before_its_caches_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "DOCUMENTS_A_CHILD", 2)
    with Documents() as documents:
        children = set()
        for _ in range(3):
            documents.read(".pdf", pdf([["It rained."]]))
            assert documents.child is not None
            children.add(documents.child.pid)
    assert len(children) == 2


def test_names_in_a_word_document_that_lead_out_of_it_write_nothing(tmp_path: Path, documents: Documents) -> None:
    content = io.BytesIO(word("<w:p><w:r><w:t>It rained.</w:t></w:r></w:p>"))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(f"../../../..{tmp_path}/evil.txt", "x")
    assert documents.read(".docx", content.getvalue()).fields["text"] == "It rained."
    assert os.listdir(tmp_path) == []


def test_an_ingest_goes_on_after_harmful_documents(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 and no more")
    (tmp_path / "b.docx").write_bytes(bomb_word())
    (tmp_path / "c.eml").write_bytes(newsletter("It rained."))
    (tmp_path / "d.txt").write_text("It snowed.", "utf-8")
    readings = list(read_paths([tmp_path]))
    assert [type(one) for one in readings] == [ArticleProblem, ArticleProblem, ReadArticle, ReadArticle]


def test_words_that_word_hides_are_no_text(documents: Documents) -> None:
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Nobody may read this.</w:t></w:r>"
    shown = '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>Everybody may.</w:t></w:r>'
    read = documents.read(".docx", word(f"<w:p><w:r><w:t>It rained. </w:t></w:r>{hidden}{shown}</w:p>"))
    assert read.fields["text"] == "It rained. Everybody may."


def test_what_a_newsletter_says_of_itself_is_no_text(documents: Documents) -> None:
    told = [
        "The night ferry is cancelled on twelve evenings, the company said.",
        "You may unsubscribe from the alerts at the quay.",
        "It sails again in June.",
    ]
    above, below = "Im Browser ansehen", "Sie erhalten diese Mail, weil Sie sich angemeldet haben. Abmelden"
    body = "".join(f"<p>{paragraph}</p>" for paragraph in (above, *told, below))
    mail = f"From: a@b.example\nSubject: Ferry\nContent-Type: text/html; charset=utf-8\n\n{body}"
    assert documents.read(".eml", mail.encode()).fields["text"].split("\n\n") == told
