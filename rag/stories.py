"""Recognise syndicated copies: articles that carry nearly the same text tell one story. MinHash by rensa."""

import hashlib
import re
from collections.abc import Sequence

WORD = re.compile(r"\w+")
SHINGLE_WORDS = 5
PERMUTATIONS = 64
BANDS = 16
"""16 bands of 4: articles with half of their shingles in common share a band with probability .64, with .8 of them
.9998 (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4)."""
SAME_STORY = 0.6
"""Jaccard similarity of shingles from which two articles are one text. A copy with a changed headline, a cut last
paragraph and an editor's line keeps more; two reports of the same event share under .1."""
SEED = 17


def shingles(text: str) -> set[str]:
    """Every run of five words; a shorter text is one shingle."""
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
