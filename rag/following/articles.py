"""From what was fetched to an article: the one place where following meets the reading of pages. Pure."""

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from rag.following.feeds import Entry
from rag.following.fetching import Fetched
from rag.ingestion.article_fields import ArticleDraft, draft_of, host_of
from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.decoding import Unreadable, decode_page
from rag.ingestion.documents import Documents
from rag.ingestion.read_articles import ReadArticle, document_draft, text_draft
from vectorstore.values import FEED, GUESSED, Article, Origin

WEB = "web:"
"""Origin of articles that were fetched rather than read from a file: `--prune` never takes them."""
PAGE_TYPES = ("text/html", "application/xhtml+xml")
PDF_TYPE = "application/pdf"
TEXT_TYPES = ("text/plain", "text/markdown", "text/x-markdown")
MAIL_ADDRESS = re.compile(r"[(<]?[^()<>\s]*@[^()<>\s]*[)>]?")
FULL_TEXT_CHARACTERS = 500
"""Characters from which a feed's own content counts as the article where its page may not be read. A guess."""
LONGER_THAN_SUMMARY = 1.5
"""How much longer than the summary it must be: some feeds give the summary twice."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an article beside its page: by its entry, its feed's title, and as it was stored before, if it was."""

    entry: Entry
    outlet: str = ""
    stored: Article | None = None

    @property
    def source(self) -> str:
        """The outlet where the page names none: as it was before, so that two feeds of one article do not take turns."""
        return (self.stored.source if self.stored else "") or self.outlet

    @property
    def author(self) -> str:
        """The author where the page names none."""
        known = self.stored.author if self.stored and self.stored.origins.get("author") == FEED else ""
        return author_name(self.entry.author) or known

    @property
    def published(self) -> datetime | None:
        """The date where the page has none."""
        return entry_date(self.entry) or (self.stored.published if self.stored else None)


def page_text(fetched: Fetched) -> str:
    """A page's characters, markup and all; "" for a PDF or text, and for what has none."""
    with suppress(Unreadable):
        if fetched.content_type not in (PDF_TYPE, *TEXT_TYPES):
            return decode_page(fetched.content)
    return ""


def article_of_page(
    documents: Documents, fetched: Fetched, article_id: str, url: str, told: Told, library: str
) -> ReadArticle:
    """The article of a page, PDF or text file, with what else is known of it where that is silent. Raises Unreadable."""
    if fetched.content_type in TEXT_TYPES:
        draft = text_draft(fetched.content, article_id, library)
    else:
        suffix = ".pdf" if fetched.content_type == PDF_TYPE else ".html"
        draft = document_draft(documents.read(suffix, fetched.content, fetched.url), article_id, library)
    return reading_of(draft, article_id, url, told)


def article_of_entry(article_id: str, told: Told, library: str) -> ReadArticle:
    """The article as the feed itself carries it. Raises Unreadable where that is not the whole text."""
    entry = told.entry
    draft = draft_of({"title": entry.title, "text": entry.content}, library, file=article_id)
    if len(draft.article.text) < max(FULL_TEXT_CHARACTERS, LONGER_THAN_SUMMARY * len(summary_text(entry, library))):
        raise Unreadable("has no full text in its feed either.")
    return reading_of(draft, article_id, entry.url, told)


def summary_text(entry: Entry, library: str) -> str:
    """A summary without its markup, "" where there is none or it is the content itself."""
    if not entry.summary or entry.summary == entry.content:
        return ""
    try:
        return draft_of({"text": entry.summary}, library, file="summary").article.text
    except Unreadable:
        return ""


def reading_of(draft: ArticleDraft, article_id: str, url: str, told: Told) -> ReadArticle:
    """The article under its identity."""
    article, entry = draft.article, told.entry
    filled: Article = replace(article, id=article_id, url=url)
    if article.title_derived and entry.title:
        filled = replace(filled, title=entry.title, title_derived=False)
    # What a feed says is surer than what a page only lets one guess.
    if not article.source or (told.source and article.origins.get("source") == GUESSED):
        filled = replace(filled, source=told.source or host_of(url))
    if told.published and (article.published is None or article.published_guessed):
        filled = replace(filled, published=told.published)
    if told.author and not article.author:
        filled = replace(filled, author=told.author)
    from_feed: dict[str, Origin] = {
        name: FEED
        for name in ("title", "source", "author", "published")
        if getattr(filled, name) != getattr(article, name)
    }
    filled = replace(filled, origins={**article.origins, **from_feed})
    return ReadArticle(replace(draft, article=filled), f"{WEB}{url or article_id}", url or article_id, article_id)


def author_name(written: str) -> str:
    """Who an entry is by, without the mail address that RSS asks for: "desk@harbour.example (Ada Holm)"."""
    return MAIL_ADDRESS.sub("", written).strip(" ()")


def entry_date(entry: Entry) -> datetime | None:
    """When a feed says that its entry was published, else changed."""
    for written in (entry.published, entry.updated):
        with suppress(NoDate):
            if moment := parse_published(written):
                return moment
    return None


def kept_entry(entry: Entry) -> str:
    """An entry as it is kept until its article is stored."""
    return json.dumps(asdict(entry))


def entry_kept_as(content: str, key: str, url: str) -> Entry:
    """An entry as it was kept; with nothing kept, what is known by its key and address alone."""
    return Entry(**json.loads(content)) if content else Entry(key, url)
