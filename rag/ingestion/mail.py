"""A saved mail (.eml) as the fields of an article: its subject, its sender, its date, and the text of a newsletter."""

import re
from contextlib import suppress
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage

from rag.ingestion.decoding import Unreadable, decode, decode_page
from rag.ingestion.document import DocumentFields, FieldsFound
from rag.ingestion.invitations import without_notices
from rag.ingestion.markup import text_of_html
from rag.ingestion.pages import page_fields
from rag.ingestion.wrapped_lines import join_wrapped_lines
from vectorstore.values import GIVEN, GUESSED

SIGNATURE = re.compile(r"^-- ?$.*\Z", re.MULTILINE | re.DOTALL)
FORWARDED = re.compile(r"\A\s*(?:(?:fwd?|wg|tr|rv)\s*:\s*)+", re.IGNORECASE)
BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
LEAST_OF_MAIL = 0.4
"""Share of a mail's words below which a page reader has taken one of its parts for all of it. A guess."""
FEWEST_HEADERS = ("from", "date", "subject")


def mail_fields(content: bytes) -> DocumentFields:
    """Raises Unreadable for what is no mail, is encrypted, or holds no text."""
    message = message_from_bytes(content, policy=policy.default)
    if not isinstance(message, EmailMessage) or not any(name in message for name in FEWEST_HEADERS):
        raise Unreadable("is no saved mail: it has neither sender nor date nor subject.")
    found = FieldsFound()
    found.note("title", FORWARDED.sub("", header(message, "subject")), GIVEN)
    found.note("published", header(message, "date"), GIVEN)
    name, host = sender(message)
    found.note("source", name, GIVEN)
    found.note("source", host, GUESSED)
    text, remarks = body_text(message, found)
    if not text:
        raise Unreadable("holds no text: if it only brings a file, save that file.")
    return found.with_text(without_notices(text), *remarks)


def header(message: EmailMessage, name: str) -> str:
    """A header in one line, "" where there is none. Raises ValueError for one that cannot be parsed."""
    return " ".join(str(message.get(name, "")).split())


def sender(message: EmailMessage) -> tuple[str, str]:
    """The name and the host that a mail comes from, "" for what it does not say."""
    addresses: tuple[Address, ...] = getattr(message["from"], "addresses", ())
    if not addresses:
        return "", ""
    return " ".join(addresses[0].display_name.split()), addresses[0].domain


def body_text(message: EmailMessage, found: FieldsFound) -> tuple[str, tuple[str, ...]]:
    """The mail's text: of its HTML what a page reader takes for the article, else all; else the plain text."""
    html, plain = (message.get_body(preferencelist=(kind,)) for kind in ("html", "plain"))
    if isinstance(html, EmailMessage):
        markup = html.get_payload(decode=True)
        if isinstance(markup, bytes) and (text := html_text(markup, html.get_content_charset(), found)):
            return text, ()
    if isinstance(plain, EmailMessage):
        return plain_part_text(plain), ()
    if message.get_content_type().startswith("multipart/encrypted"):
        raise Unreadable("is encrypted: open it in your mail program and save its text.")
    return "", ()


def html_text(markup: bytes, charset: str | None, found: FieldsFound) -> str:
    """The text of the HTML part; its language is noted. Newsletters are tables in tables, which may hide the article."""
    if charset:
        with suppress(LookupError, UnicodeDecodeError):
            markup = markup.decode(charset).encode()
    whole = text_of_html(decode_page(markup))
    try:
        page = page_fields(markup)
    except Unreadable:
        return whole
    found.note("language", page.fields.get("language", ""), page.origins.get("language", GUESSED))
    text = page.fields["text"]
    return text if len(text.split()) >= LEAST_OF_MAIL * len(whole.split()) else whole


def plain_part_text(part: EmailMessage) -> str:
    """Paragraphs without the signature; lines that the mail program broke (format=flowed) are joined again."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        text = content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = decode(content)
    text = SIGNATURE.sub("", text.replace("\r\n", "\n"))
    if part.get_param("format") == "flowed":
        text = re.sub(r" \n(?=\S)", " ", text)
    return BLANK_LINES.sub("\n\n", join_wrapped_lines(text)).strip()
