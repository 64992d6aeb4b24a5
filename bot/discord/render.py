"""Turn an Answer into pages within Discord's limits. Pure; sends nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.discord.markdown import (
    clean,
    dotted,
    escape,
    escape_answer,
    link,
    one_line,
    safe_url,
    shorten,
    shorten_escaped,
    split_text,
    units,
)
from bot.discord.quotes import emphasised, set_quote
from bot.discord.translations import Translations
from bot.quotation import without_markdown
from rag.answer import (
    BROKEN_OFF,
    EMPTY_LIBRARY,
    ENGLISH_ONLY,
    EXTRACTIVE,
    NO_DATE,
    NO_MORE,
    NO_REASON,
    NOT_SAID,
    NOTHING_FOUND,
    READ_AS,
    TRANSLATED,
    Answer,
    Citation,
    Explanation,
    Headline,
    Refusal,
    by_article,
    emphasised_words,
)
from rag.library import LibraryStatus
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
COPIES_LINKED, LONGEST_COPY_URL = 3, 120
"""Copies linked below a quote; longer addresses would leave its field no room."""
OUTLETS = 8

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
    body_alone: str = ""
    """The body where no file may be attached, "" for the same."""

    def without_file(self) -> "Page":
        return replace(self, body=self.body_alone or self.body, file="")

    @property
    def size(self) -> int:
        """Units that count against the limit over everything in one message's embed."""
        texts = [self.title, self.body, self.author, self.footer, *(field.name + field.value for field in self.fields)]
        return sum(units(text) for text in texts)


WORD_CHARACTERS = re.compile(r"\w+")
QUOTE = 1_500
"""Most units of a quote in an answer's text."""
NUMBERS = 15
"""Most numbers in one field's name, which holds 256 units."""

PARAGRAPH = 600
"""Most characters shown on either side of a quote: what a reader takes in at a glance."""


def answer_pages(answer: Answer, t: Translations, asker: str = "") -> list[Page]:
    """The answer as one to three messages; if they do not hold it, the last one has all of it as a file."""
    title, author = question_title(answer.question), asker_line(asker, t)
    if answer.refusal is not None:
        return [replace(refusal_page(answer, t), title=title, author=author)]
    numbers = frozenset(citation.number for citation in answer.citations)
    alone = quotes_alone(answer)
    text = quotes_text(answer.citations) if alone else escape_answer(answer.text, numbers)
    text = (text or "…") + remarks_line(answer, t)
    pages = [Page("", body, GREEN) for body in split_text(text, BODY)]
    pages[0] = replace(pages[0], title=title, author=author)
    pages = add_fields(pages, source_fields(answer, not alone, t), GREEN)
    return finish_pages(pages, answer, t)


def remarks_line(answer: Answer, t: Translations) -> str:
    """What is to be said beside an answer, in italics, for the end of a text."""
    said = (
        unanswered_words(answer, t),
        disagreement_words(answer, t),
        note_words(answer, t),
        left_out_words(answer, t),
    )
    remarks = " ".join(filter(None, said))
    return f"\n\n*{shorten_escaped(one_line(remarks), 600)}*" if remarks else ""


def unanswered_words(answer: Answer, t: Translations) -> str:
    """Of several questions in one those that the articles do not answer; "" where there are none."""
    asked = " ".join(f"“{one_line(question)}”" for question in answer.unanswered)
    return t.not_said_of.format(questions=asked) if asked else ""


def disagreement_words(answer: Answer, t: Translations) -> str:
    """The different values that articles give, each with its outlet and date; "" where they do not differ."""
    values = []
    for citation in answer.disagreement:
        dated = t.dates(citation) if citation.published else ""
        where = ", ".join(filter(None, (citation.source or citation.title, dated)))
        values.append(f"{' '.join(emphasised_words(citation).split())} ({where})")
    return t.articles_disagree.format(values=", ".join(values)) if values else ""


def note_words(answer: Answer, t: Translations) -> str:
    """What went otherwise than asked: how a question was read, what a model did not do."""
    question = answer.explanation.read_as
    said = answer.note.removeprefix(f"{READ_AS}{question}").strip() if question else answer.note
    kinds = [
        name for words, name in ((TRANSLATED, "model_translated"), (BROKEN_OFF, "model_interrupted")) if words in said
    ]
    told = dict.fromkeys(t.say(kind, words=said) for kind in kinds or ["model_not_used"] if said)
    return " ".join([*([t.read_as.format(question=question)] if question else []), *told])


