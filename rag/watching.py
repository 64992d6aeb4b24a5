"""The heart of watched questions: is something new near a question, is its quoted answer another one now? Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answer import Answer
from rag.text import words_of
from vectorstore.ledger import Arrival

NEAR = 0.3
"""Cosine of a question to a sentence from which the sentence may change its answer. Measured: docs/quality.md."""
MOST_ARRIVALS = 5_000
"""Passages compared with each question, some 50 MB; after a larger ingest every question counts as near."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came into the library: the last arrival, and each library's new sentences as unit vectors [n, dimension].

    complete: False where more came than is compared.
    """

    latest: float
    sentences: Mapping[str, NDArray[np.float32]]
    complete: bool = True

    @classmethod
    def of(cls, arrivals: Sequence[Arrival], after: float) -> "Arrivals":
        """Of the chunks that arrived later than `after`, at most MOST_ARRIVALS + 1 of them."""
        matrices: dict[str, list[NDArray[np.floating]]] = {}
        for arrival in arrivals[:MOST_ARRIVALS]:
            if arrival.sentence_vectors.size:
                matrices.setdefault(arrival.library, []).append(arrival.sentence_vectors)
        sentences = {library: np.concatenate(rows).astype(np.float32) for library, rows in matrices.items()}
        latest = max((arrival.arrived for arrival in arrivals), default=after)
        return cls(latest, sentences, len(arrivals) <= MOST_ARRIVALS)

    def any_near(self, question: NDArray[np.float32], libraries: Sequence[str]) -> bool:
        """True if a new sentence of these libraries may change the answer to a question, given as its unit vector."""
        matrices = [self.sentences[library] for library in libraries if library in self.sentences]
        return not self.complete or any(float((matrix @ question).max()) >= NEAR for matrix in matrices)


def has_changed(before: Answer, after: Answer) -> bool:
    """True if other words are quoted than before, wherever they stand; a refusal quotes none."""
    return quoted_words(before) != quoted_words(after)


def quoted_words(answer: Answer) -> frozenset[str]:
    """Each quote in lower case, without punctuation and white space: copies of one text differ in those."""
    return frozenset(" ".join(words_of(citation.quote)) for citation in answer.citations)
