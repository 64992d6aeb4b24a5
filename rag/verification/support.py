"""Does this evidence bear out this claim? Wording, numbers, dates, names, places in the sentence, negation, quotation."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from rag.verification.lexicon import DOUBTS, HARD_NEGATORS, NEGATORS, REPORTING, listed
from rag.verification.parsing import Mention, Reading, flat
from rag.verification.quantities import CURRENCIES, Day, Number, resolved
from rag.verification.tokens import CONTRARY, initials, root, same_name, stem

# Share of a claim's words that its quote must hold, weighted. Measured by benchmarks/measure_proof.py: the lowest that
# keeps corrupted claims out; docs/quality.md has the curve.
CLOSE_ENOUGH = 0.75
NOT_CLOSE = "its wording is not close to any quote"
FOREIGN_NAME = "a name that the quote does not have"
PREDICATE_HELD = 0.6
NAME_WEIGHT = 1.5
REPORTING_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sentences that may bear out a claim, and what the reader sees beside them: title and outlet, publication date."""

    reading: Reading
    beside: Reading
    published: date | None
    sentences: tuple[Reading, ...] = ()


def weight(word: str, names: Container[str]) -> float:
    """How much a word of a claim counts: names more, words of reporting hardly."""
    if word in REPORTING_STEMS:
        return REPORTING_WEIGHT
    return NAME_WEIGHT if word in names else 1.0


REPORTING_STEMS = frozenset(stem(word) for word in REPORTING | DOUBTS) | REPORTING
MONEY = frozenset(CURRENCIES.values())


def coverage(claim: Reading, held: frozenset[str]) -> float:
    """Weighted share of the claim's words of content among the stems held, in [0, 1]."""
    names = {stem(low): root(low) for name in claim.names for low in name}
    total = sum(weight(word, names) for word in claim.stems)
    kept = sum(weight(word, names) for word in claim.stems if word in held or names.get(word) in held)
    return kept / total if total else 0.0


def common_words(claim: Reading) -> frozenset[str]:
    """The stems of a claim's words of content that are neither names nor of reporting."""
    return claim.stems - REPORTING_STEMS - {stem(low) for name in claim.names for low in name}


def predicate_coverage(claim: Reading, held: frozenset[str]) -> float:
    """The same of the words that are no names: "Hungary will arrest Putin" is about arresting. 1 when there are none."""
    common = common_words(claim)
    return len(common & held) / len(common) if common else 1.0


def objection(claim: Reading, evidence: Evidence, close_enough: float = CLOSE_ENOUGH) -> str:
    """Why the evidence does not bear out the claim, "" when it does."""
    # Title and outlet may lend a name, they are no proof by themselves: "meeting" in a title is not what was said.
    lent = frozenset(word for name in evidence.beside.names for low in name for word in (stem(low), root(low)))
    own_words = evidence.reading.all_stems
    checks = (
        (foreign_numbers, "a number or date that the quote does not have"),
        (foreign_names, FOREIGN_NAME),
        (foreign_quotation, "words in quotation marks that the quote does not have"),
        (says_contrary, "the contrary of a word in the quote"),
        (other_polarity, "a negation that differs from the quote"),
        (lost_hedge, "as a fact what the quote gives as possible"),
        (wider, "more than the quote"),
        (swapped, "a name or number in another's place"),
        (apart, "of a name what the quote says of another"),
        (picked, "a word that the quote has in another sentence"),
        (added, "something more than the quote"),
    )
    if not claim.stems and not claim.figures.numbers:
        return "it says nothing that could be checked"
    own = coverage(claim, own_words)
    predicate = predicate_coverage(claim, own_words)
    if coverage(claim, own_words | lent) < close_enough or own < close_enough / 2 or predicate < PREDICATE_HELD:
        return NOT_CLOSE
    found = next((name for check, name in checks if check(claim, evidence)), "")
    return found and f"it says {found}"


def foreign_numbers(claim: Reading, evidence: Evidence) -> bool:
    """Is there a number, year, date or weekday in the claim that the evidence lacks?"""
    known = evidence.reading.figures
    numbers = (*known.numbers, *evidence.beside.figures.numbers)
    return (
        any(not number_borne_out(number, numbers, evidence) for number in claim.figures.numbers)
        or any(not day_borne_out(day, evidence) for day in claim.figures.days)
        or any(not weekday_borne_out(weekday, evidence) for weekday in claim.figures.weekdays)
    )


