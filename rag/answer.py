"""The values of an answer, its JSON form, and the record that is stored of it. Rendering lives in bot/."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from vectorstore.values import Article, Chunk, Hit, Span, is_day_alone

log = logging.getLogger("dateline.engine")

ANSWER_SCHEMA = "dateline/answer/1"
EXTRACTIVE = "extractive"
"""The `model` of an answer that no model wrote."""

NOT_SAID = "The articles do not say."
ENGLISH_ONLY = "The articles are read in English: ask in English, or set DATELINE_MODEL."
NO_REASON = "The articles give no reason beyond what was quoted."
NO_DATE = "The articles give no date beyond what was quoted."
NO_MORE = "The articles that were quoted say no more than that."
NOTHING_FOUND = "No article says anything of it."
QUOTED_FORGOTTEN = "An article that was quoted here has been deleted from the library."
READ_AS = "Read as: "
TRANSLATED = "translated this from its proven English answer."
QUOTED_WITHOUT = "This answer is quoted without it."
BROKEN_OFF = "This is what it had finished by then."
"""How a note begins, and three of the things that it may say: front ends have their own words for them."""
EMPTY_LIBRARY = "The library is empty: run `dateline ingest` with a folder of articles."


@dataclass(frozen=True, slots=True)
class Headline:
    """An article by name only: what a refusal shows as nearest, and where else a quoted passage appeared.

    published_guessed: nothing but a guess says when it was published. updated: when it was last changed, where known.
    """

    article_id: str
    title: str
    source: str
    url: str
    published: datetime | None
    title_derived: bool = False
    published_guessed: bool = False
    updated: datetime | None = None


def headline_of(article: "Article | Chunk | Citation") -> Headline:
    """An article, or the article of a chunk or a citation, by name only."""
    return Headline(
        article_id=article.id if isinstance(article, Article) else article.article_id,
        title=article.title,
        source=article.source,
        url=article.url,
        published=article.published,
        title_derived=article.title_derived,
        published_guessed=article.published_guessed,
        updated=article.updated,
    )


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage quoted word for word: article.text[start:end] == quote.

    emphasis: the answer's own words inside the quote, offsets count in `quote`.
    copies: other articles that carry the same passage (syndicated), so that copies never look like confirmations.
    """

    number: int
    article_id: str
    title: str
    source: str
    url: str
    published: datetime | None
    quote: str
    start: int
    end: int
    library: str = "shared"
    title_derived: bool = False
    emphasis: tuple[Span, ...] = ()
    copies: tuple[Headline, ...] = ()
    published_guessed: bool = False
    updated: datetime | None = None


def by_article(citations: Sequence[Citation]) -> list[list[Citation]]:
    """The citations of each article together, articles in the order of their first."""
    articles: dict[tuple[str, str], list[Citation]] = {}
    for citation in citations:
        articles.setdefault((citation.library, citation.article_id), []).append(citation)
    return list(articles.values())


