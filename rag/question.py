"""Step 1: a follow-up becomes a standalone question, time words become a filter or a preference. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rag.answer import Turn
from rag.errors import QuestionError
from rag.follow_ups import (
    answers_to,
    bare_word,
    names_nothing,
    readings_beside,
    stand_alone,
    told_before,
    wants_more,
)
from rag.ingestion.decoding import storable
from rag.intent import asks_again, summary_subject, wants_help
from rag.outlets import topic_told
from rag.time_words import Period, read_time_words
from vectorstore.values import Scope


@dataclass(frozen=True, slots=True)
class StandaloneQuestion:
    """A question that needs no history, and the part of the library it is about.

    rewritten and time describe what was done, "" when nothing was. prefers_newest: newer articles first. wider: the scope
    without "this week" and the like, None without such words: a preference, where the bounds would lose the answer.
    foreign: asked in another language than English, where a model can translate. summary_of: what a summary
    is asked of, "" for the newest articles, None for an ordinary question. asks: "why", "when" or "more" where a follow-up asks
    no more than that of what was told, the texts of the answers before; "" otherwise. told_from: the ids of the articles that
    they quoted. given: those of told that answered the same "Why?" before. respelled: mistyped words were corrected.
    other_readings: what a follow-up may mean as well, the likeliest first. period: the day or month that is all the question
    names, None for any other question. undated: the question without the words for a day, "" where it has none;
    undated_period: the day that what is quoted for it must be of, None where the scope says it already. of_outlet: the question's
    words, not the asker, restricted the scope to one outlet.
    """

    question: str
    scope: Scope
    rewritten: str = ""
    time: str = ""
    prefers_newest: bool = False
    wider: Scope | None = None
    foreign: bool = False
    summary_of: str | None = None
    asks: str = ""
    told: tuple[str, ...] = ()
    told_from: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    respelled: bool = False
    other_readings: tuple[str, ...] = ()
    period: Period | None = None
    undated: str = ""
    undated_period: Period | None = None
    of_outlet: bool = False

    @property
    def asks_no_question(self) -> bool:
        """True for a summary, the news of a day and "Tell me more": whatever is quoted for them answers."""
        return self.summary_of is not None or self.period is not None or self.asks == "more"

    def widened(self) -> "StandaloneQuestion":
        """The same question of all articles of its scope, newer ones first; itself where no words narrowed it."""
        if self.wider is None:
            return self
        return replace(
            self, scope=self.wider, wider=None, prefers_newest=True, time=f"no {self.time}: newer articles first"
        )


def understand(question: str, history: Sequence[Turn], scope: Scope, now: datetime) -> StandaloneQuestion:
    """The standalone question with its time filter. `now` is used where scope.asked_at is None; scope bounds win."""
    standalone, rewritten = stand_alone(question, history)
    told, told_from = told_before(history)
    asks = bare_word(question) if told else ""
    if told_from and wants_more(question):
        # Of a summary or a day, too: what was told of it is known, and the rest is wanted.
        return StandaloneQuestion(standalone, scope, rewritten, asks="more", told=told, told_from=told_from)
    asked = StandaloneQuestion(
        standalone,
        scope,
        rewritten,
        summary_of=summary_subject(standalone),
        asks=asks if asks in ("why", "when") else "",
        told=told,
        told_from=told_from,
        given=answers_to(asks, history) if asks else (),
        other_readings=readings_beside(question, history, standalone),
    )
    return within_time(asked, scope.asked_at or now)


def within_time(standalone: StandaloneQuestion, asked_at: datetime) -> StandaloneQuestion:
    """Bounds on the publication date, where the question names them and the scope does not already."""
    said, scope = read_time_words(standalone.question, asked_at), standalone.scope
    return replace(
        standalone,
        scope=replace(scope, since=scope.since or said.since, until=scope.until or said.until),
        time=said.said,
        prefers_newest=said.newest,
        wider=scope if said.vague else None,
        summary_of="" if said.asks_for else standalone.summary_of,
        period=said.asks_for,
        undated=said.without,
        undated_period=said.of,
    )


def of_named_outlet(standalone: StandaloneQuestion, outlets: Sequence[str]) -> StandaloneQuestion:
    """A question for what one outlet says, as the summary of what it says; another question as it is."""
    if standalone.summary_of is not None or standalone.scope.sources:
        return standalone
    for outlet in outlets:
        if (topic := topic_told(standalone.question, outlet)) is not None:
            scope = replace(standalone.scope, sources=(outlet,))
            return replace(standalone, summary_of=topic, scope=scope, of_outlet=True)
    return standalone


def checked_question(question: str, limit: int, follows: bool = True) -> str:
    """The question without white space around it. follows: something was asked before. Raises QuestionError when it cannot be
    answered."""
    question = storable(" ".join(question.split()))
    if not question:
        raise QuestionError('The question is empty: ask, for instance, "Will Hungary arrest Putin?".')
    if len(question) > limit:
        raise QuestionError(
            f"The question has {len(question):,} characters, {limit:,} are the most: ask a shorter one."
        )
    if wants_help(question):
        raise QuestionError(
            'Ask what the articles say, for instance "Will Hungary arrest Putin?", "What\'s new?" or "Summarise the newest '
            'article".'
        )
    if not any(character.isalnum() for character in question):
        raise QuestionError("The question holds no word: ask it in words.")
    if not follows and (bare_word(question) or asks_again(question) or names_nothing(question)):
        raise QuestionError(f"Nothing was asked before {question!r}: ask with the name or thing in it.")
    return question
