"""Step 1 without a model: time words become bounds, follow-ups stand alone, everything else is left as it is."""

from datetime import UTC, date, datetime

import pytest

from rag.answer import Turn
from rag.follow_ups import bare_word, readings_beside, stand_alone, wants_more
from rag.intent import summary_subject, wants_help
from rag.question import understand
from vectorstore.values import Scope

NOW = datetime(2025, 10, 22, 15, 30, tzinfo=UTC)  # a Wednesday
ARREST = Turn("Will Poland arrest Putin?", "The articles do not say.")
SPOKESMAN = Turn("Who is the Kremlin spokesman?", "“..., Kremlin spokesman Dmitry Peskov told reporters.” [1]")


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("What did Trump say as of 17 October 2025?", None, "2025-10-18"),
        ("What has Orban said since Monday?", "2025-10-20", None),
        ("What has Orban said since October 3?", "2025-10-03", None),
        ("What happened yesterday?", "2025-10-21", "2025-10-22"),
        ("What happened today?", "2025-10-22", None),
        ("What happened last week?", "2025-10-13", None),
        ("What happened this month?", "2025-10-01", None),
        ("What was said in the past three days?", "2025-10-19", None),
        ("What was said over the last 2 weeks?", "2025-10-08", None),
        ("Which treaties were signed since 1990?", None, None),
        ("Who won in May?", None, None),
        ("Who was the last king?", None, None),
    ],
)
def test_time_words_become_bounds(question: str, since: str | None, until: str | None) -> None:
    scope = understand(question, (), Scope(), NOW).scope
    assert (day(scope.since), day(scope.until)) == (since, until)


@pytest.mark.parametrize(
    ("question", "words", "yearless"),
    [
        ("what happened on october 18", "18 October 2025", True),
        ("What's new on 3 May 2024?", "3 May 2024", False),
        ("october 18", "18 October 2025", True),
        ("news of the 4th of March", "4 March 2025", True),
        ("2025-03-04 headlines", "4 March 2025", False),
        ("What happened on Tuesday?", "21 October 2025", False),
        ("What happened in March?", "March 2025", True),
        ("news from december 2024", "December 2024", False),
        ("March 2025", "March 2025", False),
    ],
)
def test_a_day_or_month_that_is_all_a_question_names_is_asked_for(question: str, words: str, yearless: bool) -> None:
    standalone = understand(question, (), Scope(), NOW)
    assert standalone.period is not None
    assert (standalone.period.words, standalone.period.yearless) == (words, yearless)
    assert standalone.summary_of == ""


@pytest.mark.parametrize(
    "question",
    ["may", "March", "What happened in Zell on March 4?", "What happened on 30 February?", "Who won in May?"],
)
def test_other_questions_ask_for_no_period(question: str) -> None:
    standalone = understand(question, (), Scope(), NOW)
    assert standalone.period is None
    assert standalone.summary_of is None


@pytest.mark.parametrize(
    ("question", "undated", "of", "until"),
    [
        ("How many had died as of 22 May 2025?", "How many had died?", None, "2025-05-23"),
        ("As of mid-October 2025, had Zell left?", "Had Zell left?", None, "2025-10-21"),
        ("Who led as of the end of February?", "Who led?", None, "2025-03-01"),
        ("Had it been found by 23 April 2025?", "Had it been found?", None, "2025-04-24"),
        ("Will it be found by 23 April 2026?", "", None, None),
        ("Was it made by October 3?", "", None, None),
        ("What did Holt say on Thursday?", "What did Holt say?", "16 October 2025", None),
        ("Did the strike end on 5 March?", "Did the strike end?", "5 March 2025", None),
        ("What did the auditors say in March?", "What did the auditors say?", "March 2025", None),
        ("When did it open again (Why was it closed in March)?", "", None, None),
        ("In May 2024, who led?", "Who led?", "May 2024", None),
    ],
)
def test_a_question_is_read_without_its_day_as_well(
    question: str, undated: str, of: str | None, until: str | None
) -> None:
    standalone = understand(question, (), Scope(), NOW)
    period = standalone.undated_period
    assert (standalone.undated, period.words if period else None, day(standalone.scope.until)) == (undated, of, until)


@pytest.mark.parametrize("question", ["What happened on 31 December 9999?", "Who spoke in December 9999?"])
def test_a_day_of_the_last_year_that_a_calendar_has_is_words_like_others(question: str) -> None:
    standalone = understand(question, (), Scope(), NOW)
    assert (standalone.period, standalone.undated_period, standalone.scope.until) == (None, None, None)
    understand(f"{question} As of 31 December 9999?", (), Scope(), NOW)


@pytest.mark.parametrize("year", [2024, 2023])
def test_the_february_of_another_year_has_its_own_length(year: int) -> None:
    period = understand("What happened in February?", (), Scope(), NOW).period
    assert period is not None
    assert period.holds(date(2024, 2, 29))
    assert not period.holds(date(year, 3, 1))
    meant = {one.since.year: one for one in period.in_years_since(datetime(2020, 1, 1, tzinfo=UTC))}[year]
    assert (meant.until.month, meant.until.day) == (3, 1)


