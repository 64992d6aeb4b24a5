"""BM25 by bm25s, indexed in blocks: building takes little more memory than the index itself. The only door to bm25s."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from bm25s import BM25
from numpy.typing import NDArray

TEXTS_IN_BLOCK = 2_000
"""Texts whose words are counted together; their words take about 2 MB until they are."""


@dataclass(frozen=True, slots=True)
class Block:
    """How often each word is in each of some texts, ordered by word. All arrays but `lengths` [texts] are [pairs]."""

    words: NDArray[np.int32]
    texts: NDArray[np.uint16]
    counts: NDArray[np.uint16]
    lengths: NDArray[np.int32]


class BlockwiseBM25(BM25):  # type: ignore[misc]  # bm25s has no types
    """bm25s's own index and scores (Lucene's, its default), from blocks instead of one list of words for each text.

    bm25s holds every word of every text and then five arrays as long as the index: 590 MB for 97,000 chunks, where the
    index has 116.
    """

    def build_index_from_ids(
        self, unique_token_ids: Sequence[int], corpus_token_ids: list[Block], **_progress: bool
    ) -> dict[str, object]:
        """What bm25s builds: for each word, in which texts it is and with which score. Empties the list of blocks."""
        blocks = corpus_token_ids
        texts = sum(len(block.lengths) for block in blocks)
        mean_length = sum(int(block.lengths.sum()) for block in blocks) / texts
        frequencies = np.zeros(len(unique_token_ids), dtype=np.int64)
        for block in blocks:
            frequencies += np.bincount(block.words, minlength=len(frequencies))
        starts = np.concatenate([[0], np.cumsum(frequencies)])
        rarity = np.log(1 + (texts - frequencies + 0.5) / (frequencies + 0.5))
        scores, found_in = np.empty(starts[-1], dtype=np.float32), np.empty(starts[-1], dtype=np.int32)
        free = starts[:-1].copy()
        first = 0
        for number, block in enumerate(blocks):
            begin = np.flatnonzero(np.diff(block.words, prepend=-1))
            runs = np.diff(np.append(begin, len(block.words)))
            places = free[block.words] + np.arange(len(block.words)) - np.repeat(begin, runs)
            relative_length = block.lengths[block.texts] / mean_length
            weight = block.counts / (block.counts + self.k1 * (1 - self.b + self.b * relative_length))
            scores[places] = rarity[block.words] * weight
            found_in[places] = first + block.texts.astype(np.int32)
            free[block.words[begin]] += runs
            first += len(block.lengths)
            blocks[number] = EMPTY  # As the index fills, the blocks go.
        blocks.clear()
        self.nonoccurrence_array = None
        return {"data": scores, "indices": found_in, "indptr": starts, "num_docs": texts}


EMPTY = Block(
    np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint16), np.empty(0, dtype=np.uint16), np.empty(0, dtype=np.int32)
)


def counted(texts: Iterable[Sequence[int]], in_block: int = TEXTS_IN_BLOCK) -> list[Block]:
    """Texts as word numbers, counted in blocks as they come."""
    blocks: list[Block] = []
    waiting: list[Sequence[int]] = []
    for text in texts:
        waiting.append(text)
        if len(waiting) == in_block:
            blocks.append(block_of(waiting))
            waiting = []
    return [*blocks, block_of(waiting)] if waiting else blocks


def block_of(texts: Sequence[Sequence[int]]) -> Block:
    lengths = np.array([len(text) for text in texts], dtype=np.int32)
    words = np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])
    owners = np.repeat(np.arange(len(texts)), lengths)
    pairs, counts = np.unique(words * len(texts) + owners, return_counts=True)
    return Block(
        (pairs // len(texts)).astype(np.int32),
        (pairs % len(texts)).astype(np.uint16),
        np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16),
        lengths,
    )
