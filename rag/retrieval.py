"""Step 2: dense and lexical search fused by rank, copies collapsed, several articles heard. Reads the store only."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import TypeVar

import numpy as np
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from rag.errors import EmbedderError
from rag.ingestion.indexing import Storage, follow_rebuild
from rag.models.embedder import Vector
from rag.text import distinct_words, jaccard
from vectorstore.errors import StoreUnavailable
from vectorstore.ledger import IndexedChunk
from vectorstore.lexical import LexicalSearch
from vectorstore.values import Chunk, Hit, Scope
from vectorstore.vectors import filter_fields, is_in_scope

Value = TypeVar("Value")

CANDIDATES = 50
"""Chunks taken from each search before fusion; more changed nothing on the public sets."""
RANK_CONSTANT = 10.0
"""k of reciprocal rank fusion (Cormack et al. 2009); 10 is as good as or better than 60 on five news and wiki tasks."""
CLEAR_WINNER = 1.5
"""A passage whose words match that much better than any other's is read, whatever it is about: only it has the number or name
that was asked for. A guess."""
WINNER_PLACE = 3
"""Its place at the latest, counted from 0: where newer articles come first it is among those that are read, too."""
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
SAME_SENTENCE = 0.6
"""The same of two sentences without their numbers. A guess: one word in four may be another."""
SAME_PASSAGE = 0.35
"""Jaccard similarity of words from which two passages of a duplicate group are the same passage."""


@dataclass(frozen=True, slots=True)
class HitLimits:
    """How many hits a question gets, and how many of them one article may give."""

    total: int
    per_article: int


class HybridRetriever(BaseRetriever):
    """Dense + BM25 + best sentence, fused; a LlamaIndex retriever, so that its query engines and evaluators take it."""

    def __init__(
        self,
        storage: Storage,
        lexical: LexicalSearch,
        scope: Scope,
        limits: HitLimits,
        reranker: BaseNodePostprocessor | None = None,
    ) -> None:
        super().__init__()
        self.storage = storage
        self.lexical = lexical
        self.scope = scope
        self.limits = limits
        self.reranker = reranker

    def within(self, scope: Scope) -> "HybridRetriever":
        """The same search of another part of the library."""
        return HybridRetriever(self.storage, self.lexical, scope, self.limits, self.reranker)

    def find_in_each(self, question: str, scopes: Sequence[Scope]) -> list[list[Hit]]:
        """What `find` finds in each of these scopes; the question is embedded once."""
        if not scopes:
            return []
        vector = self.storage.embedder.embed_question(question)
        return [self.within(scope).search(question, vector) for scope in scopes]

    def find(self, question: str) -> list[Hit]:
        """The hits for a question, best first. Raises StoreError, EmbedderError."""
        return self.search(question, self.storage.embedder.embed_question(question))

    def search(self, question: str, vector: Vector) -> list[Hit]:
        """The hits for a question whose vector is known."""
        collection = follow_rebuild(self.storage)
        lexical, store = self.lexical, self.storage.store
        in_scope = None if lexical.all_in(self.scope) else self.scope
        selection = lexical.selection(self.scope) if in_scope else None
        try:
            neighbours = store.search(vector, CANDIDATES, in_scope, selection)
        except StoreUnavailable:
            if self.storage.ledger.collection == collection:
                raise
            return self.search(question, vector)
        matches = lexical.search(question, CANDIDATES, self.scope)
        candidates = dict.fromkeys(
            [neighbour.chunk_id for neighbour in neighbours] + [match.chunk_id for match in matches]
        )
        found = {
            chunk_id: indexed
            for chunk_id, indexed in self.storage.ledger.chunks_by_id(list(candidates)).items()
            # Another process may have begun a library since the index was made; what is shown is what the ledger says.
            if indexed.chunk.library in self.scope.libraries
        }
        similarity = {neighbour.chunk_id: neighbour.similarity for neighbour in neighbours}
        similarity |= store.similarities(vector, [chunk_id for chunk_id in found if chunk_id not in similarity])
        if self.storage.ledger.collection != collection:
            # Rebuilt meanwhile: these chunks' sentence vectors are not of the model that embedded the question.
            return self.search(question, vector)
        dense = ranks([neighbour.chunk_id for neighbour in neighbours if neighbour.chunk_id in found])
        lexical_rank = ranks([match.chunk_id for match in matches if match.chunk_id in found])
        lexical_score = {match.chunk_id: match.score for match in matches}
        sentences = sentence_similarities(found, vector)
        best_sentence = ranks(sorted(found, key=lambda chunk_id: (-max(sentences[chunk_id], default=-1.0), chunk_id)))
        fused = fuse([dense, lexical_rank, best_sentence])
        hits = [
            Hit(
                chunk=found[chunk_id].chunk,
                score=fused[chunk_id],
                similarity=similarity.get(chunk_id, 0.0),
                dense_rank=dense.get(chunk_id),
                lexical_score=lexical_score.get(chunk_id, 0.0),
                lexical_rank=lexical_rank.get(chunk_id),
                sentence_similarities=sentences[chunk_id],
            )
            for chunk_id in sorted(found, key=lambda chunk_id: (-fused[chunk_id], chunk_id))
        ]
        groups = {chunk_id: indexed.duplicate_group for chunk_id, indexed in found.items()}
        distinct = collapse_copies(with_winner_early(hits, groups), groups, self.limits.total * 3)
        if self.reranker is not None:
            distinct = rerank(distinct, question, self.reranker)
        return spread(distinct, self.limits)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [node_of(hit) for hit in self.find(query_bundle.query_str)]


def passages_of(article_ids: Sequence[str], question: str, scope: Scope, storage: Storage) -> tuple[Hit, ...]:
    """Every passage of those articles that are in scope, in the order given and of reading, compared with the question."""
    ledger = storage.ledger
    chunks = [
        chunk
        for library in scope.libraries
        for chunk in ledger.chunks_of_articles(library, article_ids)
        if is_in_scope(filter_fields(chunk), scope)
    ]
    found = ledger.chunks_by_id([chunk.id for chunk in chunks])
    similarities = sentence_similarities(found, storage.embedder.embed_question(question))
    order = {article_id: place for place, article_id in enumerate(article_ids)}
    ordered = sorted(chunks, key=lambda chunk: (order[chunk.article_id], chunk.library, chunk.position))
    return tuple(Hit(one, 1.0, sentence_similarities=similarities[one.id]) for one in ordered if one.id in found)


def ranks(chunk_ids: Sequence[str]) -> dict[str, int]:
    return {chunk_id: rank for rank, chunk_id in enumerate(chunk_ids, 1)}


def fuse(rankings: Sequence[dict[str, int]]) -> dict[str, float]:
    """Reciprocal rank fusion: the sum of 1 / (k + rank) over the lists that hold the id."""
    fused: dict[str, float] = {}
    for ranking in rankings:
        for chunk_id, rank in ranking.items():
            fused[chunk_id] = fused.get(chunk_id, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    return fused


def sentence_similarities(found: Mapping[str, IndexedChunk], vector: np.ndarray) -> dict[str, tuple[float, ...]]:
    """For each chunk the cosine of each of its sentences to the question."""
    matrices = [indexed.sentence_vectors for indexed in found.values()]
    filled = [matrix for matrix in matrices if matrix.size]
    # One product for all: a hundred small ones took four times as long.
    cosines: Iterator[float] = iter((np.concatenate(filled).astype(np.float32) @ vector).tolist() if filled else ())
    return {
        chunk_id: tuple(islice(cosines, len(matrix) if matrix.size else 0))
        for chunk_id, matrix in zip(found, matrices, strict=True)
    }


def with_winner_early(hits: Sequence[Hit], groups: dict[str, str]) -> list[Hit]:
    """The hits with a clear winner of the search for words among the first ones: of 200 depots one has the number asked for, and
    to a vector all are alike."""
    best = max(hits, key=lambda hit: hit.lexical_score, default=None)
    if best is None or best in hits[: WINNER_PLACE + 1]:
        return list(hits)
    rivals = [hit.lexical_score for hit in hits if hit is not best and not is_copy(hit, best, groups)]
    if best.lexical_score <= 0 or best.lexical_score < CLEAR_WINNER * max(rivals, default=0.0):
        return list(hits)
    rest = [hit for hit in hits if hit is not best]
    return [*rest[:WINNER_PLACE], best, *rest[WINNER_PLACE:]]


def collapse_copies(hits: Sequence[Hit], groups: dict[str, str], limit: int) -> list[Hit]:
    """The first `limit` distinct passages; the same passage in another article becomes one of the first one's copies."""
    kept: list[Hit] = []
    # Only passages of the same text or of one duplicate group can be copies: comparing all took a tenth of the whole search.
    alike: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for hit in hits:
        keys = (("text", hit.chunk.text), ("group", groups[hit.chunk.id]))
        near = sorted({index for key in keys for index in alike[key]})
        original = next((index for index in near if is_copy(hit, kept[index], groups)), None)
        if original is not None:
            kept[original] = replace(kept[original], copies=(*kept[original].copies, hit.chunk))
        elif len(kept) < limit:
            for key in keys:
                alike[key].append(len(kept))
            kept.append(hit)
    return kept


