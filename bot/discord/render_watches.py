"""Turn watched questions and their changes into pages. Pure; sends nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.discord.markdown import escape_answer, one_line, shorten_escaped, split_text
from bot.discord.render import (
    BLUE,
    BODY,
    Page,
    add_fields,
    answer_text,
    footer_line,
    notice_page,
    question_title,
    quotes_alone,
    quotes_text,
    remarks_line,
    source_fields,
)
from bot.discord.translations import Translations
from rag.answer import Answer
from rag.watched_questions import Changed
from rag.watching import was_forgotten
from vectorstore.watches import Watch

OF_NOW = BODY * 2 // 3
"""What the new answer may take of a page; the one before gets the rest."""


def change_page(question: str, changed: Changed, t: Translations) -> Page:
    """The new answer and below it what was said before, both dated; what does not fit is in an attached file."""
    now = said_text(t.said_now, changed.after, changed.found_after, t)
    before = said_text(t.said_before, changed.before, changed.found_before, t)
    shown, *cut = split_text(now, OF_NOW)
    shown_before, *cut_before = split_text(before, BODY - OF_NOW)
    body = f"{change_summary(changed, t)}\n\n{shown}\n\n{shown_before}"
    page = Page(question_title(question), body, BLUE, author=t.answer_changed)
    page, *further = add_fields([page], source_fields(changed.after, False, t), BLUE)
    page = replace(page, footer=footer_line(changed.after, t))
    if not (cut or cut_before or further):
        return page
    whole = [one_line(question), whole_text(changed.after, t), t.said_before.format(date=dated_answer(changed, t))]
    body, alone = (f"{page.body}\n\n{ending}" for ending in (t.continued_in_file, t.no_file))
    return replace(page, body=body, body_alone=alone, file="\n\n".join([*whole, whole_text(changed.before, t)]))


def change_summary(changed: Changed, t: Translations) -> str:
    """What changed and, where that is known, why."""
    differences = {"answered": t.now_answered, "refused": t.no_longer_said, "reworded": t.now_reworded}
    causes = {"withdrawn": t.quoted_withdrawn, "corrected": t.quoted_corrected, "deleted": t.quoted_deleted}
    return " ".join(filter(None, (differences[changed.difference], causes.get(changed.cause, ""))))


def dated_answer(changed: Changed, t: Translations) -> str:
    return t.date(changed.before.as_of or changed.found_before, changed.before.as_of_guessed)


def said_text(heading: str, answer: Answer, found: datetime, t: Translations) -> str:
    """An answer under its date: the newest article it quotes, or the day on which nothing was found."""
    if answer.refused:
        return f"**{heading.format(date=t.date(found))}**\n{said_instead(answer, t)}"
    numbers = frozenset(citation.number for citation in answer.citations)
    text = quotes_text(answer.citations) if quotes_alone(answer) else escape_answer(answer.text, numbers)
    text += remarks_line(answer, t)
    return f"**{heading.format(date=t.date(answer.as_of or found, answer.as_of_guessed))}**\n{text}"


def whole_text(answer: Answer, t: Translations) -> str:
    return said_instead(answer, t) if answer.refused else answer_text(answer, t)


def said_instead(answer: Answer, t: Translations) -> str:
    """What stands in the place of an answer: that there was none, or that it went with an article."""
    return t.answer_was_forgotten if was_forgotten(answer) else f"{t.the_articles_do_not_say}."


def watches_page(watches: Sequence[Watch], t: Translations) -> Page:
    """One watch a line: the question and its channel."""
    lines = [f"• {shorten_escaped(one_line(watch.question), 180)} · <#{watch.channel}>" for watch in watches]
    return notice_page(t.watched_questions, "\n".join(lines) or t.no_watches, t)
