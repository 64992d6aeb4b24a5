"""Render answers for a terminal: pure functions of values. Nothing that an article contains reaches the terminal raw."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from bot.quotation import begins_quoted, unpaired_marks, without_markdown
from rag.answer import Answer, Citation, Headline, by_article, date_words, day_words, headline_of
from rag.changes import changed_sentences
from rag.ingestion.forgetting import Forgotten
from rag.prompt_injection import flagged_texts
from rag.text import clean_line, keeping_joiners, moment_words
from vectorstore.ledger import ArticleVersion
from vectorstore.values import Article, Chunk, is_day_alone

SHOWN_HITS = 10
SHOWN_VERSIONS, SHOWN_SENTENCES = 10, 10


def make_console() -> Console:
    """stdout as rich sees it: colours on a terminal only, NO_COLOR respected, nothing guessed from the text."""
    return Console(highlight=False, markup=False, emoji=False)


def answer_lines(answer: Answer, explain: bool = False) -> list[Text]:
    """The answer as styled lines; printed without a terminal they are plain and always the same."""
    lines: list[Text] = []
    if answer.remarks:
        lines += [Text(safe(answer.remarks), style="italic"), Text()]
    if answer.refusal is not None:
        lines += refusal_lines(answer)
    else:
        said = "the articles say:" if answer.model == "extractive" else "from the articles:"
        when = f"As of {day_words(answer.as_of, answer.as_of_guessed)} " if answer.as_of else ""
        lines.append(Text((when + said)[:1].upper() + (when + said)[1:], style="bold"))
        if answer.model == "extractive":
            lines += [quoted(citation) for citation in answer.citations]
        else:
            lines += [Text(safe(line)) for line in answer.text.splitlines()]
        lines.append(Text())
        for citations in by_article(answer.citations):
            lines.append(source_line(citations))
            if answer.model != "extractive":
                lines += [quoted(citation) for citation in citations]
            copies = dict.fromkeys(copy for citation in citations for copy in citation.copies)
            lines += [copy_line(copy) for copy in copies]
    if explain:
        lines += [Text(), *explanation_lines(answer)]
    return lines


def refusal_lines(answer: Answer) -> list[Text]:
    """What is said when the articles do not say."""
    refusal = answer.refusal
    if refusal is None:
        return []
    lines = [Text(safe(refusal.reason), style="bold yellow")]
    if refusal.closest is not None:
        lines.append(Text("Closest, but it may not answer this:"))
        lines += [quoted(refusal.closest, numbered=False), Text(f"  {headline_words(refusal.closest)}")]
    elif refusal.nearest:
        lines.append(Text("Nearest, but not answering:"))
        lines += [Text(f"  {headline_words(headline)}") for headline in refusal.nearest]
    return lines


def quoted(citation: Citation, numbered: bool = True) -> Text:
    """The quote word for word, the answering words emphasised, and its number.

    A quote that begins with a quotation mark of its own gets none around it, and its partner where that was left in the article.
    """
    quote, emphasis = without_markdown(citation.quote, citation.emphasis)
    opening, closing = marks_around(quote)
    text = Text(f"  {opening}")
    position = 0
    for start, end in sorted(emphasis):
        if start >= position:
            text.append(safe(quote[position:start], keep_ends=True))
            text.append(safe(quote[start:end], keep_ends=True), style="bold")
            position = end
    text.append(safe(quote[position:], keep_ends=True))
    text.append(f"{closing} [{citation.number}]" if numbered else closing)
    return text


def marks_around(quote: str) -> tuple[str, str]:
    """What opens and closes a shown quote: quotation marks, but where it has its own; where its speech goes on, their partner."""
    unopened, unclosed = unpaired_marks(quote)
    if begins_quoted(quote):
        return "", f" …{unclosed}" if unclosed else ""
    return "“", "" if unopened == "“" and quote.rstrip().endswith("”") else "”"


def source_line(citations: Sequence[Citation]) -> Text:
    """The numbers of an article's citations, its title, outlet, date and link."""
    numbers = "".join(f"[{citation.number}]" for citation in citations)
    return Text(f"{numbers} ", style="bold").append(headline_words(citations[0]), style="not bold")