def left_out_words(answer: Answer, t: Translations) -> str:
    """That the model could not read every passage found, else ""."""
    count = answer.draft.passages_left_out if answer.left_out and answer.draft else 0
    return t.say("left_out", count=count, model=answer.model) if count else ""


def question_title(question: str) -> str:
    return shorten_escaped(one_line(question), TITLE) or "…"


def asker_line(asker: str, t: Translations) -> str:
    """Who asked, "" where that is not known."""
    name = shorten(one_line(asker), 80)
    return t.asked_by.format(user=name) if name else ""


def footer_line(answer: Answer, t: Translations) -> str:
    """The date of the newest article quoted, how many outlets are quoted, the filter, and the model where one wrote."""
    outlets = {one_line(citation.source) for citation in answer.citations} - {""}
    return dotted(
        t.as_of.format(date=t.date(answer.as_of, answer.as_of_guessed)) if answer.as_of else "",
        t.count(len(outlets), t.outlets) if outlets else "",
        filter_words(answer.explanation, t),
        author_words(answer, t),
    )


def author_words(answer: Answer, t: Translations) -> str:
    """The model that wrote an answer, "" for quotes alone."""
    return t.written_by.format(model=shorten(one_line(answer.model), 80)) if answer.model != EXTRACTIVE else ""


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
    body, alone = (f"{last.body}\n\n{ending}".strip() for ending in (t.continued_in_file, t.no_file))
    whole = replace(last, body=body, body_alone=alone, footer=footer, file=answer_text(answer, t))
    return [*kept[:-1], whole]


def quotes_alone(answer: Answer) -> bool:
    """True if the text is its citations' quotes, one a line: shown below it too, each would stand there twice."""
    lines = answer.text.splitlines()
    return len(lines) == len(answer.citations) and all(
        WORD_CHARACTERS.findall(line.removesuffix(f"[{citation.number}]")) == WORD_CHARACTERS.findall(citation.quote)
        for line, citation in zip(lines, answer.citations, strict=True)
    )


def quotes_text(citations: Sequence[Citation]) -> str:
    """Each quote in a block of its own, with its number."""
    return "\n\n".join(f"> {shown_quote(citation, QUOTE)} [{citation.number}]" for citation in citations)


def shown_quote(citation: Citation, limit: int) -> str:
    return set_quote(citation.quote, citation.emphasis, limit) or "…"


def source_fields(answer: Answer, quoted: bool, t: Translations) -> list[Field]:
    """The cited articles, each once: its numbers, outlet and date, its linked title, and its quotes where `quoted`."""
    return [field for citations in by_article(answer.citations) for field in article_fields(citations, quoted, t)]


def article_fields(citations: Sequence[Citation], quoted: bool, t: Translations) -> list[Field]:
    """One article's field; further ones where its quotes need more room."""
    first = citations[0]
    title = link(first.title, first.url) + copies_line(first.copies, t)
    if not quoted:
        return [Field(cited_as(citations, t), title)]
    fields: list[Field] = []
    shown: list[Citation] = []
    lines = [title]
    for citation in citations:
        number = f" [{citation.number}]" if len(citations) > 1 else ""
        line = f"> {shown_quote(citation, FIELD_VALUE - units(title) - 16)}{number}"
        if shown and units("\n".join([*lines, line])) > FIELD_VALUE:
            fields.append(Field(cited_as(shown, t), "\n".join(lines)))
            shown, lines = [], []
        shown.append(citation)
        lines.append(line)
    return [*fields, Field(cited_as(shown, t), "\n".join(lines))]


def cited_as(citations: Sequence[Citation], t: Translations) -> str:
    """The numbers of an article's citations, its outlet and date."""
    outlet = shorten_escaped(one_line(citations[0].source), 120)
    numbers = " ".join(f"[{citation.number}]" for citation in citations[:NUMBERS])
    return f"{numbers} {dotted(outlet, t.dates(citations[0]))}"


