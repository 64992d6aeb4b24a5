"""PDF and Word documents as programs write them, made for tests by hand: no library that writes them is needed."""

import io
import zipfile
from collections.abc import Mapping, Sequence

from pypdf import PdfReader, PdfWriter

LEADING, SIZE, LEFT, TOP = 14.0, 11.0, 72.0, 760.0
WORD_NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)
CONTENT_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def pdf(pages: Sequence[Sequence[str]], title: str = "", author: str = "", created: str = "") -> bytes:
    """A PDF of these lines, an empty one leaving a gap between paragraphs."""
    streams = []
    for lines in pages:
        drawn = [
            f"1 0 0 1 {LEFT} {TOP - number * LEADING} Tm ({line.replace('(', '').replace(')', '')}) Tj"
            for number, line in enumerate(lines)
            if line
        ]
        streams.append(f"BT /T {SIZE} Tf {' '.join(drawn)} ET".encode("latin-1"))
    about = {"Title": title, "Author": author, "CreationDate": created}
    return written_pdf(streams, {}, about)


def pdf_of_streams(page: bytes | str, forms: Mapping[str, str], filtered: str = "") -> bytes:
    """A PDF of one page with this content, and forms by name that may draw each other."""
    content = page.encode() if isinstance(page, str) else page
    return written_pdf([content], forms, {}, filtered)


def written_pdf(
    streams: Sequence[bytes], forms: Mapping[str, str], about: Mapping[str, str], filtered: str = ""
) -> bytes:
    """Objects: 1 catalogue, 2 pages, 3 type, 4 properties, then the forms, then each page and its content."""
    first_form, first_page = 5, 5 + len(forms)
    named = " ".join(f"{name} {first_form + number} 0 R" for number, name in enumerate(forms))
    resources = f"<< /Font << /T 3 0 R >> /XObject << {named} >> >>"
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(streams)))
    properties = " ".join(f"/{name} ({value})" for name, value in about.items() if value)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< {properties} >>".encode(),
    ]
    for drawn in forms.values():
        head = f"/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources {resources}"
        objects.append(stream_object(head, drawn.encode()))
    for number, content in enumerate(streams):
        place = f"/MediaBox [0 0 600 800] /Resources {resources} /Contents {first_page + 2 * number + 1} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R {place} >>".encode())
        objects.append(stream_object(filtered, content))
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, written in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + written + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def stream_object(head: str, content: bytes) -> bytes:
    return f"<< {head} /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def encrypted_pdf() -> bytes:
    """A PDF that opens with a password alone."""
    writer = PdfWriter(PdfReader(io.BytesIO(pdf([["It rained."]]))))
    writer.encrypt("a password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def word(
    body: str,
    title: str = "",
    creator: str = "",
    created: str = "",
    declaration: str = "",
    name: str = "word/document.xml",
) -> bytes:
    """A Word document with this body; `declaration` stands before its first element."""
    properties = (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
        f"<dc:title>{title}</dc:title><dc:creator>{creator}</dc:creator><dcterms:created>{created}</dcterms:created>"
        "</cp:coreProperties>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr(name, f"{declaration}<w:document {WORD_NAMES}><w:body>{body}</w:body></w:document>")
        archive.writestr("docProps/core.xml", properties)
    return out.getvalue()
