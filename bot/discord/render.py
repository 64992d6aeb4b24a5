"""Turn an Answer into pages within Discord's limits. Pure; sends nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.discord.markdown import (
    clean,
    dotted,
    escape,
    escape_answer,
    link,
    one_line,
    shorten,
    shorten_escaped,
    split_text,
    units,
)
from bot.discord.translations import Translations
from rag.answer import EXTRACTIVE, NOT_SAID, Answer, Citation, Headline
from vectorstore.values import Article, Span

CONTENT = 2_000
TITLE = AUTHOR = 256
DESCRIPTION = 4_096
FIELD_VALUE = 1_024
FIELDS = 25
ALL_OF_A_PAGE = 6_000

# More than three messages for one answer push a conversation off the screen; the rest goes into a file.
MAX_PAGES = 3
# Leaves room in a description for the line that points to the file.
BODY = DESCRIPTION - 296
NEAREST = 5

GREEN, GREY, RED, BLUE = 0x2E7D32, 0x757575, 0xC62828, 0x1565C0


@dataclass(frozen=True, slots=True)
class Field:
    """A source: a name line and the text below it, both in Discord's markup."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Page:
    """One message. `file` is the text of an attached file, "" for none.

    `author` and `footer` are shown as they are, every other text is in Discord's markup.
    """

    title: str
    body: str
    colour: int
    fields: tuple[Field, ...] = ()
    author: str = ""
    footer: str = ""
    file: str = ""
    file_name: str = "answer.txt"

    @property
    def size(self) -> int:
        """Units that count against the limit over everything in one message's embed."""
        texts = [self.title, self.body, self.author, self.footer, *(field.name + field.value for field in self.fields)]
        return sum(units(text) for text in texts)


PARAGRAPH = 600
"""Most characters shown on either side of a quote: what a reader takes in at a glance."""


def answer_pages(answer: Answer, t: Translations, asker: str = "") -> list[Page]:
    """The answer as one to three messages; if they do not hold it, the last one has all of it as a file."""
    title, author = question_title(answer.question), asker_line(asker, t)
    if answer.refusal is not None:
        return [replace(refusal_page(answer, t), title=title, author=author)]
    numbers = frozenset(citation.number for citation in answer.citations)
    text = (escape_answer(answer.text, numbers) or "…") + remarks_line(answer)
    pages = [Page("", body, GREEN) for body in split_text(text, BODY)]
    pages[0] = replace(pages[0], title=title, author=author)
    pages = add_fields(pages, [source_field(citation, t) for citation in answer.citations], GREEN)
    return finish_pages(pages, answer, t)


def remarks_line(answer: Answer) -> str:
    """The engine's remarks in italics, for the end of a text."""
    return f"\n\n*{shorten_escaped(one_line(answer.remarks), 600)}*" if answer.remarks else ""


def question_title(question: str) -> str:
    return shorten_escaped(one_line(question), TITLE) or "…"


def asker_line(asker: str, t: Translations) -> str:
    """Who asked, "" where that is not known."""
    name = shorten(one_line(asker), 80)
    return t.asked_by.format(user=name) if name else ""


def footer_line(answer: Answer, t: Translations) -> str:
    """The date of the newest article quoted, how many outlets are quoted, and the model where one wrote."""
    outlets = {one_line(citation.source) for citation in answer.citations} - {""}
    return dotted(
        t.as_of.format(date=t.date(answer.as_of)) if answer.as_of else "",
        t.count(len(outlets), t.outlets) if outlets else "",
        t.written_by.format(model=shorten(one_line(answer.model), 80)) if answer.model != EXTRACTIVE else "",
    )


def add_fields(pages: list[Page], fields: Sequence[Field], colour: int) -> list[Page]:
    """Append the fields to the last page, and to as many further pages as they need."""
    for field in fields:
        last = pages[-1]
        # A footer is short; 300 units hold it.
        full = len(last.fields) == FIELDS or last.size + units(field.name + field.value) > ALL_OF_A_PAGE - 300
        if full:
            pages.append(Page("", "", colour, (field,)))
        else:
            pages[-1] = replace(last, fields=(*last.fields, field))
    return pages


