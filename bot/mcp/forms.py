"""What the tools take and what they give, as JSON schemas; docs/formats.md and docs/mcp.md say what the fields mean."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from bot.mcp.passages import Quotable, VerbatimPassage
from rag.answer import Headline, headline_json

SEARCH_SCHEMA = "dateline/search/1"
PASSAGES_SCHEMA = "dateline/passages/1"


class Arguments(BaseModel):
    """What a tool takes; a name that it does not know is refused, so that a misspelled filter does not pass unseen."""

    model_config = ConfigDict(extra="forbid")


class ScopeArguments(Arguments):
    """Which articles may be looked at."""

    since: date | None = Field(None, description="Only articles published on or after this day, YYYY-MM-DD.")
    until: date | None = Field(None, description="Only articles published on or before this day, YYYY-MM-DD.")
    sources: list[str] | None = Field(
        None,
        description="Only these outlets, as they are named in results; a wrong name is answered with the known ones.",
    )


class AskArguments(ScopeArguments):
    """The arguments of `ask`."""

    question: str = Field(description="A whole question that can be understood without the conversation.")


class SearchArguments(ScopeArguments):
    """The arguments of `search`."""

    query: str = Field(description="Words, a name or a question.")


class PassagesArguments(Arguments):
    """The arguments of `passages`."""

    article_id: str = Field(description="As in the results of `ask` and `search`.")
    first: int = Field(0, ge=0, description="Position of the first passage to read, counted from 0.")
    limit: int = Field(20, ge=1, le=100, description="How many passages to read at most.")


class HeadlineForm(BaseModel):
    """An article by name."""

    article_id: str
    title: str
    title_derived: bool
    source: str
    url: str
    published: str | None
    published_guessed: bool
    updated: str | None


class CitationForm(HeadlineForm):
    """A quote of an answer: article text [start:end], verbatim."""

    number: int
    quote: str
    start: int
    end: int
    emphasis: list[list[int]]
    copies: list[HeadlineForm]


class NearestForm(HeadlineForm):
    """A headline of a refusal, with the closest passage where it may answer after all."""

    quote: str | None
    start: int | None
    end: int | None


class DisagreementForm(HeadlineForm):
    """An article that gives another number, date or person than the others: its value, and the sentence that has it."""

    value: str
    quote: str
    start: int
    end: int


class RefusalForm(BaseModel):
    """Why there is no answer."""

    reason: str
    nearest: list[NearestForm]


class AnswerForm(BaseModel):
    """What `ask` gives, as `ask --json` prints it."""

    schema_: str = Field(alias="schema")
    id: str
    question: str
    standalone_question: str
    text: str
    citations: list[CitationForm]
    refused: bool
    refusal: RefusalForm | None
    as_of: str | None
    as_of_guessed: bool
    model: str
    note: str
    unanswered: list[str]
    disagreement: list[DisagreementForm]
    passages_left_out: int
    timings_ms: dict[str, float]


class PassageForm(BaseModel):
    """A stretch of an article: its text [start:end], verbatim."""

    position: int
    start: int
    end: int
    quote: str


class FoundForm(HeadlineForm, PassageForm):
    """A passage that was found, and other articles that carry it."""

    copies: list[HeadlineForm]


class SearchForm(BaseModel):
    """What `search` gives, best first."""

    schema_: str = Field(alias="schema")
    query: str
    passages: list[FoundForm]
    withheld: int


class ArticleForm(BaseModel):
    """What `passages` gives, in reading order."""

    schema_: str = Field(alias="schema")
    article: HeadlineForm
    passages: list[PassageForm]
    total: int
    withheld: int


def search_json(query: str, found: Quotable) -> dict[str, object]:
    """The documented JSON form of what was found."""
    passages = [
        headline_json(passage.article)
        | passage_json(passage)
        | {"copies": [headline_json(copy) for copy in passage.copies]}
        for passage in found.passages
    ]
    return {"schema": SEARCH_SCHEMA, "query": query, "passages": passages, "withheld": found.withheld}


def article_json(article: Headline, read: Quotable, total: int) -> dict[str, object]:
    """The documented JSON form of an article's passages; total: how many the article has."""
    return {
        "schema": PASSAGES_SCHEMA,
        "article": headline_json(article),
        "passages": [passage_json(passage) for passage in read.passages],
        "total": total,
        "withheld": read.withheld,
    }


def passage_json(passage: VerbatimPassage) -> dict[str, object]:
    return {"position": passage.position, "start": passage.start, "end": passage.end, "quote": passage.quote}
