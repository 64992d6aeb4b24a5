"""Prove a draft: each claim against the sentences of the passages it cites, then of the others. Pure, bounded work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rag.answer import Citation, DroppedSentence, Headline
from rag.prompt_injection import flagged_sentences, is_instruction
from rag.sentences import sentence_spans
from rag.text import clean_line
from rag.verification.draft import Claim, claims_of, is_forbidden, is_silent
from rag.verification.parsing import Reading, read
from rag.verification.support import CLOSE_ENOUGH, FOREIGN_NAME, NOT_CLOSE, PRONOUNS, Evidence, coverage, objection
from vectorstore.values import Chunk, Hit, Span

WIDEST = 3
"""Sentences in one quote at most: "he" often has its name two sentences before."""
MAX_QUOTE = 1_200
MAX_WINDOWS = 12
"""How many of the nearest quotes are looked at closely for one claim."""
WIDER_COSTS = 0.08
"""A longer quote must hold this much more of the claim: a guess, in the order of one word of twelve."""


NEARLY = 0.7
"""A sentence that holds this share of a claim is about the same thing. A guess that measured well."""


@dataclass(frozen=True, slots=True)
class Window:
    """Adjacent sentences of one passage that may be quoted together. `passage` counts from 0, offsets in the article."""

    passage: int
    span: Span
    sentences: int
    stems: frozenset[str]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one claim: its quotes, or the reason why it has none. `repairable`: worth asking the model again."""

    claim: Claim
    windows: tuple[Window, ...] = ()
    reason: str = ""
    repairable: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """A whole draft after proof. silent: it says, and says nothing else, that the articles do not say."""

    verdicts: tuple[Verdict, ...]
    silent: bool

    @property
    def proven(self) -> tuple[Verdict, ...]:
        """The claims that have a quote."""
        return tuple(verdict for verdict in self.verdicts if verdict.windows)

    @property
    def repairable(self) -> tuple[Verdict, ...]:
        """The claims that have none and might, in other words."""
        return tuple(verdict for verdict in self.verdicts if verdict.repairable)

    @property
    def dropped(self) -> tuple[DroppedSentence, ...]:
        """The claims that are not shown, and why."""
        return tuple(DroppedSentence(v.claim.text, v.reason) for v in self.verdicts if not v.windows)


def prove(draft: str, hits: Sequence[Hit], complete: bool = True, close_enough: float = CLOSE_ENOUGH) -> Proof:
    """Judge every sentence of a draft whose [n] means hits[n - 1]."""
    windows = [window for number, hit in enumerate(hits) for window in windows_of(number, hit.chunk)]
    verdicts = tuple(judge(claim, windows, close_enough) for claim in claims_of(draft, complete))
    silent = any(is_silent(v.claim.text) for v in verdicts) and not any(v.windows or v.repairable for v in verdicts)
    return Proof(verdicts, silent)


def judge(claim: Claim, windows: Sequence[Window], close_enough: float) -> Verdict:
    """Find the quotes that bear out one claim: one window, or one from each of several passages it cites."""
    if is_forbidden(claim.text) or is_instruction(claim.text):
        return Verdict(claim, reason="it leads out of the answer")
    if is_silent(claim.text):
        return Verdict(claim, reason="it says what the articles do not say")
    if claim.text.endswith(("?", ":.", ":")):
        return Verdict(claim, reason="it states nothing")
    reading = read(claim.text)
    cited = {mark - 1 for mark in claim.marks}
    ranked = sorted(windows, key=lambda window: rank(reading, window, cited))[:MAX_WINDOWS]
    reason = "no passage was given"
    near: list[Window] = []
    for number, window in enumerate(sorted(ranked, key=lambda window: window.sentences)):
        if any(outvotes(sentence, window, reading) for sentence in near):
            continue
        objected = objection(reading, window.evidence, close_enough + WIDER_COSTS * (window.sentences - 1) / 2)
        if not objected:
            return Verdict(claim, (window,))
        # A sentence that says nearly this, but not this, is not outvoted by its neighbours: they may only lend the
        # name that a pronoun stands for.
        if window.sentences == 1 and objected != NOT_CLOSE and coverage(reading, window.stems) >= NEARLY:
            lends = FOREIGN_NAME in objected and window.evidence.reading.lows & PRONOUNS
            near += [] if lends else [window]
        reason = reason if number and window is not ranked[0] else objected
    if joined := joint_proof(reading, ranked, cited, close_enough):
        return Verdict(claim, joined)
    return Verdict(claim, reason=reason, repairable=True)


