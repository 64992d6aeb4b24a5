"""Answers and passages as text for an assistant: every quote to the character, between “ and ”. Pure."""

from bot.mcp.passages import Quotable, VerbatimPassage
from rag.answer import EXTRACTIVE, NOTHING_FOUND, Answer, Citation, Headline, Refusal, date_words, day_words
from rag.text import clean_line


def text_of_answer(answer: Answer) -> str:
    """The answer with its quotes and sources, or that the articles do not say."""
    remarks = [answer.remarks] if answer.remarks else []
    if answer.refusal is not None:
        return "\n".join([*remarks, *refused_lines(answer.refusal)])
    when = (
        f"As of {day_words(answer.as_of, answer.as_of_guessed)}, from the articles:"
        if answer.as_of
        else "From the articles:"
    )
    # An extractive text is nothing but the quotes with their numbers, which follow anyway.
    prose = [] if answer.model == EXTRACTIVE else [answer.text]
    return "\n".join([*remarks, when, *prose, *map(cited, answer.citations)])


def refused_lines(refusal: Refusal) -> list[str]:
    """Why there is no answer, and what is nearest."""
    lines = [refusal.reason]
    if refusal.closest is not None:
        lines += ["Closest, but it may not answer this:", f"“{refusal.closest.quote}”\n{source_words(refusal.closest)}"]
    elif refusal.nearest:
        lines += ["Nearest, but not answering:", *map(source_words, refusal.nearest)]
    return lines


def cited(citation: Citation) -> str:
    """A quote with its number and source, and where else it was printed."""
    copies = [f"also: {source_words(copy)}" for copy in citation.copies]
    return "\n".join([f"[{citation.number}] “{citation.quote}”", source_words(citation), *copies])


def text_of_found(found: Quotable) -> str:
    """What was found, each passage with its source."""
    passages = [
        "\n".join(
            [f"“{one.quote}”", source_words(one.article), *(f"also: {source_words(copy)}" for copy in one.copies)]
        )
        for one in found.passages
    ]
    return "\n\n".join([*passages, *withheld_lines(found.withheld)]) or NOTHING_FOUND


def text_of_article(article: Headline, read: Quotable, total: int) -> str:
    """An article's passages in reading order, each after its position."""
    heading = f"{source_words(article)}\n{total} {'passage' if total == 1 else 'passages'} in all, counted from 0."
    return "\n\n".join([heading, *map(with_position, read.passages), *withheld_lines(read.withheld)])


def with_position(passage: VerbatimPassage) -> str:
    return f"{passage.position}: “{passage.quote}”"


def withheld_lines(withheld: int) -> list[str]:
    """That sentences are missing, where they are."""
    sentences = "1 sentence is" if withheld == 1 else f"{withheld} sentences are"
    return [f"{sentences} withheld: they give instructions instead of reporting."] if withheld else []


def source_words(headline: Headline | Citation) -> str:
    """Title, date, outlet, address and id of an article."""
    title = clean_line(headline.title) + (" (title derived)" if headline.title_derived else "")
    parts = [title, date_words(headline) or "undated", clean_line(headline.source), clean_line(headline.url)]
    return " · ".join([*filter(None, parts), f"article_id {headline.article_id}"])
