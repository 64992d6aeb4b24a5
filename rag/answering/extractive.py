"""Step 4 without a model: choose the one to three sentences that answer and quote them word for word. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from rag.answer import Citation, Headline, headline_of
from rag.answering.answerability import AnswerabilityScore
from rag.answering.features import AGE, DATE, NAME, NUMBER_WORD, PURPOSE, REASON, Candidate, contains_span, text_of
from rag.answering.reader import Reading
from rag.answering.rows import of_the_row_asked_for
from rag.answering.speakers import asked_speaker, speaking, speaking_of_it
from rag.language import is_foreign
from rag.outlets import named_outlets
from rag.prompt_injection import flagged_sentences, without_flagged
from rag.text import jaccard, words_of
from rag.verification.parsed_text import parse_text
from rag.verification.support import has_unknown_name
from vectorstore.values import Chunk, Hit, Span

MAX_SENTENCES = 3
MAX_WORDS = 60
"""Quoted words of an answer: what a reader takes in at a glance."""
WORTH_ADDING = 0.6
"""A further sentence must be at least this probable, relative to the best one. Measured: docs/experiments.md."""
NEAR_TIE = 0.9
"""Of sentences at least this probable, relative to the best one, the newest leads."""
SPEAKER_SHARE = 0.02
"""Where a speaker is asked for, its own sentences lead from this probability on, relative to the best one, what they say of the
subject first. A guess."""
VOICE_SHARE = 0.1
"""The same, of an outlet that the question names beside another."""
AGE_SHARE = 0.2
"""The same, of a sentence with an age where one is asked for. A guess."""
STATEMENT_SHARE = 0.1
"""A heading or a question is an answer only where no whole sentence is at least this probable, relative to it: below that
sentences are of something else. Measured: docs/experiments.md."""
MAX_CANDIDATES = 30
"""Candidates considered, best first."""
SPAN_MARGIN_THRESHOLD = 0.0
"""Log-odds of the reader's span against none, from which a date or number that was asked for is quoted first. Measured:
docs/experiments.md."""
CERTAIN_SHARE = 0.8
"""The same, among sentences at least this probable, relative to the best one. Measured: docs/experiments.md."""
MAX_WORDS_NAMED = 24
"""Words of a question whose names are all looked for. Measured: docs/quality.md."""
SAME_STATEMENT = 0.7
"""Jaccard similarity of words from which a second sentence says nothing new."""
HOW_OLD = re.compile(r"\bhow old\b", re.IGNORECASE)
WHY = re.compile(r"\bwhy\b", re.IGNORECASE)
EXPECTED = {"when": DATE, "count": NUMBER_WORD}
"""What the answer to such a question must hold."""
LEADING_PRONOUN = re.compile(r"^[\"“'‘]?(?:He|She|They|It|His|Her|Their|Its)\b")
CITATION_MARK = re.compile(r"\[(\s*\d[\d\s,;–-]*)\]")


@dataclass(frozen=True, slots=True)
class Quote:
    """A span of an article to be quoted; `emphasis` are spans in the article too."""

    hit: int
    start: int
    end: int
    emphasis: tuple[Span, ...] = ()


def write_extract(
    question: str, answerability: AnswerabilityScore, hits: Sequence[Hit], readings: Sequence[Reading]
) -> tuple[str, tuple[Citation, ...]]:
    """The answer's text with its [n], and the citations; ("", ()) when no sentence may be quoted."""
    chosen = choose_sentences(question, answerability, hits)
    quotes = [quote_of(candidate, hits, readings, answerability.answer_type) for candidate in chosen]
    return cite(leading_quote_first(quotes, hits), hits)


def lacks_name(question: str, hits: Sequence[Hit]) -> bool:
    """True if a name of an English question is in no passage, title or outlet that the search found and that may be quoted.

    Questions of more than MAX_WORDS_NAMED words name outlets and works of their own: of them most such refusals were wrong.
    """
    # The first word is written with a capital whatever it is.
    asked = parse_text(question[:1].lower() + question[1:])
    if not asked.names or len(question.split()) > MAX_WORDS_NAMED or is_foreign(question):
        return False
    quotable = [(text, hit.chunk) for hit in hits if (text := without_flagged(hit.chunk)).strip()]
    found = [parse_text(f"{text} {chunk.title} {chunk.source}") for text, chunk in quotable]
    return has_unknown_name(asked, found)


def lacks_age(question: str, citations: Sequence[Citation]) -> bool:
    """True if "How old is she?" is answered with no age."""
    return HOW_OLD.search(question) is not None and not any(AGE.search(citation.quote) for citation in citations)


