"""Whether sentences of an article support a claim: wording, quantities, names and their places, negation, quotation."""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

from rag.verification.lexicon import DOUBTS, FUNCTION_WORDS, HARD_NEGATORS, LINKS, NEGATORS, POINTING, REPORTING
from rag.verification.parsed_text import Mention, ParsedText, words_only
from rag.verification.quantities import CURRENCIES, Day, Number, calendar_date, year_of
from rag.verification.tokens import OPPOSITE_STEMS, initials, name_root, same_name, synonym_stem

# Share of a claim's words that its quote must hold, weighted. Measured by benchmarks/measure_proof.py: the lowest that
# keeps corrupted claims out.
MIN_COVERAGE = 0.75
MIN_PREDICATE_COVERAGE = 0.6
NAME_WEIGHT = 1.5
REPORTING_WEIGHT = 0.2
SAME_PLACE = 1.75
"""Similarity from which two places in a sentence are one: "arrived in ..." and nothing else. Measured like the others."""

NOT_CLOSE = "its wording is not close to any quote"
FOREIGN_NAME = "a name that the quote does not have"

REPORTING_STEMS = frozenset(synonym_stem(word) for word in REPORTING | DOUBTS) | REPORTING
NEGATING_VERBS = frozenset(synonym_stem(word) for word in NEGATORS - HARD_NEGATORS)
NEGATING_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non")
BEGINNING = frozenset(synonym_stem(word) for word in ("move", "agree", "decide", "vote", "start", "ask", "offer"))
"""Verbs after which another one says what is meant."""
MONEY = frozenset(CURRENCIES.values())


UNLIMITED = re.compile(
    r"\b(?:first|only|sole|worst|best|record|(?:larg|bigg|small|high|low|long|short|old|young|fast|slow|deadli|strong|weak|heavi|hott"
    r"|cold|wett|dri|clos|earli|rich|poor|busi)est)\b",
    re.IGNORECASE,
)
LIMIT_AFTER = re.compile(
    r"[^,;.]{0,40}?\b(?P<word>since|this (?:season|year|month|week|decade|century|summer|winter|spring|autumn)"
    r"|in (?:\w+ ){1,2}(?:years|months|decades|centuries))\b",
    re.IGNORECASE,
)
LIMIT_BEFORE = re.compile(r"\b(?P<word>one of) (?:\S+ ){0,3}$", re.IGNORECASE)
"""What makes "the largest" less than that."""


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """Sentences that may support a claim. headline: title and outlet, which the reader sees with the quote."""

    quote: ParsedText
    headline: ParsedText
    published: date | None
    sentences: tuple[ParsedText, ...]


def missing_support(claim: ParsedText, evidence: EvidenceSpan, min_coverage: float = MIN_COVERAGE) -> str:
    """Why the evidence does not support the claim, "" if it does."""
    if not claim.stems and not claim.quantities.numbers:
        return "it says nothing that could be checked"
    return contradiction(claim, evidence) if is_close(claim, evidence, min_coverage) else NOT_CLOSE


def is_close(claim: ParsedText, evidence: EvidenceSpan, min_coverage: float) -> bool:
    """True if the evidence has the claim's words, but for a few."""
    # The headline may supply a name but no statement: "meeting" in a title is not what was said.
    headline_names = {word for name in evidence.headline.names for word in name}
    stems = evidence.quote.all_stems
    with_names = stems.union(map(synonym_stem, headline_names), map(name_root, headline_names))
    return (
        claim_coverage(claim, with_names) >= min_coverage
        and claim_coverage(claim, stems) >= min_coverage / 2
        and predicate_coverage(claim, stems) >= MIN_PREDICATE_COVERAGE
    )


