"""Each sentence's similarity to the question as the judge was fitted to it, whatever model the library was filled by."""

from collections.abc import Sequence
from dataclasses import replace

from rag.models.embedder import Embedder, Matrix, Passage
from vectorstore.values import Hit

KEPT = 1_000
"""Passages whose sentences' vectors are kept: about 14 KB each. One question may be judged several times, mostly on the same."""


class Comparer:
    """Compares sentences by one model. Threads may share it."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.kept: dict[str, Matrix] = {}

    def compared(self, question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The same hits with this model's similarities. Raises EmbedderError."""
        asked = self.embedder.embed_question(question)
        known = self.kept
        new = [hit.chunk for hit in hits if hit.chunk.id not in known]
        made = self.embedder.embed_passages([Passage(chunk.text, chunk.spans_within()) for chunk in new])
        found = known | {chunk.id: vectors.sentences for chunk, vectors in zip(new, made, strict=True)}
        # Replaced, never changed: another thread may be reading it.
        self.kept = found if len(found) <= KEPT else {hit.chunk.id: found[hit.chunk.id] for hit in hits}
        return tuple(
            replace(
                hit, sentence_similarities=tuple((found[hit.chunk.id] @ asked).tolist()) if hit.chunk.sentences else ()
            )
            for hit in hits
        )