def closest_passage(
    answerability: AnswerabilityScore, hits: Sequence[Hit], readings: Sequence[Reading]
) -> Citation | None:
    """The best sentence for a refusal to quote, whole sentences before headings and questions; None without any."""
    quotable = [candidate for candidate, _ in without_instructions(answerability.ranked, hits)]
    statements = [candidate for candidate in quotable if candidate.is_statement]
    if not quotable:
        return None
    quote = quote_of((statements or quotable)[0], hits, readings, answerability.answer_type)
    return citation_of(1, quote, hits[quote.hit])


def choose_sentences(question: str, answerability: AnswerabilityScore, hits: Sequence[Hit]) -> list[Candidate]:
    """The sentence that answers; further ones only where they are nearly as probable, have a date or number where one is asked
    for, and say something else.

    A pronoun at the beginning brings the sentence before it along, where both fit. Of outlets that the question names each is
    heard.
    """
    quotable = without_instructions(answerability.ranked, hits)[:MAX_CANDIDATES]
    pool = of_the_row_asked_for(question, statements_before_fragments(quotable), hits)
    if not pool:
        return []
    expected = EXPECTED.get(answerability.answer_type)
    if HOW_OLD.search(question):
        pool = giving_age(pool, hits) or pool
    lead = leading_sentence(question, pool, expected, hits)
    by_place = {(candidate.hit, candidate.sentence): candidate for candidate, _ in quotable}
    chosen = with_antecedent([lead], lead, by_place, hits)
    floor = pool[0][1] * WORTH_ADDING
    worth_adding = [
        candidate
        for candidate, probability in pool
        if probability >= floor and (expected is None or expected.search(text_of(candidate, hits)))
    ]
    further = [*voices(question, pool, chosen, hits), *worth_adding]
    # "When was the harbour of Kell dredged?" Rell's has a day, too.
    lacking = {number for number in {one.hit for one in (lead, *further)} if lacks_name(question, [hits[number]])}
    if speaking_of_it(question, [lead], hits):
        # What others say of it is not what was asked for.
        further = speaking(question, further, hits)
    for candidate in further:
        if candidate in chosen or (candidate.hit in lacking and lead.hit not in lacking):
            continue
        more = with_antecedent([*chosen, candidate], candidate, by_place, hits)
        if len(more) <= MAX_SENTENCES and fit_together([text_of(one, hits) for one in more]):
            chosen = more
    return chosen


def statements_before_fragments(quotable: Sequence[tuple[Candidate, float]]) -> list[tuple[Candidate, float]]:
    """The statements; where none is near the first candidate, that alone: a heading, a line of a list, a post."""
    statements = [pair for pair in quotable if pair[0].is_statement]
    if statements and statements[0][1] >= quotable[0][1] * STATEMENT_SHARE:
        return statements
    return list(quotable[:1])


def giving_age(pool: Sequence[tuple[Candidate, float]], hits: Sequence[Hit]) -> list[tuple[Candidate, float]]:
    """The sentences with an age that are not far less probable than the best: the reader takes any number near the name."""
    floor = pool[0][1] * AGE_SHARE
    return [pair for pair in pool if pair[1] >= floor and AGE.search(text_of(pair[0], hits))]


def voices(
    question: str, pool: Sequence[tuple[Candidate, float]], chosen: Sequence[Candidate], hits: Sequence[Hit]
) -> list[Candidate]:
    """For each outlet that the question names beside the one that is quoted already, its most probable sentence."""
    quoted = {hits[candidate.hit].chunk.source for candidate in chosen}
    best: dict[str, Candidate] = {}
    for candidate, probability in pool:
        if probability >= pool[0][1] * VOICE_SHARE:
            best.setdefault(hits[candidate.hit].chunk.source, candidate)
    return [best[outlet] for outlet in named_outlets(question, best) if outlet not in quoted]


def leading_sentence(
    question: str, pool: Sequence[tuple[Candidate, float]], pattern: re.Pattern[str] | None, hits: Sequence[Hit]
) -> Candidate:
    """The most probable; before it the asked speaker's own, the certain date or number, the reason asked for, or the newest."""
    best, probability = pool[0]
    if asked_speaker(question):
        near = [candidate for candidate, own in pool if own >= probability * SPEAKER_SHARE]
        spoken = speaking_of_it(question, near, hits) or speaking(question, near, hits)
        return spoken[0] if spoken else best
    if pattern is not None:
        certain = most_certain_span(pool, pattern, hits)
        if certain is not None:
            return certain
    if WHY.search(question):
        near = [candidate for candidate, own in pool if own >= probability * WORTH_ADDING]
        return next((one for one in near if gives_reason(text_of(one, hits))), best)
    near = [candidate for candidate, own in pool if own >= probability * NEAR_TIE]
    return max(near, key=lambda candidate: (hits[candidate.hit].chunk.recency, candidate is best))


