"""The lexical index: the same scores as bm25s gives, in blocks of any size, and what is in scope."""

import numpy as np
import pytest
from bm25s import BM25
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorstore import bm25
from vectorstore.lexical import LexicalEntry, LexicalIndex
from vectorstore.values import Scope

TEXTS = st.lists(
    st.lists(st.sampled_from(["war", "peace", "grain", "port", "vote", "law"]), max_size=30), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, in_block=st.integers(1, 50))
def test_blocks_give_the_scores_that_bm25s_gives(texts: list[list[str]], in_block: int) -> None:
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    if not vocabulary:
        return
    numbers = [[vocabulary[word] for word in text] for text in texts]
    theirs = BM25(backend="numpy")
    theirs.index((numbers, dict(vocabulary)), show_progress=False)
    ours = bm25.BlockwiseBM25(backend="numpy")
    ours.index((bm25.counted(numbers, in_block), dict(vocabulary)), show_progress=False)
    for word in vocabulary:
        assert ours.get_scores([word]) == pytest.approx(theirs.get_scores([word]), rel=1e-5)
    assert np.array_equal(ours.scores["indptr"], theirs.scores["indptr"])
    assert np.array_equal(ours.scores["indices"], theirs.scores["indices"])


def entry(number: int, text: str, library: str = "shared") -> LexicalEntry:
    return LexicalEntry(f"c{number}", text, "", "", library, None)


def test_more_texts_than_a_block_holds_are_all_found() -> None:
    count = 2 * bm25.TEXTS_IN_BLOCK + 7
    index = LexicalIndex.build("1", (entry(n, f"word{n} common") for n in range(count)))
    for number in (0, bm25.TEXTS_IN_BLOCK - 1, bm25.TEXTS_IN_BLOCK, count - 1):
        (match,) = index.search(f"word{number}", 5, Scope())
        assert match.chunk_id == f"c{number}"


def test_an_index_of_nothing_finds_nothing() -> None:
    assert LexicalIndex.build("1", []).search("war", 5, Scope()) == []
    assert LexicalIndex.build("1", [entry(1, "...")]).search("war", 5, Scope()) == []


def test_everything_is_in_scope_only_where_every_library_is() -> None:
    index = LexicalIndex.build("1", [entry(1, "war"), entry(2, "war", "discord:50")])
    assert index.all_in(Scope(libraries=("shared", "discord:50", "other")))
    assert not index.all_in(Scope())
    assert not index.all_in(Scope(libraries=("shared", "discord:50"), sources=("BBC",)))
    assert [one.chunk_id for one in index.search("war", 5, Scope())] == ["c1"]