def finish_pages(pages: list[Page], answer: Answer, t: Translations) -> list[Page]:
    """The pages with a footer on the last, and the whole answer as a file where they are too many."""
    footer = footer_line(answer, t)
    if len(pages) <= MAX_PAGES:
        return [*pages[:-1], replace(pages[-1], footer=footer)]
    kept = pages[:MAX_PAGES]
    last = kept[-1]
    body = f"{last.body}\n\n{t.continued_in_file}".strip()
    return [*kept[:-1], replace(last, body=body, footer=footer, file=answer_text(answer, t))]


def source_field(citation: Citation, t: Translations) -> Field:
    """[n], outlet and date; below them the linked title and the words quoted from it."""
    outlet = shorten_escaped(one_line(citation.source), 160)
    name = f"[{citation.number}] {dotted(outlet, t.date(citation.published))}"
    title = link(citation.title, citation.url)
    copies = copies_line(citation.copies, t)
    room = FIELD_VALUE - units(title) - units(copies) - 8
    quoted = emphasised(citation.quote, citation.emphasis, room)
    return Field(name, f"{title}{copies}\n> {quoted}" if quoted else title + copies)


def copies_line(copies: Sequence[Headline], t: Translations) -> str:
    """Where else the same text appeared, so that copies do not look like confirmations."""
    sources = list(dict.fromkeys(one_line(copy.source) for copy in copies if one_line(copy.source)))
    if not sources:
        return ""
    return " · " + t.also_in.format(sources=shorten_escaped(", ".join(sources), 120))