def gives_reason(sentence: str) -> bool:
    """True if the sentence says why or what for."""
    return bool(REASON.search(sentence) or PURPOSE.search(sentence))


def with_antecedent(
    chosen: list[Candidate], candidate: Candidate, by_place: Mapping[tuple[int, int], Candidate], hits: Sequence[Hit]
) -> list[Candidate]:
    """The sentences, with the one before the candidate in its paragraph where that opens with a pronoun and both fit."""
    antecedent = by_place.get((candidate.hit, candidate.sentence - 1))
    if (
        antecedent is None
        or "\n" in hits[candidate.hit].chunk.sentence_text((antecedent.span[1], candidate.span[0]))
        or not antecedent.is_statement
        or antecedent in chosen
        or not LEADING_PRONOUN.match(text_of(candidate, hits))
    ):
        return chosen
    more = [*chosen, antecedent]
    return more if len(more) <= MAX_SENTENCES and fit_together([text_of(one, hits) for one in more]) else chosen


def most_certain_span(
    pool: Sequence[tuple[Candidate, float]], pattern: re.Pattern[str], hits: Sequence[Hit]
) -> Candidate | None:
    """The sentence with the date or number of the reader's most certain span among the most probable, None without one."""
    sure = [
        candidate
        for candidate, probability in pool
        if candidate.span_margin is not None
        and candidate.span_margin > SPAN_MARGIN_THRESHOLD
        and probability >= pool[0][1] * CERTAIN_SHARE
        and pattern.search(text_of(candidate, hits))
    ]
    return max(sure, key=lambda candidate: candidate.span_margin or 0.0, default=None)


def fit_together(texts: Sequence[str]) -> bool:
    """True within the word limit and without repetition. A single long sentence passes: it is cut to the limit later."""
    if len(texts) > 1 and sum(len(text.split()) for text in texts) > MAX_WORDS:
        return False
    words = [frozenset(words_of(text)) for text in texts]
    return all(jaccard(one, other) < SAME_STATEMENT for one, other in combinations(words, 2))


def without_instructions(
    ranked: Sequence[tuple[Candidate, float]], hits: Sequence[Hit]
) -> list[tuple[Candidate, float]]:
    """The candidates that give no instructions and stand in no paragraph that speaks to the assistant."""
    return [pair for pair, flagged in zip(ranked, flags_of(ranked, hits), strict=True) if not flagged]


def flags_of(ranked: Sequence[tuple[Candidate, float]], hits: Sequence[Hit]) -> list[bool]:
    """For each candidate, whether it is never quoted; each passage is looked through once."""
    looked_at = {candidate.hit for candidate, _ in ranked}
    flagged = {hit: flagged_sentences(hits[hit].chunk, hits[hit].chunk.sentences) for hit in looked_at}
    return [flagged[candidate.hit][candidate.sentence] for candidate, _ in ranked]


def quote_of(candidate: Candidate, hits: Sequence[Hit], readings: Sequence[Reading], answer_type: str) -> Quote:
    """The sentence as a quote, cut to the word limit around the words that answer."""
    chunk = hits[candidate.hit].chunk
    start, end = candidate.span
    emphasis = answer_words(candidate, chunk, readings, answer_type)
    start, end = within_limit(chunk, start, end, emphasis)
    return Quote(candidate.hit, start, end, tuple((a, b) for a, b in emphasis if start <= a < b <= end))


def answer_words(candidate: Candidate, chunk: Chunk, readings: Sequence[Reading], answer_type: str) -> tuple[Span, ...]:
    """Words to emphasise: the reader's span, else the dates, numbers or names that were asked for.

    Where the reader found its span in another sentence of the passage, this one has no words that answer.
    """
    start, end = candidate.span
    if candidate.hit < len(readings) and (span := readings[candidate.hit].span) is not None:
        first, last = span[0] + chunk.start, span[1] + chunk.start
        return ((first, last),) if start <= first < last <= end else ()
    pattern = {"when": DATE, "count": NUMBER_WORD, "who": NAME}.get(answer_type)
    if pattern is None:
        return ()
    return tuple((start + m.start(), start + m.end()) for m in pattern.finditer(chunk.sentence_text(candidate.span)))