def is_copy(hit: Hit, other: Hit, groups: dict[str, str]) -> bool:
    """True for the same passage in another article: to the letter or, within a duplicate group, nearly so."""
    one, two = hit.chunk, other.chunk
    if one.article_id == two.article_id:
        return False
    return one.text == two.text or (
        groups[one.id] == groups[two.id]
        and jaccard(distinct_words(one.text), distinct_words(two.text)) >= SAME_PASSAGE
        and not differ_in_numbers(one, two)
    )


def differ_in_numbers(one: Chunk, two: Chunk) -> bool:
    """True if a sentence is in both with another number in each: "14 dead" and "19 dead" are to be heard both."""
    counted = [[numbers_and_words(chunk.sentence_text(span)) for span in chunk.sentences] for chunk in (one, two)]
    return any(
        ours - theirs and theirs - ours and jaccard(our_words, their_words) >= SAME_SENTENCE
        for (ours, our_words), (theirs, their_words) in product(*counted)
    )


def numbers_and_words(sentence: str) -> tuple[frozenset[str], frozenset[str]]:
    """The numbers in digits and the other words of a sentence."""
    return frozenset(NUMBER.findall(sentence)), distinct_words(NUMBER.sub(" ", sentence))


def spread(hits: Sequence[Hit], limits: HitLimits) -> list[Hit]:
    """The best hits within the limits: no article crowds out the others.

    Of an article that has more to give, the passage that the words alone put first takes the last place: in a long one of
    much the same sentences it is the only one with the name or number that is asked for.
    """
    chosen: list[Hit] = []
    places: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for hit in hits:
        of_article = places[hit.chunk.library, hit.chunk.article_id]
        if len(of_article) < limits.per_article and len(chosen) < limits.total:
            of_article.append(len(chosen))
            chosen.append(hit)
    for article, of_article in places.items():
        found = [hit for hit in hits if (hit.chunk.library, hit.chunk.article_id) == article and hit.lexical_rank]
        by_words = min(found, key=lambda hit: hit.lexical_rank or 0, default=None)
        if len(of_article) > 1 and by_words is not None and all(chosen[place] is not by_words for place in of_article):
            chosen[of_article[-1]] = by_words
    return chosen