def emphasised(quote: str, spans: Sequence[Span], limit: int) -> str:
    """A quote on one line, escaped, with these spans of it in bold, cut around the first of them when too long."""
    start, end = 0, len(quote)
    while True:
        shown = marked(quote, spans, start, end)
        if units(shown) <= limit or end - start <= 1:
            return shown if units(shown) <= limit else ""
        excess = max(1, (end - start) * (units(shown) - limit) // (2 * units(shown)))
        first = spans[0][0] if spans else 0
        if first - start > (end - start) // 2:
            start = min(start + excess, first)
        else:
            end -= excess


def marked(quote: str, spans: Sequence[Span], start: int, end: int) -> str:
    """quote[start:end] on one line, escaped, its spans in bold, with an ellipsis where it was cut."""
    pieces: list[str] = []
    position = start
    for span_start, span_end in joined_spans(spans):
        low, high = max(span_start, position), min(span_end, end)
        if low < high:
            pieces += [quote_piece(quote[position:low]), quote_piece(quote[low:high], "**")]
            position = high
    pieces.append(quote_piece(quote[position:end]))
    text = re.sub(r" {2,}", " ", "".join(pieces)).strip()
    return ("…" if start > 0 else "") + text + ("…" if end < len(quote) else "") if text else ""


def joined_spans(spans: Sequence[Span]) -> list[Span]:
    """The spans in order, those that touch as one: "**a****b**" would show its stars."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def quote_piece(text: str, mark: str = "") -> str:
    """A stretch of a quote, escaped; white space at its ends stays outside the mark, or it would not become bold."""
    core = escape(one_line(text))
    before = " " if text[:1].isspace() else ""
    after = " " if text[-1:].isspace() else ""
    return f"{before}{mark}{core}{mark}{after}" if core else before


def refusal_page(answer: Answer, t: Translations) -> Page:
    """Why there is no answer, and what comes nearest: the closest passage quoted, or headlines that do not answer."""
    refusal = answer.refusal
    assert refusal is not None
    body = f"**{t.the_articles_do_not_say}.**"
    if refusal.reason != NOT_SAID:
        body += f"\n{shorten_escaped(refusal.reason, 1_500)}"
    if answer.as_of is not None:
        body = f"{body}\n{t.as_of.format(date=t.date(answer.as_of))}".strip()
    body += remarks_line(answer)
    if refusal.closest is not None:
        headline = headline_line(refusal.closest, t)
        quote = emphasised(refusal.closest.quote, refusal.closest.emphasis, FIELD_VALUE - units(headline) - 4)
        return Page("", body, GREY, (Field(t.closest, f"> {quote}\n{headline}"),))
    lines = [headline_line(headline, t) for headline in refusal.nearest[:NEAREST]]
    if not lines:
        body = f"{body}\n{t.nothing_nearest}".strip()
    # Five lines may not fit one field; each has one of its own then, under the same name.
    joined = "\n".join(lines)
    values = [joined] if units(joined) <= FIELD_VALUE else lines
    fields = tuple(Field(t.nearest, value) for value in values if value)
    return Page("", body, GREY, fields)


def headline_line(
    headline: Headline | Citation, t: Translations, title_limit: int = 140, outlet_limit: int = 120
) -> str:
    """One headline on one line: linked title, outlet, date."""
    outlet = shorten_escaped(one_line(headline.source), outlet_limit)
    return "• " + dotted(link(headline.title, headline.url, title_limit), outlet, t.date(headline.published))


def error_page(message: str, t: Translations, asker: str = "", question: str = "") -> Page:
    """What went wrong, with the question and its asker where those are known."""
    asked = t.asked.format(user=shorten(one_line(asker), 80), question=one_line(question)) if asker else ""
    return Page(t.went_wrong, shorten_escaped(message, 2_000) or "…", RED, author=shorten(asked, AUTHOR))


IN_FILE = "… all in the attached file."


def notice_page(title: str, body: str) -> Page:
    """Any other notice; `body` is in Discord's markup already. What does not fit is in an attached file."""
    pieces = split_text(body, BODY)
    if len(pieces) < 2:
        return Page(title, pieces[0] if pieces else "…", BLUE)
    return Page(title, f"{pieces[0]}\n{IN_FILE}", BLUE, file=body, file_name="all.txt")


def draft_text(text: str, t: Translations) -> str:
    """The end of a model's unproven draft as message content, marked as one."""
    head = f"*{t.draft}*\n"
    tail = clean(text)
    room = CONTENT - units(head) - 2
    escaped = escape(tail)
    while units(escaped) > room:
        tail = "…" + tail[1 + max(1, (units(escaped) - room) // 2) :].lstrip()
        escaped = escape(tail)
    return head + escaped


def answer_text(answer: Answer, t: Translations) -> str:
    """The whole answer as plain text, for a file."""
    lines = [t.as_of.format(date=t.date(answer.as_of)), "", clean(answer.text), ""]
    for citation in answer.citations:
        published = t.date(citation.published)
        head = dotted(one_line(citation.title), one_line(citation.source), published, citation.url)
        lines += [f"[{citation.number}] {head}", f"    {one_line(citation.quote)}"]
    return "\n".join(lines) + "\n"


def plain_messages(page: Page) -> list[str]:
    """A page as message content, for a channel where the bot may not show embeds."""
    parts = [escape(page.author), f"**{page.title}**" if page.title else "", page.body]
    parts += [f"{field.name}\n{field.value}" for field in page.fields]
    parts.append(escape(page.footer))
    return split_text("\n\n".join(part for part in parts if part), CONTENT)


def thread_name(question: str) -> str:
    """A question as a thread's name: at most 100 units, never empty. Names are shown without markup."""
    return shorten(one_line(question), 100) or "…"


def passage_pages(passages: Sequence[tuple[Citation, Article | None]], t: Translations, footer: str = "") -> list[Page]:
    """Each quote in the paragraph around it, the quoted words in bold; what does not fit is in the last page's file."""
    texts = []
    for citation, article in passages:
        outlet = shorten_escaped(one_line(citation.source), 160)
        head = dotted(link(citation.title, citation.url), outlet, t.date(citation.published))
        texts.append(f"[{citation.number}] {head}\n> {in_its_paragraph(citation, article)}")
    footer = shorten(one_line(footer), 120)
    pages = [Page(t.passages, body, GREEN) for body in split_text("\n\n".join(texts), BODY)]
    if len(pages) <= MAX_PAGES:
        return [*pages[:-1], replace(pages[-1], footer=footer)]
    last = replace(pages[MAX_PAGES - 1], footer=footer)
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
