"""Which article a page is, whatever address it was found under, and whether its publisher took it back. Pure."""

import hashlib
import re
from dataclasses import dataclass

from courlan import clean_url
from yarl import URL

from rag.following.feeds import canonical_link, site_of
from rag.text import distinct_words, jaccard

SAME_TEXT = 200
"""Characters from which two pages with one text are one article; shorter ones may be notices that many pages carry."""
NOTICE = re.compile(
    r"\bthis (?:article|story|report|page|post) (?:has been|was|is) (?:withdrawn|retracted|removed|taken down|deleted)"
    r"(?!\s+from\s+(?!(?:our|this|the)\s+(?:site|website|web ?page|archive|page))"
    r"|\s+by\s+(?:the\s+)?(?:\w+\s+)?(?:ministry|government|court|council|commission|parliament"
    r"|police|company|agency|committee|authority|authorities|city|state)\b)"
    r"|\bwe have (?:withdrawn|retracted|removed) this (?:article|story|report)\b",
    re.IGNORECASE,
)
NOTICE_TITLE = re.compile(r"^\W*(?:WITHDRAWN|RETRACTED)\s*[:\]–—-]|^\W*[Rr]etracted\s*[:\]–—-]|^\W*\[[Ww]ithdrawn\]")
"""Not "Withdrawn: how the town lost its harbour"."""
NOTICE_WITHIN = 300
NOTICE_PAGE = 1_500
"""Characters. What says so further down, or in a longer text, may speak of another article. A guess."""
RETRACTED = re.compile(r'"creativeWorkStatus"\s*:\s*"(?:withdrawn|retracted|deleted)"', re.IGNORECASE)
SHORT_PAGE = 400
"""Characters. A shorter page that says nothing of its title may be an error, a consent or a log-in. A guess, like the next."""
TITLE_WORDS = 0.3
STAND_IN = 0.2
"""Jaccard similarity of words up to which a text of less than half the length is no newer form of an article."""
ONE_ARTICLE, NEWER_FORM = 0.8, 0.3
"""Jaccard similarity of words from which two pages show one article, and from which one may be a newer form of the other.
Guesses: what differs between a page and its form for telephones is a line or two; weather reports of two days share half."""
PAYWALL = re.compile(r'"isAccessibleForFree"\s*:\s*"?false', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageAddress:
    """own: where the page is, without tracking. canonical: what it calls its own address, on the same site; else `own`."""

    own: str
    canonical: str


def page_address(url: str, page: str = "") -> PageAddress:
    """The addresses of a page that was found at `url`."""
    own = without_tracking(url)
    named = canonical_link(page, url)
    canonical = without_tracking(named) if named and site_of(named) == site_of(url) else own
    # Some sites call their front page the canonical address of everything.
    if URL(canonical).path in ("", "/") and URL(own).path not in ("", "/"):
        canonical = own
    return PageAddress(own, canonical)


def without_tracking(url: str) -> str:
    """The address in one form: no fragment, default port or dots in its path, no parameters that only say who sent us."""
    parsed = str(URL(url).with_fragment(None))
    return clean_url(parsed) or parsed


def text_digest(text: str) -> str:
    """The same for one text however its lines are broken; "" for one that is too short to tell."""
    words = " ".join(text.split())
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest() if len(words) >= SAME_TEXT else ""


def is_withdrawal(title: str, text: str, page: str = "") -> bool:
    """True for a page or entry that says that its article was taken back."""
    if NOTICE_TITLE.search(title) or RETRACTED.search(page):
        return True
    return len(text) <= NOTICE_PAGE and NOTICE.search(text[:NOTICE_WITHIN]) is not None


def is_another_page(told_title: str, title: str, text: str, elsewhere: bool = False) -> bool:
    """True for a page that has hardly a word of what its source calls the article.

    elsewhere: whether a redirect led to it; where none did, only a short page is held against its title.
    """
    wanted = distinct_words(told_title)
    if not wanted or (len(text) >= SHORT_PAGE and not elsewhere):
        return False
    return len(wanted & distinct_words(f"{title} {text}")) < TITLE_WORDS * len(wanted)


def shows_one_article(text: str, other: str) -> bool:
    """True for the texts of two pages of one article."""
    return jaccard(distinct_words(text), distinct_words(other)) >= ONE_ARTICLE


def may_be_newer_form(before: str, after: str) -> bool:
    """False for a text that has too little in common with the one before to be a correction of it."""
    return jaccard(distinct_words(before), distinct_words(after)) >= NEWER_FORM


def is_stand_in(before: str, after: str) -> bool:
    """True for what a site shows in an article's place for a while, an error or a log-in, to tell it from a correction."""
    return 2 * len(after) < len(before) and jaccard(distinct_words(before), distinct_words(after)) <= STAND_IN


def is_paywalled(page: str) -> bool:
    """True where a page says that not all of it can be read for free (schema.org)."""
    return PAYWALL.search(page) is not None
