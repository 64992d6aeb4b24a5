"""From what was fetched to an article: the one place where following meets the reading of pages. Pure."""

import json
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime

from rag.following.feeds import Entry
from rag.following.fetching import Fetched
from rag.ingestion.article_fields import ArticleDraft, draft_of, host_of
from rag.ingestion.dates import NoDate, parse_published
from rag.ingestion.decoding import Unreadable
from rag.ingestion.read_articles import ReadArticle, page_draft, text_draft
from vectorstore.values import Article

WEB = "web:"
"""Origin of articles that were fetched rather than read from a file: `--prune` never takes them."""
PAGE_TYPES = ("text/html", "application/xhtml+xml")
TEXT_TYPES = ("text/plain", "text/markdown", "text/x-markdown")
FULL_TEXT_CHARACTERS = 500
"""Characters from which a feed's own content counts as the article where its page may not be read. A guess."""
LONGER_THAN_SUMMARY = 1.5
"""How much longer than the summary it must be: some feeds give the summary twice."""


def article_of_page(
    fetched: Fetched, article_id: str, url: str, entry: Entry, outlet: str, library: str
) -> ReadArticle:
    """The article of a page or text file, with what its feed said of it where the page is silent. Raises Unreadable."""
    if fetched.content_type in TEXT_TYPES:
        draft = text_draft(fetched.content, article_id, library)
    else:
        draft = page_draft(fetched.content, article_id, library)
    return reading_of(draft, article_id, url, entry, outlet)


def article_of_entry(article_id: str, entry: Entry, outlet: str, library: str) -> ReadArticle:
    """The article as the feed itself carries it. Raises Unreadable where that is not the whole text."""
    draft = draft_of({"title": entry.title, "text": entry.content}, library, file=article_id)
    if len(draft.article.text) < max(FULL_TEXT_CHARACTERS, LONGER_THAN_SUMMARY * len(summary_text(entry, library))):
        raise Unreadable("has no full text in its feed either.")
    return reading_of(draft, article_id, entry.url, entry, outlet)


def summary_text(entry: Entry, library: str) -> str:
    """A summary without its markup, "" where there is none or it is the content itself."""
    if not entry.summary or entry.summary == entry.content:
        return ""
    try:
        return draft_of({"text": entry.summary}, library, file="summary").article.text
    except Unreadable:
        return ""


def reading_of(draft: ArticleDraft, article_id: str, url: str, entry: Entry, outlet: str) -> ReadArticle:
    """The article under its identity."""
    article = draft.article
    filled: Article = replace(
        article,
        id=article_id,
        url=url,
        title=entry.title if article.title_derived and entry.title else article.title,
        title_derived=article.title_derived and not entry.title,
        source=article.source or outlet or host_of(url),
        published=article.published or entry_date(entry),
    )
    return ReadArticle(replace(draft, article=filled), f"{WEB}{url or article_id}", url or article_id, article_id)


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
