"""Whether a sentence tells of the day that a question names. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from rag.answering.answerability import AnswerabilityScore
from rag.answering.features import Candidate, candidates_of, text_of
from rag.time_words import Period
from rag.verification.parsed_text import parse_text
from rag.verification.quantities import calendar_date
from vectorstore.values import Hit

DAY_SHARE = 0.5
"""Sentences of the day that a question names are quoted alone from this probability on, relative to the best one. A guess."""


def days_told_of(sentence: str, published: date | None) -> frozenset[date]:
    """The days that a sentence names; a weekday is the last one up to publication, a year left out one near publication."""
    said = parse_text(sentence).quantities
    days = {calendar_date(day, published) for day in said.days}
    if published is not None:
        days |= {published - timedelta(days=(published.weekday() - weekday) % 7) for weekday in said.weekdays}
        days |= {published + timedelta(days=shift) for shift in said.relative}
    return frozenset(day for day in days if day is not None)


def names_month(sentence: str, published: date | None, period: Period) -> bool:
    """True if the sentence names a month alone ("in March") that begins in the period."""
    months = [replace(day, day=1) for day in parse_text(sentence).quantities.days if day.day is None]
    return any((first := calendar_date(month, published)) is not None and period.holds(first) for month in months)


def names_period(candidate: Candidate, hits: Sequence[Hit], period: Period) -> bool:
    """True if the sentence names a day of the period, or its month where that is what the period is."""
    published = hits[candidate.hit].chunk.published_day
    text = text_of(candidate, hits)
    if any(period.holds(day) for day in days_told_of(text, published)):
        return True
    return period.is_month and names_month(text, published, period)


def is_of(candidate: Candidate, hits: Sequence[Hit], period: Period) -> bool:
    """True if the sentence names a day of the period, or none at all and was published in it."""
    published = hits[candidate.hit].chunk.published_day
    if names_period(candidate, hits, period):
        return True
    return published is not None and period.holds(published) and not days_told_of(text_of(candidate, hits), published)


def sentences_naming(hits: Sequence[Hit], period: Period) -> AnswerabilityScore:
    """For "what happened on 16 October": the statements that name the day, in the order of the hits."""
    naming = [one for one in candidates_of("", hits, ()) if one.is_statement and names_period(one, hits, period)]
    ranked = tuple((one, 1.0 - place / 1_000) for place, one in enumerate(naming))
    return AnswerabilityScore("", ranked, 1.0 if ranked else 0.0, {})


def only_of(score: AnswerabilityScore, hits: Sequence[Hit], period: Period) -> AnswerabilityScore:
    """The score with those sentences alone that are of the period."""
    return replace(score, ranked=tuple(pair for pair in score.ranked if is_of(pair[0], hits, period)))


def preferring(score: AnswerabilityScore, hits: Sequence[Hit], period: Period) -> AnswerabilityScore:
    """The score with the sentences of the period alone, where one of them is nearly as probable as the best of all."""
    of_period = only_of(score, hits, period)
    near = of_period.ranked and of_period.ranked[0][1] >= DAY_SHARE * score.ranked[0][1]
    return of_period if near else score


def begins_with(score: AnswerabilityScore, hits: Sequence[Hit], period: Period) -> bool:
    """True if the best of these sentences is of the period."""
    return bool(score.ranked) and is_of(score.ranked[0][0], hits, period)
