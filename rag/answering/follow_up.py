"""What answers a bare "Why?", "When?" or "Tell me more": a reason, a date, or what was not quoted before; or nothing. Pure.

A rule beside the reader, which takes the sentence before for the answer again: of those it finds, one must give what is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer import Citation
from rag.answering.answerability import AnswerabilityScore
from rag.answering.extractive import (
    MAX_SENTENCES,
    SAME_STATEMENT,
    SPAN_MARGIN_THRESHOLD,
    Quote,
    cite,
    quote_of,
    without_instructions,
)
from rag.answering.features import DATE, REASON, Candidate, candidates_of, content_stems, coverage, text_of
from rag.answering.reader import Reading
from rag.question import StandaloneQuestion
from rag.text import jaccard, stems_of, words_of
from vectorstore.values import Hit, Span

TIME = re.compile(
    r"(?:\b(?:on|in|at|by|until|since|from|before|after|within|next|last|this) )?(?:\b\d{1,2} )?"
    rf"(?:{DATE.pattern})(?:,? (?:1\d{{3}}|20\d{{2}})\b)?"
    r"|\b(?:next|last|this|within|in) (?:\w+ ){0,2}(?:days?|weeks?|months?|years?)\b"
)
CLAUSE_END = re.compile(r"[,;]\s")
CERTAIN = 0.75
"""A sentence must be at least this probable, relative to the best one. A guess: at 0.5 "When?" finds dates of other events."""
SAME_SUBJECT = 0.6
"""Or it holds this share of the answer before, and says more. A guess."""
SAME_EVENT = 0.7
"""Share of the question's words that a sentence with a date must hold where it does not go on with the answer before. An article
tells of several events, each with its date, and the reader takes the next best. A guess: of three words all, of four three."""


def quote_what_is_asked(
    asked: StandaloneQuestion, score: AnswerabilityScore, hits: Sequence[Hit], readings: Sequence[Reading]
) -> tuple[str, tuple[Citation, ...]]:
    """The sentence that gives the reason ("why") or date ("when"), or that part of one told before; ("", ()) for none."""
    for candidate, probability in without_instructions(score.ranked, hits):
        probable = probability >= CERTAIN * score.ranked[0][1]
        # The question is what "When?" asks, read with the one before.
        fits = names_event(candidate, asked.question, hits) if asked.asks == "when" else probable
        about = fits or goes_on(candidate, asked.told[-1], hits)
        found = given_in(candidate, asked.asks, hits, readings) if about and candidate.is_statement else None
        if found is None:
            continue
        quote = quote_of(candidate, hits, readings, score.answer_type)
        if was_told(text_of(candidate, hits), asked.told):
            quote = part_of(candidate, found, asked.asks, hits)
            words = text_of_quote(quote, hits)
            if is_answer_of(words, asked.told) or was_told(words, asked.given):
                continue
        return cite([quote], hits)
    return "", ()


def not_told_yet(told: Sequence[str], hits: Sequence[Hit]) -> AnswerabilityScore:
    """For "Tell me more": the statements of these passages that no answer before held, the nearest to what was told first.

    hits: every passage of the articles that were quoted, each article's together and in reading order.
    """
    said = [frozenset(words_of(line)) for answer in told for line in answer.splitlines()]
    apart: dict[tuple[float, float, int], Candidate] = {}
    for article in in_articles(candidates_of("", hits, ()), hits):
        known = [was_told(text_of(one, hits), told) for one in article]
        places = [place for place, told_there in enumerate(known) if told_there]
        for place, one in enumerate(article):
            new = all(jaccard(frozenset(words_of(text_of(one, hits))), words) < SAME_STATEMENT for words in said)
            if one.is_statement and new and not known[place]:
                # What follows a sentence goes on about it, what comes before led up to it.
                steps = min(
                    (place - other if place > other else other - place + 0.5 for other in places), default=place
                )
                apart[steps, -one.features["similarity"], len(apart)] = one
    nearest = without_instructions([(apart[key], 1.0) for key in sorted(apart)], hits)[:MAX_SENTENCES]
    ranked = tuple((one, 1.0 - place / 100) for place, (one, _) in enumerate(nearest))
    return AnswerabilityScore("", ranked, 1.0 if ranked else 0.0, {})


def passages_quoted(score: AnswerabilityScore, hits: Sequence[Hit]) -> tuple[AnswerabilityScore, tuple[Hit, ...]]:
    """The score with the passages of its sentences alone: an article may have hundreds. Without any each article's first."""
    if not score.ranked:
        return score, tuple({(hit.chunk.library, hit.chunk.article_id): hit for hit in reversed(hits)}.values())[::-1]
    kept = sorted({one.hit for one, _ in score.ranked})
    moved = tuple((replace(one, hit=kept.index(one.hit)), probability) for one, probability in score.ranked)
    return replace(score, ranked=moved), tuple(hits[place] for place in kept)


