"""What the engine did with one case, as far as scoring and the report need it. Written to disk after each case."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rag.answer import Answer, Citation
from rag.evaluation.cases import Case
from rag.evaluation.metrics import without_markers
from vectorstore.values import Article

FetchArticle = Callable[[str, str], Awaitable[Article | None]]
"""An article of a library by its id: `engine.library.article`."""


@dataclass(frozen=True, slots=True)
class QuotedPassage:
    """A citation as shown. copies: ids of the articles named as carrying the same passage.

    valid: the article is in the library and its text from start to end is the quote, to the letter.
    """

    number: int
    article_id: str
    title: str
    source: str
    published: datetime | None
    quote: str
    start: int
    end: int
    library: str
    copies: tuple[str, ...]
    valid: bool
    published_guessed: bool = False

    @property
    def article_ids(self) -> tuple[str, ...]:
        return (self.article_id, *self.copies)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, a refusal, or the error that came instead of one.

    short_text: the answer's own words where the first quote has them marked, else the text without [n].
    ranking: article ids in the order of the hits, a copy with its original.
    gold_days: when the gold articles were published.
    probability: that the hits hold an answer; 0 for a refusal without hits; None when not judged.
    """

    case_id: str
    error: str = ""
    refused: bool = False
    refusal_reason: str = ""
    closest_quote: str = ""
    text: str = ""
    short_text: str = ""
    standalone_question: str = ""
    citations: tuple[QuotedPassage, ...] = ()
    ranking: tuple[tuple[str, ...], ...] = ()
    probability: float | None = None
    threshold: float | None = None
    as_of: datetime | None = None
    gold_days: tuple[str, ...] = ()
    model: str = ""
    note: str = ""
    timings_ms: Mapping[str, float] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


async def outcome_of(case: Case, answer: Answer, read_article: FetchArticle, libraries: tuple[str, ...]) -> Outcome:
    """The outcome of an answer, its quotes compared with the stored articles."""
    citations = [await quoted_passage(citation, read_article) for citation in answer.citations]
    golds = [await read_article(library, gold) for gold in case.gold_articles for library in libraries]
    days = [gold.published.date().isoformat() for gold in golds if gold and gold.published]
    explanation, draft = answer.explanation, answer.draft
    return Outcome(
        case_id=case.id,
        refused=answer.refused,
        refusal_reason=answer.refusal.reason if answer.refusal else "",
        closest_quote=answer.refusal.closest.quote if answer.refusal and answer.refusal.closest else "",
        text=answer.text,
        short_text=short_text(answer),
        standalone_question=answer.standalone_question,
        citations=tuple(citations),
        ranking=article_ranking(answer),
        probability=0.0 if explanation.probability is None and answer.refused else explanation.probability,
        threshold=explanation.threshold,
        as_of=answer.as_of,
        gold_days=tuple(dict.fromkeys(days)),
        model=answer.model,
        note=answer.note,
        timings_ms=dict(answer.timings_ms),
        prompt_tokens=draft.prompt_tokens if draft else None,
        completion_tokens=draft.completion_tokens if draft else None,
    )


async def quoted_passage(citation: Citation, read_article: FetchArticle) -> QuotedPassage:
    """A citation, compared with the article it names."""
    article = await read_article(citation.library, citation.article_id)
    return QuotedPassage(
        number=citation.number,
        article_id=citation.article_id,
        title=citation.title,
        source=citation.source,
        published=citation.published,
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        library=citation.library,
        copies=tuple(copy.article_id for copy in citation.copies),
        valid=article is not None and article.text[citation.start : citation.end] == citation.quote,
        published_guessed=citation.published_guessed,
    )


def article_ranking(answer: Answer) -> tuple[tuple[str, ...], ...]:
    """Distinct articles in the order of the hits; each rank holds an article and the copies collapsed into its hit."""
    ranks: dict[str, tuple[str, ...]] = {}
    for hit in answer.hits:
        copies = tuple(copy.article_id for copy in hit.copies)
        known = ranks.get(hit.chunk.article_id, (hit.chunk.article_id,))
        ranks[hit.chunk.article_id] = tuple(dict.fromkeys((*known, *copies)))
    return tuple(ranks.values())


def short_text(answer: Answer) -> str:
    """The answer's own words: what is marked in the first quote that has a mark, else the text without its [n]."""
    for citation in answer.citations:
        if citation.emphasis:
            return " ".join(citation.quote[start:end] for start, end in citation.emphasis)
    return without_markers(answer.text)
