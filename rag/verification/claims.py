"""Verify a draft: each claim against the sentences of the passages it cites, then of the others. Pure, bounded work."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from operator import itemgetter

from rag.answer import Citation, headline_of
from rag.prompt_injection import flagged_sentences, is_instruction
from rag.sentences import sentence_spans
from rag.text import clean_line
from rag.verification.draft import Claim, claims_of, is_abstention, is_forbidden
from rag.verification.lexicon import PRONOUNS
from rag.verification.parsed_text import ParsedText, parse_text, words_only
from rag.verification.quantities import WEEKDAYS, calendar_date
from rag.verification.support import (
    FOREIGN_NAME,
    MIN_COVERAGE,
    NOT_CLOSE,
    EvidenceSpan,
    added_detail,
    claim_coverage,
    contradiction,
    foreign_fact,
    is_close,
    missing_support,
)
from rag.verification.verifier import CLOSE, FREE, Verifier
from vectorstore.values import Chunk, Hit, Span

MAX_QUOTE_SENTENCES = 3
"""In one quote: "he" often has its name two sentences before."""
MAX_QUOTE = 1_200
MAX_CHECKED_SPANS = 12
"""How many of the closest spans are checked for one claim."""
SENTENCE_COST = 0.08
"""Share of the claim that each further sentence must add. A guess, in the order of one word of twelve."""
CITED_BONUS = 0.05
HALF_COVERAGE = 0.5
"""Of a claim in other words than its quote: less has a chance of being about something else. Measured: docs/experiments.md."""
DAY_PREPOSITION = re.compile(r",?\s+(?:on|in|by|until|since|from)\s*$", re.IGNORECASE)
MAX_READ_SPANS = 4
"""Spans that the networks read for a claim in their words, and as many for one in other words: some 100 ms each."""
MAX_CONTEXT = 600
"""Characters of a passage around a quote in which another name may stand in a claim's place."""
MAX_JOINED, MAX_JOINT_PAIRS = 3, 3
"""Of the closest spans, how many are joined with others, and how many pairs the networks read."""
LEAST_ADDED = 2
"""Words that the second of two spans must add."""
DENIED = "the quote says otherwise, as the verifier reads it"
CLOSE_COVERAGE = 0.7
"""A sentence that holds this share of a claim is about the same thing. A guess that measured well."""


@dataclass(frozen=True, slots=True)
class CandidateSpan:
    """Adjacent sentences of one passage that may be quoted together. `passage` counts from 0, offsets in the article.

    context: their text with that of the sentences around them.
    """

    passage: int
    span: Span
    stems: frozenset[str]
    evidence: EvidenceSpan
    context: str

    @property
    def sentences(self) -> int:
        return len(self.evidence.sentences)

    @property
    def place(self) -> tuple[int, Span]:
        return self.passage, self.span

    @property
    def text(self) -> str:
        return self.evidence.quote.text


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """A claim with its quotes, or the reason why it has none. `repairable`: worth asking the model again.

    nearest: without quotes, the closest span that has the claim's numbers, dates, names and quotations; None without one.
    """

    claim: Claim
    quotes: tuple[CandidateSpan, ...] = ()
    reason: str = ""
    repairable: bool = False
    nearest: CandidateSpan | None = None


@dataclass(frozen=True, slots=True)
class VerifiedClaims:
    """A verdict on each claim of a draft. abstained: it says only that the articles do not say."""

    verdicts: tuple[ClaimVerdict, ...]
    abstained: bool

    @property
    def supported(self) -> tuple[ClaimVerdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.quotes)

    @property
    def repairable(self) -> tuple[ClaimVerdict, ...]:
        """The claims that have no quote and might have one in other words."""
        return tuple(verdict for verdict in self.verdicts if verdict.repairable)


def verify_claims(draft: str, hits: Sequence[Hit], verifier: Verifier, complete: bool = True) -> VerifiedClaims:
    """Verify every sentence of a draft whose [n] means hits[n - 1]."""
    candidates = [span for number, hit in enumerate(hits) for span in candidate_spans(number, hit.chunk)]
    verdicts = tuple(verify_claim(claim, candidates, verifier) for claim in claims_of(draft, complete))
    answered = any(verdict.quotes or verdict.repairable for verdict in verdicts)
    return VerifiedClaims(verdicts, not answered and any(is_abstention(v.claim.text) for v in verdicts))


