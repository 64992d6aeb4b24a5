"""Step 2: what is searched for a question, and where. Only this step searches the store; `rag/retrieval.py` is the search."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rag.abbreviations import in_the_articles_words
from rag.answering.features import is_about
from rag.intent import topic_to_tell
from rag.library import Library
from rag.outlets import heard_first, named_outlets
from rag.periods import published_in, telling_of
from rag.question import StandaloneQuestion, of_named_outlet
from rag.settings import Settings
from vectorstore.values import Hit

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from rag.retrieval import HybridRetriever

NEWEST_SUMMARISED = 3
"""Articles that "What's new?" quotes from."""

Found = tuple[StandaloneQuestion, tuple[Hit, ...]]
"""The question as it was searched for, and the hits, best first."""


class Finder:
    """Finds the passages that a question is answered from."""

    def __init__(self, library: Library, settings: Settings, reranker: "BaseNodePostprocessor | None") -> None:
        self.library = library
        self.settings = settings
        self.reranker = reranker

    def retrieve(self, standalone: StandaloneQuestion) -> Found:
        """The hits, and the question as the articles word it. Raises StoreError, EmbedderError."""
        # LlamaIndex takes a second to import: the first question does it, not whoever only opens a library.
        from rag.retrieval import HitLimits, HybridRetriever, passages_of

        storage = self.library.storage
        if standalone.asks == "more":
            return standalone, passages_of(standalone.told_from, standalone.question, standalone.scope, storage)
        lexical = self.library.lexical()
        standalone = of_named_outlet(standalone, lexical.sources)
        limits = HitLimits(self.settings.hits, self.settings.hits_per_article)
        retriever = HybridRetriever(storage, lexical, standalone.scope, limits, self.reranker)
        if standalone.period is not None:
            published = published_in(standalone, standalone.period, storage.ledger, NEWEST_SUMMARISED)
            return published or telling_of(standalone, standalone.period, storage.ledger, retriever)
        if standalone.summary_of is not None:
            return standalone, self.to_summarise(standalone, retriever)
        return self.search(standalone, retriever)

    def to_summarise(self, standalone: StandaloneQuestion, retriever: "HybridRetriever") -> tuple[Hit, ...]:
        """How the newest articles begin, or the one that a search for the subject finds first, where that speaks of it.

        Whoever says "Tell me about" must not be told of something else of the kind: there the beginning holds all of its words.
        """
        ledger, subject = self.library.storage.ledger, standalone.summary_of
        if not subject:
            return tuple(Hit(chunk, 1.0) for chunk in ledger.leading_chunks(retriever.scope, NEWEST_SUMMARISED))
        hits = retriever.find(subject)
        if not hits or not is_about(hits[0].chunk, subject):
            return ()
        found = hits[0].chunk
        first = ledger.chunks_of(found.library, found.article_id)[:1]
        if topic_to_tell(standalone.question):
            first = [chunk for chunk in first if is_about(chunk, subject, 1.0)]
        return tuple(replace(hits[0], chunk=chunk, sentence_similarities=()) for chunk in first)

    def search(self, standalone: StandaloneQuestion, retriever: "HybridRetriever") -> Found:
        """By words and vectors, again where the articles write a name otherwise; outlets that are named are heard first."""
        from rag.retrieval import newest_first

        hits = retriever.find(standalone.question)
        worded = in_the_articles_words(standalone.question, (hit.chunk.text for hit in hits))
        if worded != standalone.question:
            standalone, hits = replace(standalone, question=worded), retriever.find(worded)
        if not standalone.scope.sources:
            named = named_outlets(worded, retriever.lexical.sources)
            scopes = [replace(standalone.scope, sources=(outlet,)) for outlet in named]
            hits = heard_first(retriever.find_in_each(worded, scopes), hits)[: self.settings.hits]
        return standalone, newest_first(hits) if standalone.prefers_newest else tuple(hits)
