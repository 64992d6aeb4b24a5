"""What an assistant is given of a stored passage: the text as printed, without the sentences that give instructions. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from rag.answer import Headline, headline_of
from rag.prompt_injection import flagged_sentences
from vectorstore.values import Chunk, Hit


@dataclass(frozen=True, slots=True)
class VerbatimPassage:
    """A stretch of an article, word for word: article.text[start:end] == quote.

    position: of the stored passage that it is a part of, counted from 0. copies: other articles with the same passage.
    """

    article: Headline
    position: int
    start: int
    end: int
    quote: str
    copies: tuple[Headline, ...] = ()


@dataclass(frozen=True, slots=True)
class Quotable:
    """What may be quoted, in order, and how many sentences were withheld because they give instructions."""

    passages: tuple[VerbatimPassage, ...]
    withheld: int


def quotable_hits(hits: Sequence[Hit]) -> Quotable:
    """What was found, best first."""
    return quotable([(hit.chunk, tuple(map(headline_of, hit.copies))) for hit in hits])


def quotable_chunks(chunks: Sequence[Chunk]) -> Quotable:
    """Passages of one article in reading order."""
    return quotable([(chunk, ()) for chunk in chunks])


def quotable(found: Sequence[tuple[Chunk, tuple[Headline, ...]]]) -> Quotable:
    """One VerbatimPassage for each run of sentences that may be quoted; most stored passages are one run."""
    passages: list[VerbatimPassage] = []
    withheld = 0
    for chunk, copies in found:
        flags = flagged_sentences(chunk, chunk.sentences)
        withheld += sum(flags)
        for flagged, run in groupby(zip(flags, chunk.sentences, strict=True), key=itemgetter(0)):
            if not flagged:
                spans = [span for _, span in run]
                start, end = spans[0][0], spans[-1][1]
                quote = chunk.sentence_text((start, end))
                passages.append(VerbatimPassage(headline_of(chunk), chunk.position, start, end, quote, copies))
    return Quotable(tuple(passages), withheld)
