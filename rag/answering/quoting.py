"""Step 4 without a model: the sentences that answer, or why nothing is quoted. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer import ENGLISH_ONLY, NO_DATE, NO_MORE, NO_REASON, NOT_SAID, NOTHING_FOUND, QUOTED_WITHOUT, Citation
from rag.answering.extractive import join_extracts, lacks_age, lacks_name, write_extract
from rag.answering.features import DATE, REASON
from rag.answering.follow_up import quote_what_is_asked
from rag.answering.identifiers import lacks_identifier, lacks_numbered_name
from rag.evidence import Evidence, Written
from rag.language import is_foreign
from rag.periods import nothing_of

GIVES_REASON = re.compile(
    rf"{REASON.pattern}|\bfor (?:(?:an?|the|his|her|their|its) )?[a-z]{{3,}}(?! (?:second|minute|hour|day|week|month|year)s?\b)"
)


def quote(evidence: Evidence, written: Written) -> Written:
    """The sentences that answer, or why there are none, added to the note and draft that a model left."""
    quoted = (
        quote_parts(written) if any(told.citations for _, told in written.parts) else quote_whole(evidence, written)
    )
    return replace(quoted, note=f"{quoted.note} {QUOTED_WITHOUT}") if quoted.note and quoted.citations else quoted


def quote_whole(evidence: Evidence, written: Written) -> Written:
    """The same for what was asked as a whole."""
    written = replace(written, parts=())
    if not evidence.hits:
        return replace(written, refusal=NOTHING_FOUND)
    asked = evidence.standalone
    if asked.asks in ("why", "when"):
        return quote_follow_up(evidence, written)
    if asked.period is not None and not evidence.answers:
        return replace(written, refusal=nothing_of(asked.period, evidence.hits))
    if evidence.answers:
        text, citations = write_extract(asked.question, evidence.answerability, evidence.hits, evidence.readings)
        if citations and not misses(evidence, citations):
            return replace(written, text=text, citations=citations)
    if asked.asks == "more":
        return replace(written, refusal=NO_MORE)
    # The reader and the words of a search know English; a foreign question is one that a model has translated.
    english_only = not asked.foreign and is_foreign(evidence.question)
    return replace(written, refusal=ENGLISH_ONLY if english_only else NOT_SAID)


def quote_parts(written: Written) -> Written:
    """What is quoted for each of several questions, and those of them that nothing answers."""
    text, citations = join_extracts([told.citations for _, told in written.parts])
    unanswered = tuple(
        part.question for part, told in written.parts if not told.citations and not is_in_quotes(part, citations)
    )
    return replace(written, text=text, citations=citations, unanswered=unanswered)


def is_in_quotes(part: Evidence, quotes: Sequence[Citation]) -> bool:
    """True if the sentence that probably answers a bare "and why?" is quoted for another part: "sent off for a foul"."""
    if not (part.standalone.asks and part.answers and part.answerability.ranked):
        return False
    best = part.answerability.ranked[0][0]
    chunk = part.hits[best.hit].chunk
    gives = GIVES_REASON if part.standalone.asks == "why" else DATE
    if not gives.search(chunk.sentence_text(best.span)):
        return False
    article = chunk.article_id
    return any(one.article_id == article and one.start < best.span[1] and best.span[0] < one.end for one in quotes)


def quote_follow_up(evidence: Evidence, written: Written) -> Written:
    """The reason or date that a bare "Why?" or "When?" asks for, or that the articles give none."""
    asked, score = evidence.standalone, evidence.answerability
    if evidence.answers:
        text, citations = quote_what_is_asked(asked, score, evidence.hits, evidence.readings)
        if citations:
            return replace(written, text=text, citations=citations)
    return replace(written, refusal=NO_REASON if asked.asks == "why" else NO_DATE)


def misses(evidence: Evidence, citations: Sequence[Citation]) -> bool:
    """True if what the question names was not found (a number, an identifier, a name), or the age that it asks for."""
    asked = evidence.standalone
    if asked.asks_no_question:
        return False
    # The time words of a question are a filter on dates, not what it is about.
    lacks_number = not asked.time and lacks_identifier(asked.question, citations, evidence.hits)
    return (
        lacks_number
        or lacks_numbered_name(asked.question, evidence.hits)
        or lacks_name(asked.question, evidence.hits)
        or lacks_age(asked.question, citations)
    )