def within_limit(chunk: Chunk, start: int, end: int, emphasis: Sequence[Span]) -> Span:
    """The span itself, or of a longer sentence the words around what answers."""
    words = [(m.start() + start, m.end() + start) for m in re.finditer(r"\S+", chunk.sentence_text((start, end)))]
    if len(words) <= MAX_WORDS:
        return start, end
    centre = emphasis[0][0] if emphasis else start
    index = next((number for number, (_, word_end) in enumerate(words) if word_end > centre), 0)
    first = max(0, min(index - MAX_WORDS // 2, len(words) - MAX_WORDS))
    return words[first][0], words[first + MAX_WORDS - 1][1]


def leading_quote_first(quotes: Sequence[Quote], hits: Sequence[Hit]) -> list[Quote]:
    """The quote with the first sentence given, then the others: newest article first, within an article as written."""
    lead = quotes[0].start if quotes else 0

    def order(quote: Quote) -> tuple[float, int, int]:
        return -hits[quote.hit].chunk.recency, quote.hit, quote.start

    joined = join_neighbours(sorted(quotes, key=order), hits)
    return sorted(joined, key=lambda quote: not (quote.hit == quotes[0].hit and quote.start <= lead < quote.end))


def join_neighbours(quotes: Sequence[Quote], hits: Sequence[Hit]) -> list[Quote]:
    """Sentences that follow each other in one paragraph are one quote."""
    joined: list[Quote] = []
    for quote in quotes:
        last = joined[-1] if joined else None
        if last is not None and last.hit == quote.hit and last.end <= quote.start:
            chunk = hits[quote.hit].chunk
            between = chunk.text[last.end - chunk.start : quote.start - chunk.start]
            if not between.strip() and "\n" not in between:
                joined[-1] = replace(last, end=quote.end, emphasis=last.emphasis + quote.emphasis)
                continue
        joined.append(quote)
    return joined


def cite(quotes: Sequence[Quote], hits: Sequence[Hit]) -> tuple[str, tuple[Citation, ...]]:
    """One numbered citation for each quote, and the text that quotes them."""
    citations = tuple(citation_of(number, quote, hits[quote.hit]) for number, quote in enumerate(quotes, 1))
    return quoting(citations), citations


def join_extracts(extracts: Sequence[Sequence[Citation]]) -> tuple[str, tuple[Citation, ...]]:
    """Several answers as one: each passage once, numbered anew."""
    kept: list[Citation] = []
    for citation in (citation for extract in extracts for citation in extract):
        if not any(holds_quote(other, citation) for other in kept):
            kept = [other for other in kept if not holds_quote(citation, other)] + [citation]
    numbered = tuple(replace(citation, number=number) for number, citation in enumerate(kept, 1))
    return quoting(numbered), numbered


def holds_quote(outer: Citation, inner: Citation) -> bool:
    same_article = (outer.library, outer.article_id) == (inner.library, inner.article_id)
    return same_article and contains_span((outer.start, outer.end), (inner.start, inner.end))


def quoting(citations: Sequence[Citation]) -> str:
    """The text that quotes each of them, a line each."""
    return "\n".join(f"“{without_marks(one.quote)}” [{one.number}]" for one in citations)


def without_marks(quote: str) -> str:
    """The quote as one line whose own [1] cannot be taken for a citation; the citation keeps it as written."""
    return CITATION_MARK.sub(r"(\1)", " ".join(quote.split()))


def earliest_first(chunk: Chunk) -> tuple[bool, float, str]:
    """Sorts by publication, what has none last."""
    published = chunk.published
    return published is None, published.timestamp() if published else 0.0, chunk.article_id


def citation_of(number: int, quote: Quote, hit: Hit) -> Citation:
    """A citation with everything that a reader needs to check it."""
    chunk = hit.chunk
    # The earliest first: it is the nearest to the source.
    copies: tuple[Headline, ...] = tuple(headline_of(copy) for copy in sorted(hit.copies, key=earliest_first))
    return Citation(
        number=number,
        article_id=chunk.article_id,
        title=chunk.title,
        source=chunk.source,
        url=chunk.url,
        published=chunk.published,
        quote=chunk.text[quote.start - chunk.start : quote.end - chunk.start],
        start=quote.start,
        end=quote.end,
        library=chunk.library,
        title_derived=chunk.title_derived,
        emphasis=tuple((start - quote.start, end - quote.start) for start, end in quote.emphasis),
        copies=copies,
        published_guessed=chunk.published_guessed,
        updated=chunk.updated,
    )