def verify_claim(claim: Claim, candidates: Sequence[CandidateSpan], verifier: Verifier) -> ClaimVerdict:
    """Find the quotes that support one claim: one span, or one from each of two passages that it cites.

    By its words, unless the networks read something else; or in other words, where they are sure and code finds nothing against
    it.
    """
    if reason := never_shown(claim.text):
        return ClaimVerdict(claim, reason=reason)
    parsed = parse_text(claim.text)
    cited = {mark - 1 for mark in claim.marks}
    ranked = sorted(candidates, key=lambda candidate: rank(parsed, candidate, cited))[:MAX_CHECKED_SPANS]
    reason = "no passage was given"
    close: list[CandidateSpan] = []
    in_other_words: list[CandidateSpan] = []
    read = 0
    for number, candidate in enumerate(sorted(ranked, key=lambda candidate: candidate.sentences)):
        if any(outvotes(sentence, candidate, parsed) for sentence in close):
            continue
        threshold = MIN_COVERAGE + SENTENCE_COST * (candidate.sentences - 1) / 2
        missing = missing_support(parsed, candidate.evidence, threshold)
        if not missing and added_detail(parsed, candidate.evidence):
            missing = NOT_CLOSE
        if not missing:
            if is_verbatim(parsed, candidate):
                return ClaimVerdict(claim, (candidate,))
            read += 1
            asked = in_the_quotes_days(parsed, candidate)
            if read <= MAX_READ_SPANS and surplus(asked, candidate, verifier, CLOSE) >= 0:
                return ClaimVerdict(claim, (candidate,))
            missing = DENIED
        if number == 0 or candidate is ranked[0]:
            reason = missing
        coverage = claim_coverage(parsed, candidate.stems)
        may_say_it = missing == NOT_CLOSE and coverage >= HALF_COVERAGE and len(in_other_words) < MAX_READ_SPANS
        if may_say_it and not contradiction(parsed, candidate.evidence):
            in_other_words.append(candidate)
        # A sentence that says nearly this, but not this, is not outvoted by its neighbours: they may only supply the
        # name that a pronoun refers to.
        about_same = missing != NOT_CLOSE and coverage >= CLOSE_COVERAGE
        lacks_name = FOREIGN_NAME in missing and not candidate.evidence.quote.lowercase.isdisjoint(PRONOUNS)
        if candidate.sentences == 1 and about_same and not lacks_name:
            close.append(candidate)
    probable = [(surplus(parsed, span, verifier, FREE), span) for span in in_other_words]
    certainty, best = max(probable, key=itemgetter(0), default=(-1.0, None))
    if best and certainty >= 0:
        return ClaimVerdict(claim, (best,))
    for pair in joint_spans(parsed, ranked, candidates, cited):
        if is_said_by_both(parsed, pair, verifier):
            return ClaimVerdict(claim, pair)
    nearest = next((span for span in ranked if not foreign_fact(parsed, span.evidence)), None)
    return ClaimVerdict(claim, reason=reason, repairable=True, nearest=nearest)


def surplus(claim: ParsedText, candidate: CandidateSpan, verifier: Verifier, wording: str) -> float:
    """By how much the networks find the claim more probable than is needed, given the candidate."""
    return verifier.surplus(claim, candidate.text, candidate.context, wording)


def is_verbatim(claim: ParsedText, candidate: CandidateSpan) -> bool:
    """True where the claim is one of the sentences, word for word: no network knows better."""
    said = words_only(claim.text)
    return any(words_only(sentence.text) == said for sentence in candidate.evidence.sentences)


