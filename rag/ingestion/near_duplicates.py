"""Recognise syndicated copies: articles with nearly the same text form a duplicate group. MinHash by rensa."""

import hashlib
from collections.abc import Sequence

from rag.text import jaccard
from vectorstore.stems import WORD

SHINGLE_WORDS = 3
PERMUTATIONS = 64
BANDS = 32
"""32 bands of 2: articles with .3 of their shingles in common share a band with probability .95, with .1 of them .28
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4); candidates are compared exactly."""
SAME_ARTICLE = 0.3
"""Jaccard similarity of shingles from which two articles are copies of one text. A syndicated text that an editor cut and
rephrased keeps .3; among 326 news articles of MultiHop-RAG two different ones share .12 at most."""
SEED = 17


def shingles(text: str) -> frozenset[str]:
    """Every run of three words; a shorter text is one shingle."""
    words = WORD.findall(text.lower())
    count = max(len(words) - SHINGLE_WORDS + 1, 1)
    return frozenset(" ".join(words[start : start + SHINGLE_WORDS]) for start in range(count))


def minhash_bands(text: str) -> tuple[str, ...]:
    """Keys of which similar texts share at least one."""
    from rensa import RMinHash

    minhash = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    minhash.update(sorted(shingles(text)))
    digest = minhash.digest()
    rows = PERMUTATIONS // BANDS
    return tuple(
        f"{band}:{hashlib.sha256(repr(digest[band * rows : (band + 1) * rows]).encode()).hexdigest()[:24]}"
        for band in range(BANDS)
    )


def duplicate_group_of(text: str, own_group: str, candidates: Sequence[tuple[str, str]]) -> str:
    """The group of the most similar candidate (group, text), `own_group` when none is a copy."""
    own_shingles = shingles(text)
    best, best_similarity = own_group, SAME_ARTICLE
    for group, other_text in candidates:
        similarity = jaccard(own_shingles, shingles(other_text))
        if similarity >= best_similarity:
            best, best_similarity = group, similarity
    return best