@dataclass(frozen=True, slots=True)
class Refusal:
    """The articles do not say. `nearest` are headlines that do not answer either, nearest first.

    closest: the passage that comes closest, quoted, where it may answer after all; None where nothing is near.
    """

    reason: str
    nearest: tuple[Headline, ...] = ()
    closest: Citation | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How the answer came about, for `--explain` and replay. Nothing in it is needed to show the answer.

    rewritten: how a follow-up became a standalone question, "" when it already was one.
    read_as: the question with its mistyped words corrected, "" when none was.
    time: what was understood of time words, "" when there were none.
    probability: P(the hits hold an answer), None when not judged; threshold: answered at or above it.
    features: the judged numbers by name.
    rates: at this threshold, on questions that nothing was fitted on, the share of the answerable that is answered and of the
    others that is refused; None where the settings set a threshold of their own.
    joined: of several questions in one, each with its probability.
    sources: the only outlets that the asker wanted, () for all. since, until: bounds on the publication, as in Scope.
    """

    rewritten: str = ""
    read_as: str = ""
    time: str = ""
    probability: float | None = None
    threshold: float | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    rates: tuple[float, float] | None = None
    joined: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def filtered(self) -> bool:
        """Whether the asker, not the words of the question, left outlets or days out."""
        return bool(self.sources) or (not self.time and (self.since is not None or self.until is not None))


@dataclass(frozen=True, slots=True)
class DroppedSentence:
    """A sentence of a model's draft that no quote supports, and why."""

    sentence: str
    reason: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model wrote before verification: stored for replay, never shown as the answer."""

    text: str
    prompt_version: str
    dropped: tuple[DroppedSentence, ...] = ()
    passages_left_out: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A proven answer or a refusal: every [n] in `text` has citation n, every citation is used, a refusal has none.

    as_of: the newest publication among the cited articles; for a refusal, the newest of the libraries searched. A guessed one
    only where no other is known: as_of_guessed.
    model: the chat model that wrote the prose, "extractive" when none did.
    disagreement: where articles give different numbers, dates or persons for what was asked, one citation for each, its
    value the only emphasis; outside the numbers of `citations`.
    unanswered: of several questions in one, those that the articles do not answer; () where all are, or none.
    note: one sentence for the reader when something went differently than asked (a model server failed, say), else "".
    model_failed: whether a model was asked and failed, broke off, or wrote nothing that could be proven.
    timings_ms: milliseconds by step: understand, retrieve, judge, model (where one writes), write, prove, total.
    """

    id: str
    question: str
    standalone_question: str
    text: str
    citations: tuple[Citation, ...]
    refusal: Refusal | None
    as_of: datetime | None
    hits: tuple[Hit, ...] = ()
    model: str = EXTRACTIVE
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    explanation: Explanation = Explanation()
    draft: Draft | None = None
    disagreement: tuple[Citation, ...] = ()
    as_of_guessed: bool = False
    unanswered: tuple[str, ...] = ()
    model_failed: bool = False

    @property
    def refused(self) -> bool:
        """True when the articles do not say."""
        return self.refusal is not None

    @property
    def left_out(self) -> str:
        """A sentence for the reader when the model that wrote this could not read every passage found, else ""."""
        count = self.draft.passages_left_out if self.draft and self.model != EXTRACTIVE else 0
        passages = "1 further passage" if count == 1 else f"{count} further passages"
        return f"{passages} did not fit into what {self.model} reads at once." if count else ""

    @property
    def remarks(self) -> str:
        """Notes for the reader next to the answer, "" when there are none."""
        said = (
            unanswered_sentence(self.unanswered),
            disagreement_sentence(self.disagreement),
            self.note,
            self.left_out,
        )
        return " ".join(filter(None, said))


@dataclass(frozen=True, slots=True)
class DraftText:
    """A piece of a model's unproven draft, as it streams in; `restart` when what came before is to be forgotten."""

    text: str
    restart: bool = False


StreamEvent: TypeAlias = DraftText | Answer
"""What Engine.stream() yields: any number of DraftText, then exactly one Answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange of a conversation: what a follow-up may refer to."""

    question: str
    answer: str
    standalone_question: str = ""
    article_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Answer) -> "Turn":
        """The turn that a given answer leaves in the conversation."""
        return cls.quoting(answer.question, answer.text, answer.standalone_question, answer.citations)

    @classmethod
    def quoting(cls, question: str, text: str, standalone: str, citations: Sequence[Citation]) -> "Turn":
        """The turn of a question that was answered with these quotes."""
        cited = tuple(dict.fromkeys(citation.article_id for citation in citations))
        return cls(question, text, standalone, cited)


def answer_json(answer: Answer) -> dict[str, object]:
    """The documented JSON form of an answer, see docs/formats.md; its `schema` names the version."""
    return {
        "schema": ANSWER_SCHEMA,
        "id": answer.id,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "text": answer.text,
        "citations": [
            {
                "number": citation.number,
                "article_id": citation.article_id,
                "title": citation.title,
                "title_derived": citation.title_derived,
                "source": citation.source,
                "url": citation.url,
                **dates_json(citation),
                "quote": citation.quote,
                "start": citation.start,
                "end": citation.end,
                "emphasis": [list(span) for span in citation.emphasis],
                "copies": [headline_json(copy) for copy in citation.copies],
            }
            for citation in answer.citations
        ],
        "refused": answer.refused,
        "refusal": None
        if answer.refusal is None
        else {
            "reason": answer.refusal.reason,
            "nearest": [nearest_json(headline, answer.refusal.closest) for headline in answer.refusal.nearest],
        },
        "as_of": iso(answer.as_of),
        "as_of_guessed": answer.as_of_guessed,
        "model": answer.model,
        "note": answer.note,
        "unanswered": list(answer.unanswered),
        "disagreement": [
            headline_json(headline_of(citation))
            | {
                "value": emphasised_words(citation),
                "quote": citation.quote,
                "start": citation.start,
                "end": citation.end,
            }
            for citation in answer.disagreement
        ],
        "passages_left_out": answer.draft.passages_left_out if answer.draft else 0,
        "timings_ms": {step: round(value, 3) for step, value in answer.timings_ms.items()},
    }


