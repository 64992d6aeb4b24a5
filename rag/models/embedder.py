"""What an embedding model is to the program: its values and its protocol. The models are in the modules next to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vectorstore.values import Span

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
MINILM = "all-MiniLM-L6-v2-int8"
"""The name of the embedded model, as the store remembers it; known without loading it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to embed; `sentences` are spans in it, each of which gets a vector of its own."""

    text: str
    sentences: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """`vector` [dimension] and `sentences` [n, dimension], all of unit length."""

    vector: Vector
    sentences: Matrix


class Embedder(Protocol):
    """What ingestion and retrieval need of an embedding model. `name` is remembered by the store."""

    name: str

    def embed_question(self, question: str) -> Vector:
        """One unit vector. Raises EmbedderError."""
        ...

    def embed_passages(self, passages: Sequence[Passage]) -> list[PassageVectors]:
        """One for each passage, in order. Raises EmbedderError."""
        ...


def unit(vector: Vector) -> Vector:
    """The vector at length 1; zero stays zero."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length > 0 else vector.astype(np.float32)
