"""What is new: one leading sentence an article, word for word, articles of one story together, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from rag.answer import Citation, Headline, headline_json, headline_of, iso
from rag.answering.answerability import leading_sentences
from rag.answering.extractive import closest_passage
from rag.verification.citations import verify_citations
from vectorstore.ledger import IndexedChunk, Ledger, News
from vectorstore.values import Hit

DIGEST_SCHEMA = "dateline/digest/1"
SAME_STORY = 0.52
"""Mean cosine of the first passages from which articles are of one story. Measured with the days: docs/quality.md."""
STORY_DAYS = timedelta(days=21)
MOST_ARTICLES = 200
"""Articles of one digest; grouping compares all pairs."""


@dataclass(frozen=True, slots=True)
class DigestEntry:
    """A new article and its key sentence, None where it holds none; `copies` carry the same text."""

    headline: Headline
    sentence: Citation | None
    copies: tuple[Headline, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """What is new, by story. `left_out`: True where more is new than one digest holds; the newest are in it."""

    stories: tuple[tuple[DigestEntry, ...], ...]
    left_out: bool = False

    @property
    def articles(self) -> int:
        """How many articles it speaks of, copies included."""
        return sum(1 + len(entry.copies) for story in self.stories for entry in story)


def make_digest(ledger: Ledger, news: News) -> Digest:
    """The digest of what is new. Raises StoreUnavailable, UnverifiedAnswer."""
    chunks = ledger.new_chunks(news, MOST_ARTICLES + 1)
    shown = chunks[:MOST_ARTICLES]
    stories = tuple(entries_of([shown[index] for index in story], ledger) for story in stories_of(shown))
    return Digest(stories, len(chunks) > MOST_ARTICLES)


def entries_of(story: Sequence[IndexedChunk], ledger: Ledger) -> tuple[DigestEntry, ...]:
    """The articles of a story, copies of one text as one: the newest of them."""
    by_text: dict[str, list[IndexedChunk]] = {}
    for indexed in story:
        by_text.setdefault(indexed.duplicate_group or indexed.chunk.id, []).append(indexed)
    return tuple(
        DigestEntry(headline_of(first.chunk), key_sentence(first, ledger), tuple(headline_of(c.chunk) for c in copies))
        for first, *copies in by_text.values()
    )


def key_sentence(indexed: IndexedChunk, ledger: Ledger) -> Citation | None:
    """What the article says first, as stored: no heading, no question, nothing that gives instructions."""
    hits = [Hit(indexed.chunk, 1.0)]
    sentence = closest_passage(leading_sentences(hits), hits, ())
    if sentence is not None:
        verify_citations("[1]", [sentence], ledger.intact_article)
    return sentence


def stories_of(chunks: Sequence[IndexedChunk]) -> list[list[int]]:
    """The chunks' numbers by story, in the order of the chunks."""
    if not chunks:
        return []
    passages = np.stack([passage_vector(indexed) for indexed in chunks])
    similarity = passages @ passages.T
    for index, one in enumerate(chunks):
        for other_index, other in enumerate(chunks[:index]):
            if one.duplicate_group and one.duplicate_group == other.duplicate_group:
                similarity[index, other_index] = similarity[other_index, index] = 1.0
            elif apart(one.chunk.published, other.chunk.published):
                similarity[index, other_index] = similarity[other_index, index] = 0.0
    return agglomerate(similarity)


def passage_vector(indexed: IndexedChunk) -> NDArray[np.float32]:
    """The mean direction of a passage's sentences: nearly the passage's own vector, and stored in the ledger."""
    mean: NDArray[np.float32] = indexed.sentence_vectors.astype(np.float32).mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def apart(one: datetime | None, other: datetime | None) -> bool:
    """True for days too far from each other for one story; what has no date is never apart."""
    return one is not None and other is not None and abs(one - other) > STORY_DAYS


def agglomerate(similarity: NDArray[np.float32]) -> list[list[int]]:
    """Join the two most similar groups until none are as similar as SAME_STORY; groups are as similar as their pairs' mean.

    similarity: [n, n], symmetric.
    """
    groups = [[index] for index in range(len(similarity))]
    sums = similarity.astype(np.float64)
    np.fill_diagonal(sums, -np.inf)
    sizes = np.ones(len(groups))
    while len(groups) > 1:
        means = sums / np.outer(sizes, sizes)
        kept, joined = sorted(divmod(int(np.argmax(means)), len(groups)))
        if means[kept, joined] < SAME_STORY:
            break
        groups[kept] += groups.pop(joined)
        sums[kept] += sums[joined]
        sums[:, kept] = sums[kept]
        sums[kept, kept] = -np.inf
        sizes[kept] += sizes[joined]
        sums = np.delete(np.delete(sums, joined, 0), joined, 1)
        sizes = np.delete(sizes, joined)
    return sorted(sorted(group) for group in groups)


def digest_json(digest: Digest, since: datetime | None) -> dict[str, object]:
    """The documented JSON form of a digest, see docs/formats.md."""
    return {
        "schema": DIGEST_SCHEMA,
        "since": iso(since),
        "articles": digest.articles,
        "left_out": digest.left_out,
        "stories": [{"articles": [entry_json(entry) for entry in story]} for story in digest.stories],
    }


def entry_json(entry: DigestEntry) -> dict[str, object]:
    sentence = entry.sentence
    return headline_json(entry.headline) | {
        "quote": sentence.quote if sentence else None,
        "start": sentence.start if sentence else None,
        "end": sentence.end if sentence else None,
        "copies": [headline_json(copy) for copy in entry.copies],
    }