def copies_line(copies: Sequence[Headline], t: Translations) -> str:
    """Where else the same text appeared, each outlet with its link, so that copies do not look like confirmations."""
    by_outlet: dict[str, Headline] = {}
    for copy in copies:
        if outlet := one_line(copy.source):
            by_outlet.setdefault(outlet, copy)
    if not by_outlet:
        return ""
    linked = [
        link(outlet, copy.url if len(safe_url(copy.url)) <= LONGEST_COPY_URL else "", 40)
        for outlet, copy in by_outlet.items()
    ]
    more = f" +{len(linked) - COPIES_LINKED}" if len(linked) > COPIES_LINKED else ""
    return " · " + t.also_in.format(sources=", ".join(linked[:COPIES_LINKED]) + more)


def refusal_page(answer: Answer, t: Translations) -> Page:
    """That there is no answer and what was looked at, what comes nearest, and what to do next."""
    refusal = answer.refusal
    assert refusal is not None
    headline = f"**{t.the_articles_do_not_say}.**"
    if refusal.reason == EMPTY_LIBRARY:
        return Page("", f"{headline}\n{t.library_empty}", GREY)
    narrowed = filter_words(answer.explanation, t)
    why = shorten_escaped(why_refused(answer, refusal.reason, narrowed, t), 1_500)
    lines = [headline, why]
    if refusal.reason != ENGLISH_ONLY or narrowed:
        follows = refusal.reason in (NO_REASON, NO_DATE)
        if not (narrowed or follows or refusal.nearest or refusal.closest):
            lines.append(t.nothing_nearest)
        lines.append(t.ask_without_filter if narrowed else t.ask_otherwise)
    body = "\n".join(line for line in lines if line) + remarks_line(answer, t)
    return Page("", body, GREY, nearest_fields(refusal, t))


def why_refused(answer: Answer, reason: str, narrowed: str, t: Translations) -> str:
    """What a filter left out, else the engine's reason; "" where that says no more than the line above it."""
    since, newest = answer.explanation.since, answer.as_of
    if narrowed and answer.hits:
        return t.looked_only.format(filter=narrowed)
    if narrowed and since is not None and newest is not None and newest < since:
        return t.nothing_so_new.format(filter=narrowed, newest=t.newest(newest))
    if narrowed:
        return t.nothing_within.format(filter=narrowed)
    known = {ENGLISH_ONLY: t.english_only, NO_REASON: t.no_reason, NO_DATE: t.no_date, NO_MORE: t.no_more}
    if reason in known:
        return known[reason]
    return "" if reason in (NOT_SAID, NOTHING_FOUND) else reason


def filter_words(asked: Explanation, t: Translations) -> str:
    """What an answer was restricted to, without markup: "from Example News since 18 Oct 2025"; "" for nothing."""
    words = []
    if asked.sources:
        words.append(t.from_outlets.format(sources=shorten(", ".join(map(one_line, asked.sources)), 100)))
    if asked.since is not None:
        # "Newer only" asks from the second after the newest article on.
        begins = asked.since.timestamp() % 60 == 0
        words.append((t.since if begins else t.after).format(date=t.date(asked.since)))
    if asked.until is not None:
        words.append(t.until.format(date=t.date(asked.until - timedelta(seconds=1))))
    return " ".join(words)


def nearest_fields(refusal: Refusal, t: Translations) -> tuple[Field, ...]:
    """The closest passage quoted, which may answer after all, else headlines that do not."""
    if refusal.closest is not None:
        headline = headline_line(refusal.closest, t)
        quote = shown_quote(refusal.closest, FIELD_VALUE - units(headline) - 4)
        return (Field(t.closest, f"> {quote}\n{headline}"),)
    lines = [headline_line(headline, t) for headline in refusal.nearest[:NEAREST]]
    # Five lines may not fit one field; each has one of its own then, under the same name.
    joined = "\n".join(lines)
    values = [joined] if units(joined) <= FIELD_VALUE else lines
    return tuple(Field(t.nearest, value) for value in values if value)


def headline_line(
    headline: Headline | Citation, t: Translations, title_limit: int = 140, outlet_limit: int = 120
) -> str:
    """One headline on one line: linked title, outlet, date."""
    outlet = shorten_escaped(one_line(headline.source), outlet_limit)
    return "• " + dotted(link(headline.title, headline.url, title_limit), outlet, t.dates(headline))