def number_borne_out(number: Number, known: Iterable[Number], evidence: Evidence) -> bool:
    """The same value, of the same kind and unit where both name one."""
    if number.value == 1 and not number.kind and not number.unit:
        return True  # "one of them"
    for other in known:
        money = bool({number.unit, other.unit} & MONEY) and bool(number.unit)
        same_unit = number.unit == other.unit or (not money and not (number.unit and other.unit)) or not number.unit
        if other.value == number.value and other.kind == number.kind and same_unit:
            return True
    if number.kind or number.unit:
        return False
    days = evidence.reading.figures.days
    if number.value in evidence.reading.figures.years or number.value in {day.day for day in days}:
        return True
    undated = any(day.year is None for day in days) or "year" in evidence.reading.stems
    return bool(evidence.published and number.value == evidence.published.year and undated)


def day_borne_out(day: Day, evidence: Evidence) -> bool:
    """The same date as far as the claim goes; a missing year, weekdays and "yesterday" count from publication."""
    published = evidence.published
    for other in evidence.reading.figures.days:
        year = other.year or (published.year if published else None)
        same_year = day.year is None or day.year == year or (published is None and other.year is None and not day.year)
        if other.month == day.month and (day.day is None or other.day == day.day) and same_year:
            return True
    moment = resolved(day, published)
    if published is None:
        return False
    if moment is None:
        relative = evidence.reading.figures.relative or evidence.reading.figures.weekdays
        return bool(relative or "month" in evidence.reading.stems) and (day.month, day.year or published.year) == (
            published.month,
            published.year,
        )
    named = moment.weekday() in evidence.reading.figures.weekdays and abs(moment - published) <= timedelta(days=7)
    return named or any(moment == published + timedelta(days=shift) for shift in evidence.reading.figures.relative)


def weekday_borne_out(weekday: int, evidence: Evidence) -> bool:
    """The same weekday named, or a date of the evidence that falls on it."""
    known = evidence.reading.figures
    moments = [resolved(day, evidence.published) for day in known.days]
    if evidence.published:
        moments += [evidence.published + timedelta(days=shift) for shift in known.relative]
    return weekday in known.weekdays or any(moment and moment.weekday() == weekday for moment in moments)


def foreign_names(claim: Reading, evidence: Evidence) -> bool:
    """Is there a name in the claim that neither the evidence nor its title and outlet have?"""
    lows = evidence.reading.lows | evidence.beside.lows
    capitals = initials(word.text for word in evidence.reading.words)
    for name in claim.names:
        if len(name) > 1 and "".join(word[0] for word in name) in lows:
            continue  # International Criminal Court for ICC
        for low in name:
            acronym = len(low) >= 2 and low in capitals
            if not acronym and low not in lows and not any(same_name(low, other) for other in lows):
                return True
    return False


def foreign_quotation(claim: Reading, evidence: Evidence) -> bool:
    """Does the claim quote words that do not stand there?"""
    there = f" {flat(evidence.reading.text)} {flat(evidence.beside.text)} "
    return any(f" {words} " not in there for words in claim.quoted)


def says_contrary(claim: Reading, evidence: Evidence) -> bool:
    """Does the claim use the opposite of a word that the evidence uses, and not that word itself?"""
    there = evidence.reading.all_stems
    for word in claim.all_stems - there:
        if CONTRARY.get(word, frozenset()) & there:
            return True
        if any(
            prefix + word in there or (word.startswith(prefix) and word[len(prefix) :] in there and len(word) > 5)
            for prefix in ("un", "in", "im", "il", "ir", "dis", "non")
        ):
            return True
    return False


def other_polarity(claim: Reading, evidence: Evidence) -> bool:
    """Does one of the two deny what the other states? Verbs like "refuse" that both use deny alike in both."""
    there = evidence.reading
    common = {word for word in (*claim.negators, *there.negators) if word in SOFT} & claim.all_stems & there.all_stems
    mine = [governed for governed, by in zip(claim.negated, claim.negators, strict=True) if by not in common]
    theirs = [governed for governed, by in zip(there.negated, there.negators, strict=True) if by not in common]
    if len(mine) > len(theirs):
        return True
    denied_there = {word for governed in theirs for word in governed}
    if any(not set(governed) & denied_there for governed in mine):
        return True
    denied_here = {word for governed in mine for word in governed}
    for governed in theirs:
        shared = [word for word in governed if word in claim.stems]
        # The head of a denial counts; of the words behind it one may recur by chance.
        if shared and (shared[0] == governed[0] or len(shared) >= 2) and not denied_here & set(governed[:2]):
            return True
    return False


