"""What the button «Passages» shows: each quote in the paragraph around it. Pure functions of citations and articles."""

from collections.abc import Sequence
from dataclasses import replace

from bot.discord.markdown import clean, dotted, link, one_line, shorten_escaped, split_text
from bot.discord.render import BODY, GREEN, MAX_PAGES, Page, emphasised
from bot.discord.translations import Translations
from rag.answer import Citation
from vectorstore.values import Article, Span

PARAGRAPH = 600
"""Most characters shown on either side of a quote: what a reader takes in at a glance."""


def passage_pages(passages: Sequence[tuple[Citation, Article | None]], t: Translations) -> list[Page]:
    """Each quote in the paragraph around it, the quoted words in bold; what does not fit is in the last page's file."""
    texts = []
    for citation, article in passages:
        outlet = shorten_escaped(one_line(citation.source), 160)
        head = dotted(link(citation.title, citation.url), outlet, t.date(citation.published))
        texts.append(f"[{citation.number}] {head}\n> {in_its_paragraph(citation, article)}")
    pages = [Page(t.passages, body, GREEN) for body in split_text("\n\n".join(texts), BODY)]
    if len(pages) <= MAX_PAGES:
        return pages
    last = pages[MAX_PAGES - 1]
    whole = "\n\n".join(f"[{citation.number}] {clean(citation.quote)}" for citation, _ in passages)
    body = f"{last.body}\n\n{t.continued_in_file}"
    return [*pages[: MAX_PAGES - 1], replace(last, body=body, file=whole, file_name="passages.txt")]


def in_its_paragraph(citation: Citation, article: Article | None) -> str:
    """The paragraph around a citation's quote on one line, the quote in bold; only the quote without its article."""
    if article is None or article.text[citation.start : citation.end] != citation.quote:
        return emphasised(citation.quote, [(0, len(citation.quote))], 2 * PARAGRAPH)
    start, end = paragraph_around(article.text, citation.start, citation.end)
    return emphasised(article.text[start:end], [(citation.start - start, citation.end - start)], 2 * (end - start) + 8)


def paragraph_around(text: str, start: int, end: int) -> Span:
    """The paragraph that holds [start, end), at most PARAGRAPH characters on either side of it."""
    low = max(text.rfind("\n", 0, start) + 1, start - PARAGRAPH)
    after = text.find("\n", end)
    high = min(len(text) if after < 0 else after, end + PARAGRAPH)
    return low, high
