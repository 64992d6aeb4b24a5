"""Recognise syndicated copies: articles that carry nearly the same text tell one story. MinHash by rensa."""

import hashlib
import re
from collections.abc import Sequence

WORD = re.compile(r"\w+")
SHINGLE_WORDS = 3
PERMUTATIONS = 64
BANDS = 32
"""32 bands of 2: articles with .3 of their shingles in common share a band with probability .95, with .1 of them .28
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4); candidates are compared exactly."""
SAME_STORY = 0.3
"""Jaccard similarity of shingles from which two articles tell one story. A syndicated text that an editor cut and
rephrased keeps .3; among 326 news articles of MultiHop-RAG two different ones share .12 at most."""
SEED = 17


def shingles(text: str) -> set[str]:
    """Every run of three words; a shorter text is one shingle."""
    words = WORD.findall(text.lower())
    count = max(len(words) - SHINGLE_WORDS + 1, 1)
    return {" ".join(words[start : start + SHINGLE_WORDS]) for start in range(count)}


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


def story_of(text: str, own_story: str, candidates: Sequence[tuple[str, str]]) -> str:
    """The story of the most similar candidate (story, text), or its own when none is the same text."""
    mine = shingles(text)
    best, best_similarity = own_story, SAME_STORY
    for story, other_text in candidates:
        similarity = jaccard(mine, shingles(other_text))
        if similarity >= best_similarity:
            best, best_similarity = story, similarity
    return best


def jaccard(first: set[str], second: set[str]) -> float:
    """Size of the intersection over the size of the union."""
    union = len(first | second)
    return len(first & second) / union if union else 0.0