def lost_hedge(claim: Reading, evidence: Evidence) -> bool:
    """Does the claim state flatly what the evidence gives as planned, possible or alleged, or as sure to come what the
    evidence only doubts?"""
    return any(
        governed and governed[0] in claim.stems and set(governed).isdisjoint(word for mine in kept for word in mine)
        for kept, given in (
            (claim.hedged, evidence.reading.hedged),
            (claim.doubted, evidence.reading.doubted),
        )
        for governed in given
    )


def wider(claim: Reading, evidence: Evidence) -> bool:
    """Does the claim say "all", "only" or "most" of what the evidence does not?"""
    for mine, theirs in zip(claim.quantified, evidence.reading.quantified, strict=True):
        for governed in mine:
            if not any(set(governed[:2]) & set(other) or not governed for other in theirs):
                return True
    return False


def apart(claim: Reading, evidence: Evidence) -> bool:
    """Is a name of the claim in one sentence of the evidence and what is said of it only in others?

    A sentence that begins by pointing back ("He", "Its", "The company") may go on about a name of the one before.
    """
    for mine in claim.mentions:
        near = {word for word in (*mine.left, *mine.right) if word and word not in SMALL} & evidence.reading.stems
        homes = [
            n for n, one in enumerate(evidence.sentences) if any(same_mention(mine, other) for other in one.mentions)
        ]
        if not near or not homes:
            continue
        reach = set(homes)
        for n, one in enumerate(evidence.sentences):
            if n - 1 in reach and one.lows & POINTING:
                reach.add(n)
        if not any(near & evidence.sentences[n].stems for n in reach):
            return True
    return False


def picked(claim: Reading, evidence: Evidence) -> bool:
    """Do the sentences around the one that a claim is of lend it one common word and nothing else?

    "The bloc met. Hungary would withdraw." is no proof that it would withdraw from the bloc; a sentence that a claim sums
    up with another lends more than a word, one that a pronoun points back to lends a name.
    """
    if len(evidence.sentences) < 2:
        return False
    common = common_words(claim)
    held = [common & one.all_stems for one in evidence.sentences]
    main = max(held, key=len)
    return len(frozenset().union(*held) - main) == 1


def added(claim: Reading, evidence: Evidence) -> bool:
    """Does the claim hang something on words of the evidence that the evidence does not have: "withdraw *from the meeting*"?"""
    there = evidence.reading.all_stems
    words = claim.words
    for at, word in enumerate(words):
        if word.low not in LINKS or at == 0 or words[at - 1].stem not in there:
            continue
        after = next((w for w in words[at + 1 : at + 4] if w.content and w.clause == word.clause), None)
        # Names, numbers and dates have checks of their own.
        if after is not None and not after.capital and after.stem in claim.stems - there - REPORTING_STEMS:
            return True
    return False


LINKS = frozenset(listed("from of in on at to for with by against into over about"))
PRONOUNS = frozenset(listed("he she it they his her its their him them this these who we i our my"))
POINTING = PRONOUNS | {"that", "which", "such", "the"}
SOFT = frozenset(stem(word) for word in NEGATORS - HARD_NEGATORS)


def likeness(one: Mention, other: Mention) -> float:
    """How alike two places in a sentence are: their neighbours, the nearest counting double."""
    alike = 0.0
    for mine, theirs in ((one.left, other.left), (one.right, other.right)):
        for n, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            if a == b:
                alike += (2.0 if a and a not in SMALL else 0.75 if a else 0.5) / (n + 1)
    return alike


SMALL = frozenset(
    listed("of in to and for on at by with from as is was were be been has have had that it he she his her not or")
)


BESIDE_THE_SAME = 1.75
"""Likeness from which two places are one: "arrived in ..." and nothing else. Measured like the others."""


def swapped(claim: Reading, evidence: Evidence) -> bool:
    """Does a name or number of the claim stand where the evidence has another one, and not where it has this one?"""
    there = evidence.reading.mentions
    for mine in claim.mentions:
        own = [likeness(mine, other) for other in there if same_mention(mine, other)]
        rival = [
            likeness(mine, other) for other in there if other.number == mine.number and not same_mention(mine, other)
        ]
        if rival and max(rival) >= BESIDE_THE_SAME and max(rival) > max(own, default=0.0):
            return True
    return False


def same_mention(one: Mention, other: Mention) -> bool:
    """Do two mentions name the same?"""
    if one.number or other.number:
        return one.key == other.key
    return any(same_name(a, b) for a in one.key for b in other.key)