def in_articles(candidates: Sequence[Candidate], hits: Sequence[Hit]) -> list[list[Candidate]]:
    """The candidates of each article together, in their order."""
    articles: dict[tuple[str, str], list[Candidate]] = {}
    for one in candidates:
        chunk = hits[one.hit].chunk
        articles.setdefault((chunk.library, chunk.article_id), []).append(one)
    return list(articles.values())


def given_in(candidate: Candidate, asks: str, hits: Sequence[Hit], readings: Sequence[Reading]) -> Span | None:
    """Where the sentence gives a reason, or the date that the reader is sure of; offsets count in the sentence."""
    text = text_of(candidate, hits)
    if asks == "why":
        found = REASON.search(text)
        return found.span() if found else None
    if candidate.span_margin is None or candidate.span_margin <= SPAN_MARGIN_THRESHOLD:
        return None
    read = readings[candidate.hit].span
    first = read[0] + hits[candidate.hit].chunk.start - candidate.span[0] if read else 0
    last = read[1] + hits[candidate.hit].chunk.start - candidate.span[0] if read else 0
    return next((found.span() for found in TIME.finditer(text) if found.start() < last and first < found.end()), None)


def names_event(candidate: Candidate, question: str, hits: Sequence[Hit]) -> bool:
    """True if the sentence is about what was asked, and not only about the same thing."""
    return coverage(content_stems(question), stems_of(text_of(candidate, hits))) >= SAME_EVENT


def goes_on(candidate: Candidate, before: str, hits: Sequence[Hit]) -> bool:
    """True if the sentence says most of the answer before, and so what it adds is about that."""
    return coverage(content_stems(before), stems_of(text_of(candidate, hits))) >= SAME_SUBJECT


def was_told(sentence: str, told: Sequence[str]) -> bool:
    """True if an answer before held the sentence."""
    words = f" {' '.join(words_of(sentence))} "
    return any(words in f" {' '.join(words_of(answer))} " for answer in told)


def text_of_quote(quote: Quote, hits: Sequence[Hit]) -> str:
    """The words of a sentence, or of a part of one."""
    _, (citation,) = cite([quote], hits)
    return citation.quote


def is_answer_of(part: str, told: Sequence[str]) -> bool:
    """True if an answer before was this part of a sentence and nothing else."""
    return any(words_of(part) == words_of(re.sub(r"\[\d+\]$", "", answer)) for answer in told)


def part_of(candidate: Candidate, given: Span, asks: str, hits: Sequence[Hit]) -> Quote:
    """From a reason to the sentence's end; up to a date, or the date alone where that would be the whole sentence."""
    text, offset = text_of(candidate, hits), candidate.span[0]
    if asks == "why":
        return Quote(candidate.hit, offset + given[0], offset + len(text.rstrip()))
    stop = CLAUSE_END.search(text, given[1])
    end = stop.start() if stop else given[1]
    start = 0 if words_of(text[end:]) else given[0]
    return Quote(candidate.hit, offset + start, offset + end, ((offset + given[0], offset + given[1]),))