def contradiction(claim: ParsedText, evidence: EvidenceSpan) -> str:
    """What the claim says that the evidence does not, or says otherwise; "" without any."""
    if found := foreign_fact(claim, evidence):
        return found
    checks = (
        (opposite_word, "the contrary of a word in the quote"),
        (changed_negation, "a negation that differs from the quote"),
        (dropped_hedge, "as a fact what the quote gives as possible"),
        (widened_quantifier, "more than the quote"),
        (dropped_limit, "more than the quote"),
        (swapped_mention, "a name or number in another's place"),
        (misattributed_statement, "of a name what the quote says of another"),
        (borrowed_word, "a word that the quote has in another sentence"),
    )
    return next((f"it says {what}" for check, what in checks if check(claim, evidence)), "")


def foreign_fact(claim: ParsedText, evidence: EvidenceSpan) -> str:
    """The number, date, name or quotation of the claim that the evidence lacks, in words; "" without any.

    Code is surer of these than any model, however far the wording of a claim is from its quote.
    """
    checks = (
        (foreign_number, "a number or date that the quote does not have"),
        (foreign_name, FOREIGN_NAME),
        (foreign_quotation, "words in quotation marks that the quote does not have"),
    )
    return next((f"it says {what}" for check, what in checks if check(claim, evidence)), "")


def claim_coverage(claim: ParsedText, stems: frozenset[str]) -> float:
    """Weighted share of the claim's words of content that are among the stems, in [0, 1]."""
    total = sum(weight(word, claim.name_roots) for word in claim.stems)
    covered = sum(
        weight(word, claim.name_roots) for word in claim.stems if word in stems or claim.name_roots.get(word) in stems
    )
    return covered / total if total else 0.0


def weight(word: str, names: Container[str]) -> float:
    if word in REPORTING_STEMS:
        return REPORTING_WEIGHT
    return NAME_WEIGHT if word in names else 1.0


def common_words(claim: ParsedText) -> frozenset[str]:
    """Stems of the claim's words of content that are neither names nor words of reporting."""
    return claim.stems - REPORTING_STEMS - claim.name_roots.keys()


def predicate_coverage(claim: ParsedText, stems: frozenset[str]) -> float:
    """Share of the common words among the stems, 1 without any: "Hungary will arrest Putin" is about arresting."""
    common = common_words(claim)
    return len(common & stems) / len(common) if common else 1.0