def library_line(status: LibraryStatus, t: Translations) -> str:
    """What there is to answer from: articles, dates, the outlets with most of them; "" for an empty library."""
    if not status.articles:
        return t.library_empty
    dates = ""
    if status.oldest and status.newest:
        dates = ", " + t.from_to.format(oldest=t.date(status.oldest), newest=t.date(status.newest))
    names = ", ".join(one_line(name) for name, _ in status.sources[:OUTLETS] if one_line(name))
    outlets = f": {shorten_escaped(names, 240)}" if names else ""
    return f"{t.count(status.articles, t.articles)}{dates}{outlets}"


def error_page(message: str, t: Translations, asker: str = "", question: str = "") -> Page:
    """What went wrong, with the question and its asker where those are known."""
    asked = t.asked.format(user=shorten(one_line(asker), 80), question=one_line(question)) if asker else ""
    return Page(t.went_wrong, shorten_escaped(message, 2_000) or "…", RED, author=shorten(asked, AUTHOR))


def notice_page(title: str, body: str, t: Translations) -> Page:
    """Any other notice; `body` is in Discord's markup already. What does not fit is in an attached file."""
    pieces = split_text(body, BODY)
    if len(pieces) < 2:
        return Page(title, pieces[0] if pieces else "…", BLUE)
    return Page(title, f"{pieces[0]}\n{t.in_file}", BLUE, file=body, file_name="all.txt")


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
    lines = [t.as_of.format(date=t.date(answer.as_of, answer.as_of_guessed)), ""] if answer.as_of else []
    if not quotes_alone(answer):
        lines += [clean(answer.text), ""]
    for citation in answer.citations:
        published = t.dates(citation)
        head = dotted(one_line(citation.title), one_line(citation.source), published, citation.url)
        lines += [f"[{citation.number}] {head}", f"    {one_line(without_markdown(citation.quote)[0])}"]
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
    """Each quote in its surroundings, in bold, with the article's link; what does not fit is in the last page's file."""
    texts = []
    for citation, article in passages:
        outlet = shorten_escaped(one_line(citation.source), 160)
        head = dotted(f"**{escape(shorten(one_line(citation.title), 140))}**", outlet, t.dates(citation))
        paragraphs = "\n> \n".join(f"> {paragraph}" for paragraph in in_its_surroundings(citation, article))
        url = safe_url(citation.url)
        whole_article = f"\n[{t.whole_article}]({url})" if url else ""
        texts.append(f"[{citation.number}] {head}\n{paragraphs}{whole_article}")
    footer = shorten(one_line(footer), 120)
    pages = [Page(t.passages, body, GREEN) for body in split_text("\n\n".join(texts), BODY)]
    if len(pages) <= MAX_PAGES:
        return [*pages[:-1], replace(pages[-1], footer=footer)]
    last = replace(pages[MAX_PAGES - 1], footer=footer)
    whole = "\n\n".join(f"[{citation.number}] {clean(citation.quote)}" for citation, _ in passages)
    body = f"{last.body}\n\n{t.continued_in_file}"
    return [*pages[: MAX_PAGES - 1], replace(last, body=body, file=whole, file_name="passages.txt")]


def in_its_surroundings(citation: Citation, article: Article | None) -> list[str]:
    """The paragraph around a citation's quote, the quote in bold, between its neighbours where the quote is all of it.

    Only the quote without its article, or where that has changed.
    """
    quote = [(0, len(citation.quote))]
    if article is None or article.text[citation.start : citation.end] != citation.quote:
        return [emphasised(citation.quote, quote, 2 * PARAGRAPH)]
    text = article.text
    start, end = paragraph_around(text, citation.start, citation.end)
    marked_quote = [(citation.start - start, citation.end - start)]
    paragraph = emphasised(text[start:end], marked_quote, 2 * (end - start) + 8)
    if text[start:end].strip() != citation.quote.strip():
        return [paragraph]
    before, after = text[:start].rstrip(), text[end:].lstrip()
    neighbours = before[before.rfind("\n") + 1 :], after.partition("\n")[0]
    first, last = (emphasised(neighbour, (), PARAGRAPH) for neighbour in neighbours)
    return [shown for shown in (first, paragraph, last) if shown]


def paragraph_around(text: str, start: int, end: int) -> Span:
    """The paragraph that holds [start, end), at most PARAGRAPH characters on either side of it."""
    low = max(text.rfind("\n", 0, start) + 1, start - PARAGRAPH)
    after = text.find("\n", end)
    high = min(len(text) if after < 0 else after, end + PARAGRAPH)
    return low, high
