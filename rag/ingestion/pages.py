"""A web page as the fields of an article, or why it holds none: what its head says (page_metadata.py), its main text
(page_text.py), and the stubs that sites send in place of an article.

Pages are hostile: read them in a process of their own, as documents.py does.
"""

import re

from lxml.etree import ParserError
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from rag.ingestion.decoding import Unreadable, decode_page
from rag.ingestion.document import DocumentFields
from rag.ingestion.linked_data import is_free
from rag.ingestion.openings import SENTENCE_END
from rag.ingestion.page_metadata import PageMetadata, page_metadata
from rag.ingestion.page_text import main_text

NUL = "\x00"
XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")
CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
STUB_WORDS = 120
"""A page with more words has an article, whatever else it says. A guess: stubs of paywalls show one or two paragraphs."""
PAID_WORDS = 80
"""The same for a page that says no more than that it is not free: whoever saved it may be a subscriber, and it may be short."""
SHOWN_WORDS = (
    "//body//text()[not(ancestor::script or ancestor::style or ancestor::template or ancestor::nav"
    " or ancestor::header[not(ancestor::article)])]"
)
"""The words of a page without its menus, where every site asks whether one is a subscriber."""
FEWEST_HEADLINES, MAX_HEADLINE = 5, 150
CONSENT_WORDS = 2


def any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


NOT_FREE = any_of(
    r"subscrib\w+ to (?:continue|read|keep)",
    r"to continue reading",
    r"(?:for|to) (?:our )?(?:paying )?subscribers only",
    r"already a subscriber",
    r"subscriber[- ]only|subscribers? exclusive",
    r"(?:sign|log) in to (?:continue|read)|register to (?:continue|read)",
    r"create an? (?:free )?account to (?:continue|read)",
    r"you have (?:reached|read) your",
    r"jetzt (?:abonnieren|weiterlesen)|weiterlesen mit|nur für abonnenten",
    r"réservé (?:aux|à nos) abonnés|abonnez-vous pour",
    r"suscríb(?:ase|ete) para|solo para suscriptores",
    r"abbonati per (?:continuare|leggere)",
)
ERROR_PAGE = any_of(
    r"\b(?:page|article|story) (?:was )?not found\b|\A404\b|\b404 (?:not found|error)|\b403 forbidden\b|access denied",
    r"\bjust a moment\b|checking your browser|attention required",
    r"verify (?:that )?you are (?:a )?human|\bare you a robot\b",
    r"\b(?:page|article|story|content) (?:that )?(?:you (?:requested|are looking for|were looking for|tried to \w+) )?"
    r"(?:is(?:n['’]t| not| no longer)|could(?: not|n['’]t) be|can(?:not|['’]t) be) (?:available|found)\b",
    r"\blink you (?:followed|clicked)(?: on)? (?:may|might|is|seems)\b|\bpage (?:may|might) have (?:been|moved)\b",
    r"seite (?:wurde )?nicht gefunden|page introuvable|página no (?:encontrada|existe)|pagina non trovata|pagina niet gevonden",
)
CONSENT = any_of(r"\bcookies?\b", r"\bconsent\b", "einwilligung", "consentement", "consentimiento")
NEEDS_SCRIPT = any_of(
    r"(?:enable|activate|requires?|turn on|aktivieren|activer) (?:\w+ )?javascript",
    r"javascript (?:is )?(?:required|disabled)",
)


def page_fields(content: bytes, url: str = "") -> DocumentFields:
    """A web page as an article's fields, each with its origin. `url` is where it was found, "" where that is not known.

    Raises Unreadable for stubs of paywalls, pages that a script has to fill, error pages, and those without any article.
    """
    tree = parsed_page(decode_page(content))
    # Before the main text is cut out: a page is refused for what it says of itself.
    about = page_metadata(tree, url)
    text = main_text(tree, about)
    refuse_stub(tree, about, text)
    return about.found.with_text(text)


def parsed_page(markup: str) -> HtmlElement:
    """Raises Unreadable for what is no page."""
    # lxml refuses text that names an encoding, ends a page at a NUL, and takes <![CDATA[<p> for one comment.
    markup = CDATA.sub("", XML_DECLARATION.sub("", markup)).replace(NUL, "")
    try:
        return document_fromstring(markup, parser=HTMLParser(encoding=None, remove_comments=True, remove_pis=True))
    except ParserError:
        raise Unreadable(no_text(script=False)) from None


def refuse_stub(tree: HtmlElement, about: PageMetadata, text: str) -> None:
    """Raises Unreadable where the page holds no whole article, with the reason."""
    if not about.article and is_list(text):
        raise Unreadable("is a list of headlines and no article: save the articles it leads to.")
    words = len(text.split())
    if words > STUB_WORDS:
        return
    shown = " ".join(" ".join(tree.xpath(SHOWN_WORDS)).split())
    title = " ".join(tree.xpath("string(//title)").split())
    if NOT_FREE.search(shown) or (words <= PAID_WORDS and not is_free(about.article)):
        raise Unreadable(
            "is the beginning of an article behind a paywall: save the page while you are signed in, or give its text."
        )
    if not about.article and any(map(ERROR_PAGE.search, (title, about.found.fields.get("title", ""), text))):
        raise Unreadable(
            "is an error or a check of the site and no article: open it again and save what is shown then."
        )
    if not about.article and len(CONSENT.findall(text)) >= CONSENT_WORDS:
        raise Unreadable("asks for consent and holds no article: save the page after you have answered.")
    if not text:
        raise Unreadable(no_text(script=tree.find(".//script") is not None or bool(NEEDS_SCRIPT.search(shown))))


def is_list(text: str) -> bool:
    """True for short lines of which none ends a sentence: a front page. Thai ends none, but has longer paragraphs."""
    lines = text.split("\n\n")
    short = all(len(line) <= MAX_HEADLINE and not SENTENCE_END.search(line) for line in lines)
    return len(lines) >= FEWEST_HEADLINES and short


def no_text(script: bool) -> str:
    if script:
        return "holds no text without its scripts: open it in a browser and save what is shown, or give its text."
    return "holds no article outside of menus, teasers and scripts."