def in_the_quotes_days(claim: ParsedText, candidate: CandidateSpan) -> ParsedText:
    """The claim as the networks are asked of it: a day that the quote calls "Saturday" by that word, another that it does not
    name left out. Code has compared the days; the networks do not know which day a Saturday is."""
    quote = candidate.evidence.quote.quantities
    named = {(day.month, day.day) for day in quote.days}
    of_week = {number: name for name, number in WEEKDAYS.items()}
    text = claim.text
    for day in reversed(claim.quantities.days):
        if (day.month, day.day) in named:
            continue
        start, end = claim.words[day.first].start, claim.words[day.last].end
        meant = calendar_date(day, candidate.evidence.published)
        word = of_week[meant.weekday()].capitalize() if meant and meant.weekday() in quote.weekdays else ""
        if not word:
            before = DAY_PREPOSITION.search(text, 0, start)
            start = before.start() if before else start
        text = f"{text[:start]}{word}{text[end:]}"
    for number in set(claim.quantities.weekdays) - set(quote.weekdays):
        text = re.sub(rf"(?:,? on)?,? {of_week[number]}\b,?", "", text, flags=re.IGNORECASE)
    return claim if text == claim.text else parse_text(" ".join(text.split()).replace(" .", ".").replace(" ,", ","))


def never_shown(sentence: str) -> str:
    """Why a sentence is dropped whatever the articles say, "" if it is a claim."""
    if is_forbidden(sentence) or is_instruction(sentence):
        return "it leads out of the answer"
    if is_abstention(sentence):
        return "it says what the articles do not say"
    return "it states nothing" if sentence.endswith(("?", ":.", ":")) else ""


def rank(claim: ParsedText, candidate: CandidateSpan, cited: set[int]) -> tuple[float, int, int]:
    """Sort key: coverage of the claim, less for length; among equals a passage that it cites, then the first."""
    covered = claim_coverage(claim, candidate.stems) - SENTENCE_COST * (candidate.sentences - 1)
    bonus = CITED_BONUS if candidate.passage in cited else 0.0
    return -round(covered + bonus, 3), candidate.passage, candidate.span[0]


def outvotes(sentence: CandidateSpan, other: CandidateSpan, claim: ParsedText) -> bool:
    """True if the other span of the same passage contains this close sentence or covers less of the claim."""
    return sentence.passage == other.passage and (
        contains(other.span, sentence.span)
        or claim_coverage(claim, other.stems) < claim_coverage(claim, sentence.stems)
    )