def foreign_number(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim has a number, date or weekday that the evidence lacks."""
    quantities = evidence.quote.quantities
    numbers = (*quantities.numbers, *evidence.headline.quantities.numbers)
    return (
        any(not has_number(number, numbers, evidence) for number in claim.quantities.numbers)
        or any(not has_day(day, evidence) for day in claim.quantities.days)
        or any(not has_weekday(weekday, evidence) for weekday in claim.quantities.weekdays)
    )


def has_number(number: Number, known: Iterable[Number], evidence: EvidenceSpan) -> bool:
    """True for the same value, of the same kind, and of the same unit where both name one."""
    bare = not number.kind and not number.unit
    if number.value == 1 and bare:
        return True  # "one of them"
    for other in known:
        # An amount of money is no bare number; another measure may be.
        same_unit = number.unit in ("", other.unit) or (not other.unit and number.unit not in MONEY)
        if other.value == number.value and other.kind == number.kind and same_unit:
            return True
    if not bare:
        return False
    quantities = evidence.quote.quantities
    if number.value in quantities.years or number.value in {day.day for day in quantities.days}:
        return True
    undated = any(day.year is None for day in quantities.days) or "year" in evidence.quote.stems
    return bool(evidence.published and number.value == evidence.published.year and undated)


def has_day(day: Day, evidence: EvidenceSpan) -> bool:
    """True for the same date as far as the claim gives it; what the evidence leaves out counts from publication."""
    published = evidence.published
    quantities = evidence.quote.quantities
    for other in quantities.days:
        same_day = other.month == day.month and day.day in (None, other.day)
        if same_day and day.year in (None, year_of(other, published)):
            return True
    if published is None:
        return False
    moment = calendar_date(day, published)
    if moment is None:
        # A month alone: "this month", "on Friday" and "yesterday" are of the month of publication.
        dated = quantities.relative or quantities.weekdays or "month" in evidence.quote.stems
        return bool(dated) and (day.month, year_of(day, published)) == (published.month, published.year)
    named = moment.weekday() in quantities.weekdays and abs(moment - published) <= timedelta(days=7)
    return named or (moment - published).days in quantities.relative


def has_weekday(weekday: int, evidence: EvidenceSpan) -> bool:
    """True for the same weekday, or a date that falls on it."""
    quantities = evidence.quote.quantities
    moments = [calendar_date(day, evidence.published) for day in quantities.days]
    if evidence.published:
        moments += [evidence.published + timedelta(days=shift) for shift in quantities.relative]
    return weekday in quantities.weekdays or any(moment and moment.weekday() == weekday for moment in moments)


def foreign_name(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if a name of the claim is in neither the quote nor the headline; acronyms may stand for names."""
    return has_unknown_name(claim, (evidence.quote, evidence.headline))


def has_unknown_name(claim: ParsedText, texts: Sequence[ParsedText]) -> bool:
    """True if a name of the claim is in none of the texts."""
    known = frozenset().union(*(text.lowercase for text in texts))
    capitals = [initials(word.text for word in text.words) for text in texts]
    for name in claim.names:
        if len(name) > 1 and "".join(word[0] for word in name) in known:
            continue  # International Criminal Court for ICC
        for word in name:
            acronym = len(word) >= 2 and any(word in letters for letters in capitals)
            if not acronym and word not in known and not any(same_name(word, other) for other in known):
                return True
    return False


def foreign_quotation(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim puts words in quotation marks that are not in the evidence."""
    known = f" {words_only(evidence.quote.text)} {words_only(evidence.headline.text)} "
    return any(f" {words} " not in known for words in claim.quoted)


def opposite_word(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim has the opposite of a word in the quote, and not that word itself."""
    known = evidence.quote.all_stems
    for word in claim.all_stems - known:
        if OPPOSITE_STEMS.get(word, frozenset()) & known:
            return True
        for prefix in NEGATING_PREFIXES:
            if prefix + word in known or (word.startswith(prefix) and word[len(prefix) :] in known and len(word) > 5):
                return True
    return False


def changed_negation(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if one of the two negates what the other states."""
    quote = evidence.quote
    # A verb like "refuse" in both negates the same in both.
    shared = NEGATING_VERBS & {*claim.negators, *quote.negators} & claim.all_stems & quote.all_stems
    in_claim, in_quote = (
        [governed for governed, negator in zip(text.negated, text.negators, strict=True) if negator not in shared]
        for text in (claim, quote)
    )
    negated_in_claim, negated_in_quote = set(chain.from_iterable(in_claim)), set(chain.from_iterable(in_quote))
    if len(in_claim) > len(in_quote) or any(negated_in_quote.isdisjoint(governed) for governed in in_claim):
        return True
    for governed in in_quote:
        stated = [word for word in governed if word in claim.stems]
        # The head of a negation counts; of the words behind it one may recur by chance.
        about_it = stated and (stated[0] == governed[0] or len(stated) >= 2)
        if about_it and negated_in_claim.isdisjoint(governed[:2]):
            return True
    return False


def dropped_hedge(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim states as fact what the quote gives as planned, possible or alleged, or as sure to come what
    the quote gives as uncertain."""
    return any(
        not claim.stems.isdisjoint(hedged_heads(governed)) and set(governed).isdisjoint(chain.from_iterable(in_claim))
        for in_claim, in_quote in (
            (claim.hedges, evidence.quote.hedges),
            (claim.uncertainty, evidence.quote.uncertainty),
        )
        for governed in in_quote
    )


def hedged_heads(governed: Sequence[str]) -> tuple[str, ...]:
    """What is given as possible: "would move to withdraw" is about moving, and about withdrawing."""
    return tuple(governed[: 2 if governed and governed[0] in BEGINNING else 1])


def widened_quantifier(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim says "all", "only" or "most" of what the quote does not."""
    return any(
        not any(not governed or set(governed[:2]) & set(other) for other in in_quote)
        for in_claim, in_quote in zip(claim.quantified, evidence.quote.quantified, strict=True)
        for governed in in_claim
    )


def dropped_limit(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim calls something the first, the only or the largest where the quote does so within a limit: "the first
    time since 1998", "the largest crowd this season", "one of his only allies"."""
    for found in UNLIMITED.finditer(claim.text):
        for sentence in evidence.sentences:
            for same in re.finditer(rf"\b{found[0]}\b", sentence.text, re.IGNORECASE):
                limit = LIMIT_AFTER.match(sentence.text, same.end()) or LIMIT_BEFORE.search(
                    sentence.text, 0, same.start()
                )
                if limit and not all(word in claim.lowercase for word in limit.group("word").lower().split()):
                    return True
    return False


def swapped_mention(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if a name or number of the claim is where the quote has another one, and not where the quote has it."""
    for mention in claim.mentions:
        same, rivals = [0.0], [0.0]
        for other in evidence.quote.mentions:
            if same_mention(mention, other):
                same.append(place_similarity(mention, other))
            elif mention.is_number == other.is_number:
                rivals.append(place_similarity(mention, other))
        if max(rivals) >= SAME_PLACE and max(rivals) > max(same):
            return True
    return False


def place_similarity(mention: Mention, other: Mention) -> float:
    """How alike the neighbours of two mentions are, the nearest counting double."""
    similarity = 0.0
    for words, others in ((mention.left, other.left), (mention.right, other.right)):
        for distance, (word, same) in enumerate(zip(words, others, strict=True), start=1):
            if word == same:
                # Both at the edge of the text: "" on each side.
                similarity += (0.5 if not word else 0.75 if word in FUNCTION_WORDS else 2.0) / distance
    return similarity


def same_mention(mention: Mention, other: Mention) -> bool:
    if mention.is_number or other.is_number:
        return mention.key == other.key
    return any(same_name(a, b) for a in mention.key for b in other.key)


def misattributed_statement(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if a name of the claim is in one sentence of the quote and what is said of it only in others.

    A sentence that points back ("He", "Its", "The company") may go on about a name of the one before.
    """
    for mention in claim.mentions:
        neighbours = ({*mention.left, *mention.right} - FUNCTION_WORDS) & evidence.quote.stems
        about = [any(same_mention(mention, other) for other in sentence.mentions) for sentence in evidence.sentences]
        if not neighbours or not any(about):
            continue
        for n, sentence in enumerate(evidence.sentences):
            about[n] = about[n] or (n > 0 and about[n - 1] and not sentence.lowercase.isdisjoint(POINTING))
        if not any(neighbours & s.stems for s, included in zip(evidence.sentences, about, strict=True) if included):
            return True
    return False


def borrowed_word(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the sentences around the one that supports a claim add a single common word to it.

    "The bloc met. Hungary would withdraw." does not say that it would withdraw from the bloc; a sentence that a claim
    sums up together with another adds more than a word, one that a pronoun points back to adds a name.
    """
    if len(evidence.sentences) < 2:
        return False
    common = common_words(claim)
    covered = [common & sentence.all_stems for sentence in evidence.sentences]
    return len(frozenset().union(*covered) - max(covered, key=len)) == 1


def added_detail(claim: ParsedText, evidence: EvidenceSpan) -> bool:
    """True if the claim ties to a word of the quote what the quote does not have: "withdraw *from the meeting*"."""
    known = evidence.quote.all_stems
    for at, link in enumerate(claim.words):
        if link.lowercase not in LINKS or at == 0 or claim.words[at - 1].stem not in known:
            continue
        following = (word for word in claim.words[at + 1 : at + 4] if word.is_content and word.clause == link.clause)
        detail = next(following, None)
        # Names, numbers and dates have checks of their own.
        if detail and not detail.capital and detail.stem in claim.stems - known - REPORTING_STEMS:
            return True
    return False