@pytest.mark.parametrize(
    ("span", "since"),
    [
        ("in the past eight days", "2025-10-14"),
        ("over the last couple of weeks", "2025-10-08"),
        ("within the last 24 hours", "2025-10-21"),
        ("during the last 36 hours", "2025-10-20"),
        ("in the last year", "2024-10-21"),
    ],
)
def test_the_span_of_a_summary_is_a_bound(span: str, since: str) -> None:
    standalone = understand(f"What's new {span}?", (), Scope(), NOW)
    assert (standalone.summary_of, day(standalone.scope.since)) == ("", since)


@pytest.mark.parametrize(
    "text",
    [
        "why" + " is that" * 60 + " x",
        "bye " * 120 + "x",
        "thank you you " * 40 + "x",
        "what can i say you " * 25 + "x",
        "what's new " + "since a\n" * 60 + "x",
    ],
)
def test_no_text_takes_long_to_be_told_from_a_question(text: str) -> None:
    # Each of these had twice as many ways to be matched for every two words: seconds, then days.
    assert (bare_word(text), wants_help(text), summary_subject(text)) == ("", False, None)


def test_a_period_without_a_year_is_that_of_any_year_that_has_articles() -> None:
    period = understand("february 29", (), Scope(), NOW).period
    assert period is not None
    oldest, newest = datetime(2015, 1, 1, tzinfo=UTC), datetime(2019, 5, 1, tzinfo=UTC)
    assert [one.since.year for one in period.in_years_since(oldest)] == [2024, 2020, 2016]
    assert period.nearest_to(newest, oldest).words == "29 February 2020"


def day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def test_the_bounds_that_were_given_are_kept() -> None:
    given = Scope(since=datetime(2025, 1, 1, tzinfo=UTC))
    assert understand("What happened since Monday?", (), given, NOW).scope.since == given.since


def test_words_are_relative_to_when_the_question_was_asked() -> None:
    asked = Scope(asked_at=datetime(2024, 2, 2, tzinfo=UTC))
    assert day(understand("What happened yesterday?", (), asked, NOW).scope.since) == "2024-02-01"


@pytest.mark.parametrize(
    "question", ["What is the latest on the bridge?", "Where is Putin now?", "Who currently leads?"]
)
def test_the_latest_is_a_preference_not_a_filter(question: str) -> None:
    standalone = understand(question, (), Scope(), NOW)
    assert standalone.prefers_newest
    assert standalone.scope == Scope()


SIGNED = Turn(
    "Who signed for them?",
    "“ZELL (Coast Wire) — After four days Tom Okere has signed.” [1]\n“OXMERE — He has not.” [2]",
)
SHUT = Turn("Why is the bridge shut?", "Because of a crack. [1]")


@pytest.mark.parametrize(
    ("question", "before", "standalone"),
    [
        ("And Hungary?", ARREST, "Will Hungary arrest Putin?"),
        ("What about Hungary?", ARREST, "Will Hungary arrest Putin?"),
        ("Why?", ARREST, "Why will Poland arrest Putin?"),
        ("When was that?", ARREST, "When will Poland arrest Putin?"),
        ("And why not?", SPOKESMAN, "Why: Who is the Kremlin spokesman?"),
        ("When?", Turn("Why?", "", "Why: Who is he?"), "When: Who is he?"),
        ("yes", ARREST, "Will Poland arrest Putin?"),
        ("What did he say?", SPOKESMAN, "What did Dmitry Peskov say?"),
        ("What is his job?", SPOKESMAN, "What is Dmitry Peskov's job?"),
        ("Who is the president of France?", ARREST, "Who is the president of France?"),
        ("How high is the harbour bridge?", ARREST, "How high is the harbour bridge?"),
        ("How old is he?", SIGNED, "How old is Tom Okere?"),
        ("For how long?", SHUT, "For how long is the bridge shut?"),
        ("and since when", SHUT, "Since when is the bridge shut?"),
        ("why there?", SHUT, "Why is the bridge shut?"),
        ("By how many votes?", Turn("Who won in Zell?", "Holt did. [1]"), "Who won in Zell by how many votes?"),
        ("what for?", SHUT, "For what is the bridge shut?"),
        ("Up to what weight", SHUT, "Up to what weight is the bridge shut?"),
        ("within what time?", SHUT, "Within what time is the bridge shut?"),
        ("which lorries?", SHUT, "which lorries (Why is the bridge shut)?"),
        ("How many people died?", SHUT, "How many people died?"),
        ("In what year did Zell fall?", SHUT, "In what year did Zell fall?"),
    ],
)
def test_follow_ups_stand_alone(question: str, before: Turn, standalone: str) -> None:
    made, how = stand_alone(question, [before])
    assert made == standalone
    assert bool(how) == (made != question)


WON = Turn("Who won in Zell?", "Holt won in Zell. [1]")