def copy_line(copy: Headline) -> Text:
    return Text(f"    also: {headline_words(copy)}", style="dim")


def headline_words(headline: Headline | Citation, titled: bool = True) -> str:
    """Title, unless that stands above it · date · outlet or file · link."""
    title = safe(headline.title) + (" (title derived)" if headline.title_derived else "")
    parts = [
        title if titled else "",
        date_words(headline) or "undated",
        safe(headline.source) or safe(headline.article_id),
        web_link(headline.url),
    ]
    return " · ".join(part for part in parts if part)


def explanation_lines(answer: Answer) -> list[Text]:
    """How the answer came about: stages, scores, timings."""
    explanation = answer.explanation
    lines = [f"question     {safe(answer.standalone_question)}"]
    if explanation.rewritten:
        lines.append(f"follow-up    {safe(explanation.rewritten)}")
    if explanation.read_as:
        lines.append(f"read as      {safe(explanation.read_as)}")
    if explanation.time:
        lines.append(f"time         {safe(explanation.time)}")
    if explanation.probability is not None and explanation.threshold is not None:
        verdict = "answer" if explanation.probability >= explanation.threshold else "refuse"
        lines.append(
            f"judged       P(answered) {explanation.probability:.3f}, answers from {explanation.threshold:.3f} on: {verdict}"
        )
    if explanation.rates is not None:
        answered, refused = explanation.rates
        lines.append(
            f"measured     at that point {answered:.0%} of answerable questions are answered, {refused:.0%} of others refused"
        )
    lines += [f"joined       P(answered) {value:.3f} {safe(asked)}" for asked, value in explanation.joined.items()]
    lines += [f"  {name:<20} {value:8.3f}" for name, value in explanation.features.items()]
    lines.append("hits         score  cosine  dense  BM25  chunk")
    for hit in answer.hits[:SHOWN_HITS]:
        lines.append(
            f"             {hit.score:.3f}  {hit.similarity:6.3f}  {hit.dense_rank or '-':>5}  {hit.lexical_rank or '-':>4}  "
            f"{safe(hit.chunk.article_id)}:{hit.chunk.start}-{hit.chunk.end}"
            + (f" and {len(hit.copies)} copies" if hit.copies else "")
        )
    lines += flagged_lines([hit.chunk for hit in answer.hits])
    if answer.draft is not None:
        lines += [f"dropped      {safe(dropped.sentence)} ({safe(dropped.reason)})" for dropped in answer.draft.dropped]
    lines.append("timings      " + ", ".join(f"{step} {value:.0f} ms" for step, value in answer.timings_ms.items()))
    lines.append(f"answer id    {answer.id}, written by {safe(answer.model)}")
    return [Text(line, style="dim") for line in lines]


def flagged_lines(passages: Sequence[Chunk]) -> list[str]:
    """How many sentences of these passages are never quoted because they give instructions, and which."""
    flagged = [text for chunk in passages for text in flagged_texts(chunk)]
    if not flagged:
        return []
    held = sum(bool(flagged_texts(chunk)) for chunk in passages)
    counted = f"{count_words(len(flagged), 'sentence')} of {count_words(held, 'passage')}"
    return [f"flagged      {counted}, never quoted: they give instructions", *(f"  {safe(text)}" for text in flagged)]


def article_lines(article: Article, passages: Sequence[Chunk], withdrawn: datetime | None = None) -> list[Text]:
    """A stored article: its headline, since when it is withdrawn, what of it is never quoted, and its text."""
    flagged = flagged_lines(passages) or ["flagged      nothing"]
    if withdrawn:
        flagged = [
            f"withdrawn    {day_words(withdrawn)}: its publisher took it back or its page is gone: no answer quotes it"
        ]
    return [
        Text(headline_words(headline_of(article)), style="bold"),
        *(Text(line, style="dim") for line in origin_lines(article)),
        Text(f"passages     {len(passages):,}", style="dim"),
        *(Text(line, style="dim") for line in flagged),
        Text(),
        *(Text(safe(line)) for line in article.text.splitlines()),
    ]