def outvotes(near: Window, other: Window, claim: Reading) -> bool:
    """Is the other window of the same passage a longer one around this sentence, or farther from the claim?"""
    around = other.span[0] <= near.span[0] and near.span[1] <= other.span[1]
    farther = coverage(claim, other.stems) < coverage(claim, near.stems)
    return near.passage == other.passage and (around or farther)


def rank(claim: Reading, window: Window, cited: set[int]) -> tuple[float, int, int]:
    """Nearest first: share of the claim held, less for length; among equals a passage that was cited, then the first."""
    held = coverage(claim, window.stems) - WIDER_COSTS * (window.sentences - 1)
    return -round(held + (0.05 if window.passage in cited else 0.0), 3), window.passage, window.span[0]


def joint_proof(claim: Reading, ranked: Sequence[Window], cited: set[int], close_enough: float) -> tuple[Window, ...]:
    """One window from each of two passages that the claim itself cites, when together they bear it out."""
    of_cited = [window for window in ranked if window.passage in cited]
    for number, first in enumerate(of_cited[:3]):
        for second in of_cited[number + 1 :]:
            news = (second.stems - first.stems) & claim.stems
            if second.passage == first.passage or len(news) < 2:
                continue
            if first.evidence.published != second.evidence.published:
                continue  # dates without a year could be read by the wrong article's
            text = f"{first.evidence.reading.text.strip()}\n{second.evidence.reading.text.strip()}"
            beside = read(f"{first.evidence.beside.text}. {second.evidence.beside.text}")
            together = first.evidence.sentences + second.evidence.sentences
            evidence = Evidence(read(text), beside, first.evidence.published, together)
            if not objection(claim, evidence, close_enough + WIDER_COSTS):
                return (first, second)
    return ()


def windows_of(passage: int, chunk: Chunk) -> list[Window]:
    """Every stretch of one to three sentences of a chunk that may be quoted; orders to whoever answers may not."""
    spans = chunk.sentences or tuple((chunk.start + a, chunk.start + b) for a, b in sentence_spans(chunk.text))
    tainted = flagged_sentences(chunk, spans)
    beside = read(f"{clean_line(chunk.title)}. {clean_line(chunk.source)}")
    published: date | None = chunk.published.date() if chunk.published else None
    found: list[Window] = []
    for first in range(len(spans)):
        for last in range(first, min(first + WIDEST, len(spans))):
            if tainted[last]:
                break
            span = stripped(chunk, (spans[first][0], spans[last][1]))
            if not 0 < span[1] - span[0] <= MAX_QUOTE:
                continue
            reading = read(chunk.sentence_text(span))
            stems = reading.stems | reading.all_stems | beside.stems
            sentences = tuple(read(chunk.sentence_text(spans[n])) for n in range(first, last + 1))
            evidence = Evidence(reading, beside, published, sentences)
            found.append(Window(passage, span, last - first + 1, stems, evidence))
    return found


def stripped(chunk: Chunk, span: Span) -> Span:
    """The span without white space at its ends."""
    text = chunk.sentence_text(span)
    return span[0] + len(text) - len(text.lstrip()), span[1] - len(text) + len(text.rstrip())


def written(verdicts: Sequence[Verdict], hits: Sequence[Hit]) -> tuple[str, tuple[Citation, ...]]:
    """The proven claims as text, each ending in its [n], and the citations, numbered from 1 as they come."""
    spans: list[tuple[int, Span]] = []
    sentences: list[str] = []
    for verdict in verdicts:
        numbers: list[int] = []
        for window in verdict.windows:
            chunk = hits[window.passage].chunk
            place = next(
                (
                    n
                    for n, (passage, span) in enumerate(spans)
                    if hits[passage].chunk.article_id == chunk.article_id
                    and span[0] <= window.span[0]
                    and window.span[1] <= span[1]
                ),
                None,
            )
            if place is None:
                spans.append((window.passage, window.span))
                place = len(spans) - 1
            numbers.append(place + 1)
        if numbers:
            sentences.append(verdict.claim.text + " " + "".join(f"[{n}]" for n in sorted(set(numbers))))
    citations = tuple(cite(n, hits[passage], span) for n, (passage, span) in enumerate(spans, start=1))
    return " ".join(sentences), citations


def cite(number: int, hit: Hit, span: Span) -> Citation:
    """A citation of a hit's sentences, with the other articles that carry them."""
    chunk = hit.chunk
    copies = tuple(
        Headline(copy.article_id, copy.title, copy.source, copy.url, copy.published, copy.title_derived)
        for copy in hit.copies
    )
    return Citation(
        number, chunk.article_id, chunk.title, chunk.source, chunk.url, chunk.published,
        chunk.sentence_text(span), *span, chunk.library, chunk.title_derived, copies=copies,
    )  # fmt: skip