@pytest.mark.parametrize(
    ("between", "named"),
    [
        (Turn("By how many votes?", "Berg lost by 11 votes. [1]", "Who won in Zell by how many votes?"), "Holt"),
        (Turn("Why?", "Berg had angered many. [1]", "Why: Who won in Zell?"), "Holt"),
        (Turn("Against whom?", "It was Berg. [1]", "Who won in Zell against whom?"), "Berg"),
        (Turn("Who is Berg?", "Berg is a pilot. [1]"), "Berg"),
    ],
)
def test_a_pronoun_means_whom_the_last_whole_answer_names(between: Turn, named: str) -> None:
    assert stand_alone("When does she begin?", [WON, between])[0] == f"When does {named} begin?"


def test_words_that_begin_a_quotation_are_nobody() -> None:
    told = Turn("Who opposed the plan?", "“It's a bridge too far,” said Orban. [1]")
    assert stand_alone("Why does he want it?", [told])[0] == "Why does Orban want it?"


def test_her_is_a_person_where_nothing_is_hers() -> None:
    assert stand_alone("Who met her in June?", [WON])[0] == "Who met Holt in June?"
    assert stand_alone("Who met her?", [WON])[0] == "Who met Holt?"
    assert stand_alone("Who met her brother?", [WON])[0] == "Who met Holt's brother?"


def test_each_of_several_follow_ups_is_asked_of_the_whole_question() -> None:
    first = Turn("for how long?", "Three weeks. [1]", "For how long is the bridge shut?")
    second = Turn("And since when?", "Since May. [1]", "Since when is the bridge shut?")
    assert stand_alone("At what cost?", [SHUT, first, second])[0] == "At what cost is the bridge shut?"
    won = Turn("By how many votes?", "By 11. [1]", "Who won in Zell by how many votes?")
    assert stand_alone("in what year?", [WON, won])[0] == "Who won in Zell in what year?"


def test_a_bare_follow_up_knows_what_was_told_of_its_question_and_no_other() -> None:
    history = [Turn("Who is he?", "A man. [1]"), ARREST, Turn("Why?", "", "Why will Poland arrest Putin?")]
    asked = understand("And when?", history, Scope(), NOW)
    assert (asked.asks, asked.told) == ("when", (ARREST.answer,))
    assert understand("Why?", [Turn("Who is he?", "")], Scope(), NOW).asks == ""
    assert understand("Who is he?", history, Scope(), NOW).asks == ""


@pytest.mark.parametrize(
    ("question", "more"),
    [("tell me more", True), ("More please!", True), ("And?", True), ("ok, what else?", True), ("go on", True),
     ("Can you tell me more about that?", True), ("yes", False), ("and Hungary?", False), ("More troops?", False),
     ("What else did he say?", False)],
)  # fmt: skip
def test_a_wish_for_more_is_told_from_a_question(question: str, more: bool) -> None:
    assert wants_more(question) == more


def test_more_is_asked_of_what_the_answers_since_the_last_question_quoted() -> None:
    before = Turn("Who is he?", "A man. [1]", article_ids=("old",))
    first = Turn("Will Poland arrest Putin?", "It will not. [1]", article_ids=("a",))
    further = Turn("tell me more", "It is far. [1] [2]", "Will Poland arrest Putin?", article_ids=("a", "b"))
    asked = understand("what else?", [before, first, further], Scope(), NOW)
    assert (asked.question, asked.asks) == ("Will Poland arrest Putin?", "more")
    assert asked.told == ("It will not. [1]", "It is far. [1] [2]")
    assert asked.told_from == ("a", "b")
    assert understand("tell me more", [Turn("Who is he?", "The articles do not say.")], Scope(), NOW).asks == ""


@pytest.mark.parametrize("question", ["And Hungary?", "Why?", "yes", "What did he say?"])
def test_without_history_a_question_is_left_alone(question: str) -> None:
    assert stand_alone(question, []) == (question, "")


@pytest.mark.parametrize(
    ("question", "before", "meant"),
    [
        pytest.param(
            "And what does the mission cost?",
            Turn("Why was the start of Petrel-2 put off?", "It was postponed because of strong winds. [1]"),
            "what does the mission cost (Petrel-2)?",
            id="the subject is named nowhere in it",
        ),
        pytest.param(
            "Will she appeal?",
            Turn("Who lost to Anna Berg?", "Dagny Holt lost by 11 votes. [1]"),
            "Will Anna Berg appeal?",
            id="a pronoun may be another name",
        ),
        pytest.param(
            "How did they vote on it?",
            Turn("How did the strike end?", "The crews went back to work. [1]"),
            "How did they vote on it (How did the strike end)?",
            id="asked of the question before",
        ),
    ],
)
def test_a_follow_up_may_mean_something_else_as_well(question: str, before: Turn, meant: str) -> None:
    standalone = understand(question, (before,), Scope(), NOW)
    assert meant in (standalone.question, *standalone.other_readings)
    assert standalone.question not in standalone.other_readings
    assert len(standalone.other_readings) <= 4


@pytest.mark.parametrize("question", ["Who is the mayor of Skarne?", "Why?", "yes"])
def test_what_points_at_nothing_has_one_reading(question: str) -> None:
    before = Turn("Will Hungary arrest Putin?", "It would not. [1]")
    assert readings_beside(question, (before,), question) == ()
    assert readings_beside(question, (), question) == ()