def origin_lines(article: Article) -> list[str]:
    """Each field of an article with where it came from; articles of older versions do not have that."""
    told = {
        "title": "" if article.title_derived else article.title,
        "source": article.source,
        "author": article.author,
        "url": article.url,
        "published": known_words(article.published, article.published_guessed),
        "updated": known_words(article.updated),
        "language": article.language,
    }
    return [
        f"{name:<12} {safe(value)} ({article.origins.get(name, 'origin not stored')})"
        for name, value in told.items()
        if value
    ]


def known_words(moment: datetime | None, guessed: bool = False) -> str:
    """A moment as exactly as it is known, "" for none."""
    if moment is None:
        return ""
    return day_words(moment, guessed) if guessed or is_day_alone(moment) else moment_words(moment)


def version_lines(article: Article, versions: Sequence[ArticleVersion]) -> list[Text]:
    """What an article said before: each change, the newest first, by the sentences that came and went."""
    if not versions:
        return []
    lines = [Text(), Text(f"{count_words(len(versions), 'earlier version')}:", style="bold")]
    later_texts = [*((version.title, version.text) for version in versions[1:]), (article.title, article.text)]
    changes = list(zip(versions, later_texts, strict=True))
    for version, (title, text) in reversed(changes[-SHOWN_VERSIONS:]):
        changed = changed_sentences(version.text, text)
        when = datetime.fromtimestamp(version.replaced_at, UTC)
        counted = f"{count_words(len(changed.added), 'sentence')} added, {len(changed.removed):,} removed"
        lines.append(Text(f"changed {day_words(when)}, {when:%H:%M} UTC: {counted}"))
        if version.title != title:
            lines.append(Text(f"  title was “{safe(version.title)}”", style="dim"))
        lines += [Text(f"  + {safe(sentence)}", style="green") for sentence in changed.added[:SHOWN_SENTENCES]]
        lines += [Text(f"  - {safe(sentence)}", style="red") for sentence in changed.removed[:SHOWN_SENTENCES]]
        if max(len(changed.added), len(changed.removed)) > SHOWN_SENTENCES:
            lines.append(Text("  ...", style="dim"))
    if len(versions) > SHOWN_VERSIONS:
        lines.append(Text(f"... and {len(versions) - SHOWN_VERSIONS:,} earlier changes"))
    return lines


def forgotten_words(forgotten: Forgotten, only: str = "") -> str:
    """ "12 articles forgotten, and what 3 stored answers and 1 watched question had of them."; only: the id of the one."""
    told = f"{safe(only)} is" if only else count_words(forgotten.articles, "article")
    counted = ((forgotten.answers, "stored answer"), (forgotten.watches, "watched question"))
    quoting = " and ".join(count_words(count, name) for count, name in counted if count)
    return f"{told} forgotten" + (f", and what {quoting} had of {'it' if only else 'them'}." if quoting else ".")


def left_words(forgotten: Forgotten) -> str:
    return f"Bytes of what was deleted may still be on the disk ({safe(forgotten.left)})"


def safe(text: str, keep_ends: bool = False) -> str:
    """One line without control, zero-width and bidi characters. keep_ends: with one space where white space begins or ends it."""
    # Between two marks the white space at the ends stays: it may be the gap between two emphasised words.
    cleaned = keeping_joiners(clean_line, f"|{text}|" if keep_ends else text)
    return cleaned[1:-1] if keep_ends else cleaned


def web_link(url: str) -> str:
    """The URL when it is one that a browser opens, else nothing."""
    cleaned = safe(url)
    return cleaned if cleaned.startswith(("http://", "https://")) and " " not in cleaned else ""


def count_words(count: int, one: str, many: str = "") -> str:
    """1 article, 2 articles."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(lines: Iterable[Text]) -> Text:
    return Text("\n").join(lines)


def dated(moment: datetime | None) -> str:
    return day_words(moment) if moment else "-"