def nearest_json(headline: Headline, closest: Citation | None) -> dict[str, object]:
    """The documented JSON form of a headline that a refusal names, with the closest passage where it is this article's."""
    quoted = closest if closest is not None and closest.article_id == headline.article_id else None
    span = {"start": quoted.start, "end": quoted.end} if quoted else {"start": None, "end": None}
    return headline_json(headline) | {"quote": quoted.quote if quoted else None} | span


def headline_json(headline: Headline) -> dict[str, object]:
    return {
        "article_id": headline.article_id,
        "title": headline.title,
        "title_derived": headline.title_derived,
        "source": headline.source,
        "url": headline.url,
        **dates_json(headline),
    }


def dates_json(headline: Headline | Citation) -> dict[str, object]:
    """When an article was published, whether that is a guess, and when it was last changed."""
    return {
        "published": iso(headline.published),
        "published_guessed": headline.published_guessed,
        "updated": iso(headline.updated),
    }


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in its own zone; a plain date for a day alone."""
    if moment is None:
        return None
    return moment.date().isoformat() if is_day_alone(moment) else moment.isoformat()


def unanswered_sentence(questions: Sequence[str]) -> str:
    """ "The articles do not say: “Where will they meet?”"; "" where there are none."""
    return f"The articles do not say: {' '.join(f'“{question}”' for question in questions)}" if questions else ""


def disagreement_sentence(differing: Sequence[Citation]) -> str:
    """ "The articles disagree: 19 (Harbour Post, 3 May 2025), 12 (City Wire, 2 May 2025)."; "" where they do not."""
    if not differing:
        return ""
    said = []
    for citation in differing:
        where = ", ".join(filter(None, (citation.source or citation.title, date_words(citation))))
        said.append(f"{' '.join(emphasised_words(citation).split())} ({where})")
    return f"The articles disagree: {', '.join(said)}."


def emphasised_words(citation: Citation) -> str:
    """The first words of a quote that are emphasised."""
    return citation.quote[slice(*citation.emphasis[0])]


def day_words(moment: datetime, guessed: bool = False) -> str:
    """A day as people write it: 17 October 2025; "about 17 October 2025" where it is a guess."""
    return f"{'about ' if guessed else ''}{moment.day} {moment:%B %Y}"


def date_words(headline: Headline | Citation) -> str:
    """ "17 October 2025, updated 19 October 2025"; "" for an article without a date."""
    if headline.published is None:
        return ""
    published = day_words(headline.published, headline.published_guessed)
    changed = updated_later(headline)
    return f"{published}, updated {day_words(changed)}" if changed else published


def updated_later(headline: Headline | Citation) -> datetime | None:
    """When an article was changed, where that was not on the day it was published."""
    published, updated = headline.published, headline.updated
    return updated if updated and published and updated.date() != published.date() else None


@lru_cache(maxsize=1)
def record_adapter() -> TypeAdapter[Answer]:
    """Reads and writes records. Building it takes 20 ms, which the first answer need not wait for."""
    return TypeAdapter(Answer)


def answer_to_record(answer: Answer) -> str:
    """The whole answer, hits, draft and explanation included, as JSON that `answer_from_record` reads back equal."""
    return record_adapter().dump_json(answer).decode()


def answer_from_record(record: str) -> Answer:
    """The answer that was stored. Raises pydantic.ValidationError on a record of another shape."""
    return record_adapter().validate_json(record)


def readable_answer(record: str) -> Answer | None:
    """The answer that was stored, None for "" and for a record of another shape: one of those must not end a conversation."""
    try:
        return answer_from_record(record) if record else None
    except ValidationError:
        log.warning("stored answer of another shape passed over")
        return None
