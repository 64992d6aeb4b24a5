"""The vectors: whatever way a search under filters takes, it finds what Chroma's own filter finds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vectorstore.lexical import LexicalIndex
from vectorstore.segments import LexicalEntry
from vectorstore.values import Chunk, Scope, Selection
from vectorstore.vectors import VectorStore

COUNT, DIMENSION, LIMIT = 1_500, 8, 50
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return FIRST_DAY + timedelta(days=number)


def made_up_chunk(number: int) -> Chunk:
    """Ten outlets of different size, four libraries, every seventh without a date."""
    source = f"outlet {int(np.log2(1 + number % 512))}"
    library = "shared" if number % 10 < 7 else f"discord:{number % 3}"
    published = None if number % 7 == 0 else day(number)
    return Chunk(f"c{number:05}", f"a{number}", library, 0, 0, 1, "x", "", source, "", published)


Filled = tuple[VectorStore, LexicalIndex, NDArray[np.float32]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Chunks in a store, the lexical index of the same, and their vectors."""
    chunks = [made_up_chunk(number) for number in range(COUNT)]
    vectors = np.random.default_rng(3).standard_normal((COUNT, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = VectorStore(tmp_path_factory.mktemp("store"))
    store.upsert(chunks, vectors)
    entries = [LexicalEntry(c.id, c.article_id, "x", "", c.source, c.library, c.published) for c in chunks]
    yield store, LexicalIndex.build("1", entries), vectors
    store.close()


DAYS = st.none() | st.integers(0, COUNT).map(day)
SCOPES = st.builds(
    Scope,
    libraries=st.lists(st.sampled_from(["shared", "discord:0", "discord:1", "other"]), min_size=1, unique=True).map(
        tuple
    ),
    since=DAYS,
    until=DAYS,
    sources=st.lists(st.sampled_from([f"outlet {n}" for n in range(9)]), max_size=3, unique=True).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scope=SCOPES, place=st.integers(0, COUNT - 1), limit=st.sampled_from([5, LIMIT, 120]))
def test_any_scope_is_searched_as_chromas_filter_searches_it(
    filled: Filled, scope: Scope, place: int, limit: int
) -> None:
    store, index, vectors = filled
    selection = index.selection(scope)
    ours = store.search(vectors[place], limit, scope, selection)
    theirs = store.search(vectors[place], limit, scope)
    assert [one.chunk_id for one in ours] == [one.chunk_id for one in theirs]
    assert [one.similarity for one in ours] == pytest.approx([one.similarity for one in theirs], abs=1e-5)
    assert sorted(selection.ids())[: selection.count] == sorted(selection.ids())
    assert selection.total == COUNT


@pytest.mark.parametrize("limit", [5, 120])
def test_a_chunk_that_is_gone_since_it_was_selected_does_no_harm(filled: Filled, limit: int) -> None:
    store, index, vectors = filled
    for scope in (Scope(until=day(200)), Scope(until=day(900))):
        known = index.selection(scope)
        more = Selection(known.count + 1, COUNT, lambda known=known: [*known.ids(), "gone"])
        ours = store.search(vectors[0], limit, scope, more)
        assert [one.chunk_id for one in ours] == [one.chunk_id for one in store.search(vectors[0], limit, scope)]
