"""A chunk's stems as a sparse vector, for a server that searches by words itself: its product with a question's is BM25. Pure.

Chroma Cloud multiplies each number of a question's vector by the rarity of its stem, ln(1 + (n - f + .5) / (f + .5)) of n
records of which f have it: the same as the lexical index here. What is left to store is the rest of BM25 (lexical.py).
"""

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from vectorstore.lexical import K1, B
from vectorstore.segments import LexicalEntry
from vectorstore.stems import word_stems
from vectorstore.values import Chunk

MEAN_LENGTH = 115.0
"""Words of a chunk, with title, outlet and date: 114 to 120 in three libraries of articles. The lexical index here takes the
library's own mean; what is stored cannot change with every article."""
STEM_BITS = 31
"""Of a stem's hash: Chroma's own function makes as many. Of a million stems one in two thousand shares its number."""


@dataclass(frozen=True, slots=True)
class StemVector:
    """Numbers of stems in ascending order, and a value for each, as single-precision arithmetic holds it."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


NO_STEMS = StemVector((), ())


def stem_number(stem: str) -> int:
    """The number of a stem, the same on every machine."""
    digest = hashlib.blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "little") & ((1 << STEM_BITS) - 1)


def stem_vector(chunk: Chunk) -> StemVector:
    """What a chunk adds to the score of each stem, before its rarity: count / (count + norm)."""
    fields = (chunk.title, chunk.source, chunk.library, chunk.published)
    stems = word_stems(LexicalEntry(chunk.id, chunk.article_id, chunk.text, *fields).searched())
    norm = K1 * (1 - B + B * len(stems) / MEAN_LENGTH)
    counts = sorted(Counter(map(stem_number, stems)).items())
    values = np.array([count / (count + norm) for _, count in counts], dtype=np.float32)
    return StemVector(tuple(number for number, _ in counts), tuple(values.tolist()))


def question_vector(question: str) -> StemVector:
    """Each stem of a question once."""
    numbers = sorted(set(map(stem_number, word_stems(question))))
    return StemVector(tuple(numbers), (1.0,) * len(numbers))