def contains(outer: Span, inner: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def joint_spans(
    claim: ParsedText, ranked: Sequence[CandidateSpan], candidates: Sequence[CandidateSpan], cited: Set[int]
) -> list[tuple[CandidateSpan, CandidateSpan]]:
    """The pairs that cover most of a claim: two sentences of one passage, or spans of two passages that it cites.

    Whoever sums up joins what a passage says in different places; sentences alone, because the more stand there, the more of
    their words can be mixed. `ranked` has the closest spans first.
    """
    found: dict[object, tuple[float, tuple[CandidateSpan, CandidateSpan]]] = {}
    single = [span for span in ranked if span.sentences == 1]
    closest = {span.place: span for span in (*ranked[:MAX_JOINED], *single[:MAX_JOINED])}
    for first in closest.values():
        for second in candidates:
            if not may_join(first, second, cited) or len((second.stems - first.stems) & claim.stems) < LEAST_ADDED:
                continue
            pair = (first, second) if first.place < second.place else (second, first)
            cost = SENTENCE_COST * (first.sentences + second.sentences - 2)
            found[pair[0].place, pair[1].place] = claim_coverage(claim, first.stems | second.stems) - cost, pair
    return [pair for _, pair in sorted(found.values(), key=lambda scored: -scored[0])[:MAX_JOINT_PAIRS]]


def may_join(first: CandidateSpan, second: CandidateSpan, cited: Set[int]) -> bool:
    if first.passage == second.passage:
        return first.sentences == second.sentences == 1 and first.span != second.span
    # A date without a year would be read by the wrong article's.
    return {first.passage, second.passage} <= cited and first.evidence.published == second.evidence.published


def is_said_by_both(claim: ParsedText, pair: tuple[CandidateSpan, CandidateSpan], verifier: Verifier) -> bool:
    """True if the two spans support the claim together, as code and networks see it."""
    evidence = joint_evidence(pair[0].evidence, pair[1].evidence)
    if contradiction(claim, evidence):
        return False
    is_near = is_close(claim, evidence, MIN_COVERAGE + SENTENCE_COST)
    wording = CLOSE if is_near and not added_detail(claim, evidence) else FREE
    if wording == FREE and claim_coverage(claim, pair[0].stems | pair[1].stems) < HALF_COVERAGE:
        return False
    together = evidence.quote.text
    return verifier.surplus(claim, together, together, wording) >= 0


def joint_evidence(first: EvidenceSpan, second: EvidenceSpan) -> EvidenceSpan:
    """The evidence of two passages of the same day as one."""
    return EvidenceSpan(
        parse_text(f"{first.quote.text.strip()}\n{second.quote.text.strip()}"),
        parse_text(f"{first.headline.text}. {second.headline.text}"),
        first.published,
        first.sentences + second.sentences,
    )


def candidate_spans(passage: int, chunk: Chunk) -> list[CandidateSpan]:
    """Every stretch of one to three sentences of a chunk, without sentences that address the model."""
    spans = chunk.sentences or tuple((chunk.start + a, chunk.start + b) for a, b in sentence_spans(chunk.text))
    flagged = flagged_sentences(chunk, spans)
    headline = parse_text(f"{clean_line(chunk.title)}. {clean_line(chunk.source)}")
    found: list[CandidateSpan] = []
    for first in range(len(spans)):
        for last in range(first, min(first + MAX_QUOTE_SENTENCES, len(spans))):
            if flagged[last]:
                break
            span = stripped(chunk, (spans[first][0], spans[last][1]))
            if not 0 < span[1] - span[0] <= MAX_QUOTE:
                continue
            quote = parse_text(chunk.sentence_text(span))
            sentences = tuple(parse_text(chunk.sentence_text(sentence)) for sentence in spans[first : last + 1])
            evidence = EvidenceSpan(quote, headline, chunk.published_day, sentences)
            around = context_of(chunk, spans, first, last)
            found.append(CandidateSpan(passage, span, quote.all_stems | headline.stems, evidence, around))
    return found


def context_of(chunk: Chunk, spans: Sequence[Span], first: int, last: int) -> str:
    """The text of sentences first to last, and of those before and after in turn that fit MAX_CONTEXT together."""
    grown = True
    while grown:
        grown = False
        for more in ((-1, 0), (0, 1)):
            earlier, later = first + more[0], last + more[1]
            if earlier >= 0 and later < len(spans) and spans[later][1] - spans[earlier][0] <= MAX_CONTEXT:
                first, last, grown = earlier, later, True
    return chunk.sentence_text((spans[first][0], spans[last][1]))


def stripped(chunk: Chunk, span: Span) -> Span:
    """The span without white space at its ends."""
    text = chunk.sentence_text(span)
    return span[0] + len(text) - len(text.lstrip()), span[1] - len(text) + len(text.rstrip())


def cited_text(verdicts: Sequence[ClaimVerdict], hits: Sequence[Hit]) -> tuple[str, tuple[Citation, ...]]:
    """The supported claims as text, each ending in its [n], and the citations, numbered from 1 as they come.

    A quote within an earlier one of the same article shares its number.
    """
    quotes: list[CandidateSpan] = []
    sentences: list[str] = []
    for verdict in verdicts:
        numbers: set[int] = set()
        for quote in verdict.quotes:
            article = hits[quote.passage].chunk.article_id
            earlier = (
                number
                for number, other in enumerate(quotes, start=1)
                if hits[other.passage].chunk.article_id == article and contains(other.span, quote.span)
            )
            if not (number := next(earlier, 0)):
                quotes.append(quote)
                number = len(quotes)
            numbers.add(number)
        if numbers:
            sentences.append(verdict.claim.text + " " + "".join(f"[{number}]" for number in sorted(numbers)))
    citations = tuple(quote_citation(n, hits[quote.passage], quote.span) for n, quote in enumerate(quotes, start=1))
    return " ".join(sentences), citations


def quote_citation(number: int, hit: Hit, span: Span) -> Citation:
    """A citation of these sentences of a hit, with the other articles that carry them."""
    chunk = hit.chunk
    copies = tuple(headline_of(copy) for copy in hit.copies)
    return Citation(
        number, chunk.article_id, chunk.title, chunk.source, chunk.url, chunk.published,
        chunk.sentence_text(span), *span, chunk.library, chunk.title_derived, copies=copies,
        published_guessed=chunk.published_guessed, updated=chunk.updated,
    )  # fmt: skip