def rerank(hits: Sequence[Hit], question: str, reranker: BaseNodePostprocessor) -> list[Hit]:
    """The hits that the postprocessor returns, in its order and with its scores. Raises EmbedderError with its own words."""
    by_id = {hit.chunk.id: hit for hit in hits}
    try:
        returned = reranker.postprocess_nodes([node_of(hit) for hit in hits], query_str=question)
    except Exception as error:
        name = type(reranker).__name__
        raise EmbedderError(
            f"The reranker {name} failed ({error}): check DATELINE_RERANKER_CLASS and its options."
        ) from error
    return [
        replace(by_id[node.node.node_id], score=float(node.score if node.score is not None else 0.0))
        for node in returned
        if node.node.node_id in by_id
    ]


def node_of(hit: Hit) -> NodeWithScore:
    """A hit as LlamaIndex's node, with what a citation needs as metadata."""
    chunk = hit.chunk
    metadata = {
        "article_id": chunk.article_id,
        "title": chunk.title,
        "source": chunk.source,
        "url": chunk.url,
        "published": chunk.published.isoformat() if chunk.published else "",
    }
    node = TextNode(
        id_=chunk.id, text=chunk.text, metadata=metadata, start_char_idx=chunk.start, end_char_idx=chunk.end
    )
    return NodeWithScore(node=node, score=hit.score)


def newest_first(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """A preference, not a filter: place by relevance and place by date count alike."""
    dated = sorted(hits, key=lambda hit: hit.chunk.recency, reverse=True)
    by_date = {hit.chunk.id: place for place, hit in enumerate(dated)}
    places = {hit.chunk.id: place + by_date[hit.chunk.id] for place, hit in enumerate(hits)}
    return tuple(sorted(hits, key=lambda hit: places[hit.chunk.id]))
