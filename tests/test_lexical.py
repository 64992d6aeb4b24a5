"""The lexical index: bm25s's scores, whatever its segments are; whole on disk at any moment; never in a question's way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bm25s import BM25
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from vectorstore.database import open_database
from vectorstore.ledger import IncomingArticle, IndexedChunk, Ledger
from vectorstore.lexical import ENTRIES_AT_ONCE, LexicalIndex
from vectorstore.lexical_files import MANIFEST, LexicalFolder
from vectorstore.lexical_store import LexicalStore
from vectorstore.lock import writer_lock
from vectorstore.schema import MIGRATIONS
from vectorstore.segments import LexicalEntry, Part, compacted, merged
from vectorstore.strings import Strings
from vectorstore.values import Article, Chunk, Scope

REPOSITORY = Path(__file__).parent.parent
# Forms of one stem and characters beyond ASCII are what the tables must keep apart.
WORDS = ["war", "wars", "peace", "grain", "port", "ports", "vote", "law", "énergie", "говорил"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
SUMMER = Scope(libraries=("shared", "discord:50"), since=datetime(2024, 6, 1, tzinfo=UTC))
EVERYTHING = Scope(libraries=("shared", "discord:50"))


def entry(number: int, text: str, library: str = "shared", article: str = "") -> LexicalEntry:
    return LexicalEntry(f"c{number}", article or f"a{number}", text, "", "", library, None)


def entries_of(articles: dict[str, tuple[str, ...]]) -> list[LexicalEntry]:
    """The chunks of some articles; ids, outlets, days and libraries follow from the articles' names."""
    return [
        LexicalEntry(
            f"{name}-{number}-{len(text)}",
            name,
            text,
            f"title {name}",
            f"outlet {ord(name) % 3}",
            "discord:50" if name > "f" else "shared",
            datetime(2024, 1 + ord(name) % 12, 3, tzinfo=UTC) if name != "c" else None,
        )
        for name, texts in sorted(articles.items())
        for number, text in enumerate(texts)
    ]


def library_of(name: str) -> str:
    return "discord:50" if name > "f" else "shared"


def assert_the_same(index: LexicalIndex, built: LexicalIndex) -> None:
    """Both find the same chunks with the same scores, and know the same words."""
    for question in (*WORDS, "war and peace", "ports of grain title a", "3 June 2024", "outlet"):
        for scope in (EVERYTHING, SUMMER, Scope(), Scope(sources=("outlet 1",))):
            ours, theirs = index.search(question, 7, scope), built.search(question, 7, scope)
            assert [match.chunk_id for match in ours] == [match.chunk_id for match in theirs]
            assert [match.score for match in ours] == pytest.approx([match.score for match in theirs], abs=1e-5)
    for library in ("shared", "discord:50", "other"):
        assert list(index.words_of_libraries([library])) == list(built.words_of_libraries([library]))
    assert [index.knows(word) for word in WORDS] == [built.knows(word) for word in WORDS]
    assert (index.sources, index.libraries, index.texts) == (built.sources, built.libraries, built.texts)
    assert index.fingerprint() == built.fingerprint()


# Scores


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=4))
def test_any_segments_give_the_scores_that_bm25s_gives(texts: list[str], cuts: list[int]) -> None:
    index = LexicalIndex.build("1", [])
    edges = sorted({0, len(texts), *(cut for cut in cuts if cut < len(texts))})
    for start, end in pairwise(edges):
        index = index.with_changes("1", [], [entry(n, texts[n]) for n in range(start, end)])
    # Without stems, which bm25s does not know: each of these words is its own.
    plain = [[word for word in text.split() if word in ("peace", "grain", "vote", "law")] for text in texts]
    if not any(plain):
        return
    theirs = BM25(backend="numpy")
    theirs.index(plain, show_progress=False)
    alone = LexicalIndex.build("1", [entry(n, " ".join(words)) for n, words in enumerate(plain)])
    parted = alone.with_changes("1", [("shared", "a0")], [entry(0, " ".join(plain[0]))])
    for word in {word for words in plain for word in words}:
        scores = dict(enumerate(theirs.get_scores([word]).tolist()))
        for ours in (alone, parted):
            found = {int(match.chunk_id[1:]): match.score for match in ours.search(word, 100, Scope())}
            assert found == pytest.approx({n: score for n, score in scores.items() if score > 0}, rel=1e-5)
    assert_the_same(index, LexicalIndex.build("1", [entry(n, text) for n, text in enumerate(texts)]))


CHANGES = st.lists(
    st.dictionaries(st.sampled_from("abcdefghij"), st.lists(TEXT, max_size=3).map(tuple), min_size=1, max_size=4),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(changes=CHANGES, merge_at=st.sets(st.integers(0, 11)))
def test_any_sequence_of_changes_is_the_index_built_at_once(
    changes: list[dict[str, tuple[str, ...]]], merge_at: set[int]
) -> None:
    """An article whose new texts are () was deleted."""
    articles: dict[str, tuple[str, ...]] = {}
    index = LexicalIndex.build("0", [])
    for step, change in enumerate(changes):
        articles |= change
        changed = [(library_of(name), name) for name in change]
        index = index.with_changes(str(step + 1), changed, entries_of({name: articles[name] for name in change}))
        if step in merge_at and index.texts:
            index = LexicalIndex(index.revision, [Part(merged(index.parts))])
    assert_the_same(index, LexicalIndex.build("x", entries_of(articles)))


def test_more_texts_than_are_counted_at_once_are_all_found() -> None:
    count = 2 * ENTRIES_AT_ONCE + 7
    index = LexicalIndex.build("1", (entry(n, f"word{n} common") for n in range(count)))
    for number in (0, ENTRIES_AT_ONCE - 1, ENTRIES_AT_ONCE, count - 1):
        (match,) = index.search(f"word{number}", 5, Scope())
        assert match.chunk_id == f"c{number}"


def test_an_index_of_nothing_finds_nothing() -> None:
    assert LexicalIndex.build("1", []).search("war", 5, Scope()) == []
    assert LexicalIndex.build("1", [entry(1, "...")]).search("war", 5, Scope()) == []
    assert LexicalIndex.build("1", [entry(1, "war")]).search("war", 0, Scope()) == []


def test_everything_is_in_scope_only_where_every_library_is() -> None:
    index = LexicalIndex.build("1", [entry(1, "war"), entry(2, "war", "discord:50")])
    assert index.all_in(Scope(libraries=("shared", "discord:50", "other")))
    assert not index.all_in(Scope())
    assert not index.all_in(Scope(libraries=("shared", "discord:50"), sources=("BBC",)))
    assert [one.chunk_id for one in index.search("war", 5, Scope())] == ["c1"]
    without = index.with_changes("2", [("discord:50", "a2")], [])
    assert without.all_in(Scope()), "a library whose chunks are gone is none"


def test_chunks_of_one_score_come_by_id() -> None:
    index = LexicalIndex.build("1", [entry(n, "war") for n in (3, 1, 2)])
    assert [match.chunk_id for match in index.search("war", 2, Scope())] == ["c1", "c2"]


def test_parts_stay_few_and_each_text_is_merged_seldom() -> None:
    parts: tuple[Part, ...] = ()
    moved = 0
    for number in range(300):
        before = {id(part.segment) for part in parts}
        parts = compacted([*parts, *LexicalIndex.build("1", [entry(number, "war")]).parts])
        moved += sum(part.count for part in parts if id(part.segment) not in before)
    assert sum(part.count for part in parts) == 300
    assert len(parts) <= 9
    assert moved / 300 < 12


@given(st.lists(st.text(max_size=5), unique=True, max_size=20), st.text(max_size=5))
def test_a_table_of_strings_gives_back_any_string(strings: list[str], other: str) -> None:
    table = Strings.of(sorted(strings))
    assert list(table) == sorted(strings)
    for wanted in (*strings, other):
        assert table.place_of(wanted) == (sorted(strings).index(wanted) if wanted in strings else None)


# On disk


def test_a_saved_index_is_the_same_and_its_unchanged_segments_are_not_written_again(tmp_path: Path) -> None:
    folder = LexicalFolder(tmp_path / "lexical")
    index = LexicalIndex.build("1-a", entries_of(dict.fromkeys("abcdefgh", ("war and peace", "ports"))))
    folder.save(index)
    (big,) = folder.folder.glob("*.segment")
    written = big.stat().st_mtime_ns
    index = index.with_changes("2-b", [("shared", "b"), ("shared", "c")], entries_of({"b": ("grain",)}))
    folder.save(index)
    loaded = LexicalFolder(tmp_path / "lexical").load()
    assert loaded is not None
    assert loaded.revision == "2-b"
    assert_the_same(loaded, index)
    assert big.stat().st_mtime_ns == written
    assert len(list(folder.folder.glob("*.segment"))) == 2
    folder.save(LexicalIndex("3-c", [Part(merged(index.parts))]))
    assert [path.name == big.name for path in folder.folder.glob("*.segment")] == [False], "what is merged is deleted"


def damages(file: Path) -> Iterator[bytes]:
    content = file.read_bytes()
    yield b""
    yield content[: len(content) // 2]
    yield content + b"more"
    yield b"foreign" * (len(content) // 7 + 1)
    for place in (0, len(content) // 3, len(content) - 1):
        yield content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :]


@pytest.mark.parametrize("suffix", [".segment", ".json"])
def test_a_damaged_or_foreign_file_is_no_index(tmp_path: Path, suffix: str) -> None:
    index = LexicalIndex.build("1-a", entries_of(dict.fromkeys("abc", ("war and peace",))))
    LexicalFolder(tmp_path).save(index)
    (file,) = tmp_path.glob(f"*{suffix}")
    whole = file.read_bytes()
    for damaged in damages(file):
        file.unlink()  # As a new file: the old one may be mapped.
        file.write_bytes(damaged)
        loaded = LexicalFolder(tmp_path).load()
        assert loaded is None or loaded.fingerprint() == index.fingerprint()
    file.unlink()
    assert LexicalFolder(tmp_path).load() is None
    file.write_bytes(whole)
    (tmp_path / "data.csc.index.npy").write_bytes(b"an older program's")
    again = LexicalFolder(tmp_path)
    assert again.load() is not None
    again.save(index.with_changes("2-b", [], []))
    assert not (tmp_path / "data.csc.index.npy").exists()


SAVING = """
import sys
from pathlib import Path
from tests.test_lexical import entries_of
from vectorstore.lexical import LexicalIndex
from vectorstore.lexical_files import LexicalFolder
folder = LexicalFolder(Path(sys.argv[1]))
index = folder.load() or LexicalIndex.build("0-x", [])
number = int(index.revision.partition("-")[0])
print("begun", flush=True)
while True:
    number += 1
    name = "abcdefghij"[number % 10]
    changed = [("discord:50" if name > "f" else "shared", name)]
    index = index.with_changes(f"{number}-x", changed, entries_of({name: (f"war number{number} of revision{number}",)}))
    folder.save(index)
"""


def saving(folder: Path) -> "subprocess.Popen[str]":
    """A process that saves ever new revisions; it has begun."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def assert_whole(index: LexicalIndex) -> None:
    """The index that `saving` makes at its revision: the last ten numbers, each once."""
    number = int(index.revision.partition("-")[0])
    for recent in range(max(1, number - 9), number + 1):
        assert len(index.search(f"number{recent}", 5, EVERYTHING)) == 1, (number, recent)
    assert index.texts == min(number, 10)


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_a_whole_index(tmp_path: Path) -> None:
    reached = 0
    for delay in (0.013, 0.05, 0.101):
        process = saving(tmp_path)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        index = LexicalFolder(tmp_path).load()
        if index is None:
            assert reached == 0
            continue
        assert_whole(index)
        number = int(index.revision.partition("-")[0])
        assert number >= reached
        reached = number
    assert reached > 0


def test_readers_never_see_half_of_what_another_process_writes(tmp_path: Path) -> None:
    process = saving(tmp_path)
    try:
        folder = LexicalFolder(tmp_path)
        seen: set[str] = set()
        ends = time.monotonic() + 20
        while len(seen) < 25 and time.monotonic() < ends:
            index = folder.load()
            if index is not None:
                assert_whole(index)
                seen.add(index.revision)
        assert len(seen) == 25
    finally:
        process.kill()
        process.wait()


# With a ledger


def chunks_for(article: Article, texts: Sequence[str]) -> list[IndexedChunk]:
    """Chunks that lie one after the other in the article's text."""
    made, start = [], 0
    for number, text in enumerate(texts):
        place = (number, start, start + len(text))
        chunk_id = f"{article.library}-{article.id}-{article.digest[:8]}-{number}"
        chunk = Chunk(chunk_id, article.id, article.library, *place, text, article.title, article.source, "", None)
        made.append(IndexedChunk(chunk, np.zeros((0, 4), dtype=np.float32)))
        start += len(text) + 1
    return made


def store_articles(ledger: Ledger, texts: dict[str, tuple[str, ...]], library: str = "shared") -> None:
    stored = {name: Article(name, f"title {name}", "\n".join(parts), library, "BBC") for name, parts in texts.items()}
    ledger.save([IncomingArticle(article, "test", name) for name, article in stored.items()])
    ledger.finish(library, "key", [(article, chunks_for(article, texts[name])) for name, article in stored.items()])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    database = open_database(tmp_path / "ledger.sqlite3")
    yield Ledger(database)
    database.dispose()


LEDGER_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["store", "remove", "unfinish", "save", "other process"]),
        st.sampled_from(["shared", "discord:50"]),
        st.dictionaries(
            st.sampled_from("abcde"), st.lists(TEXT.filter(bool), min_size=1, max_size=2).map(tuple), min_size=1
        ),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=LEDGER_STEPS)
def test_the_index_follows_the_ledger_through_any_changes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, dict[str, tuple[str, ...]]]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    database = open_database(home / "ledger.sqlite3")
    ledger = Ledger(database)
    store = LexicalStore(home / "lexical", ledger)
    for step, library, texts in steps:
        if step == "store":
            store_articles(ledger, texts, library)
        elif step == "remove":
            ledger.remove(library, list(texts))
        elif step == "unfinish":
            ledger.mark_unindexed(library, list(texts))
        elif step == "save":
            store.save()
        else:
            store = LexicalStore(home / "lexical", ledger)
        built = LexicalIndex.build(ledger.revision, ledger.lexical_entries())
        assert store.current().revision == ledger.revision
        assert_the_same(store.current(), built)
    database.dispose()


def test_what_changed_is_added_to_what_is_saved(ledger: Ledger, tmp_path: Path) -> None:
    store = LexicalStore(tmp_path / "lexical", ledger)
    store_articles(ledger, {f"a{n}": (f"war{n} and peace",) for n in range(40)})
    store.save()
    (big,) = (tmp_path / "lexical").glob("*.segment")
    store_articles(ledger, {"new": ("grain",)})
    LexicalStore(tmp_path / "lexical", ledger).save()
    assert big.exists()
    assert len(list((tmp_path / "lexical").glob("*.segment"))) == 2
    other = LexicalStore(tmp_path / "lexical", ledger).current()
    assert [match.chunk_id[:10] for match in other.search("grain", 5, Scope())] == ["shared-new"]


def test_an_article_that_is_replaced_is_out_of_the_index_before_its_chunks_are_made(
    ledger: Ledger, tmp_path: Path
) -> None:
    store = LexicalStore(tmp_path / "lexical", ledger)
    store_articles(ledger, {"a": ("war",), "b": ("peace",)})
    store.save()
    ledger.save([IncomingArticle(Article("a", "title a", "grain", "shared", "BBC"), "test", "a")])
    assert store.current().search("war", 5, Scope()) == []
    assert store.current().fingerprint() == LexicalIndex.build("", ledger.lexical_entries()).fingerprint()


def test_an_index_of_another_ledgers_history_is_made_anew(ledger: Ledger, tmp_path: Path) -> None:
    """Two ledgers at the same number of changes: a folder that was copied, or a backup that was put back."""
    other_database = open_database(tmp_path / "other.sqlite3")
    other = Ledger(other_database)
    store_articles(other, {"a": ("war",)})
    LexicalStore(tmp_path / "lexical", other).save()
    store_articles(ledger, {"b": ("peace",)})
    index = LexicalStore(tmp_path / "lexical", ledger).current()
    assert index.search("war", 5, Scope()) == []
    assert len(index.search("peace", 5, Scope())) == 1
    saved = LexicalFolder(tmp_path / "lexical").load()
    assert saved is not None
    assert saved.revision == ledger.revision, "made of everything, it is saved at once"
    other_database.dispose()


def test_old_changes_are_forgotten_and_an_index_from_before_them_is_made_anew(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.ledger.KEPT_REVISIONS", 5)
    store = LexicalStore(tmp_path / "lexical", ledger)
    seen = []
    for number in range(12):
        store_articles(ledger, {f"a{number}": (f"war{number} and peace",)})
        seen.append(ledger.revision)
        if number == 4:
            store.save()
            ledger.remove("shared", ["a0"])
    assert [ledger.changed_since(revision) is None for revision in seen] == [True] * 7 + [False] * 5
    assert set(ledger.changed_since(seen[7]) or ()) == {("shared", f"a{number}") for number in range(8, 12)}
    with ledger.transaction() as connection:
        assert connection.execute(sql("SELECT count(*) FROM changed_articles")).scalar() == 4
    made_anew = LexicalStore(tmp_path / "lexical", ledger).current()
    assert_the_same(made_anew, LexicalIndex.build(ledger.revision, ledger.lexical_entries()))
    assert made_anew.search("war0", 5, Scope()) == []


def test_a_ledger_from_before_changes_were_noted_gets_its_history_from_now_on(ledger: Ledger, tmp_path: Path) -> None:
    store_articles(ledger, {"a": ("war",)})
    before = ledger.revision
    with ledger.transaction() as connection:
        connection.execute(sql("DROP TABLE revisions"))
        connection.execute(sql("DROP TABLE changed_articles"))
        step = [migration.__name__ for migration in MIGRATIONS].index("add_changes")
        connection.execute(sql(f"UPDATE schema_version SET version = {step}"))
    database = open_database(tmp_path / "ledger.sqlite3")
    migrated = Ledger(database)
    assert migrated.changed_since(before) == []
    store_articles(migrated, {"b": ("peace",)})
    assert migrated.changed_since(before) == [("shared", "b")]
    assert migrated.changed_since("1-other") is None
    database.dispose()


def test_a_question_is_answered_from_the_index_before_while_another_thread_takes_long(
    ledger: Ledger, tmp_path: Path
) -> None:
    store = LexicalStore(tmp_path / "lexical", ledger)
    store_articles(ledger, {"a": ("war",)})
    before = store.current()
    store_articles(ledger, {"b": ("peace",)})
    with store.updating:  # Held by whoever brings the index up to date.
        answered: list[LexicalIndex] = []
        question = threading.Thread(target=lambda: answered.append(store.current()))
        question.start()
        question.join(timeout=10)
        assert answered == [before]
    assert len(store.current().search("peace", 5, Scope())) == 1


def test_a_folder_that_another_process_holds_or_that_cannot_be_written_costs_no_answer(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.lexical_store.SAVE_WAIT_SECONDS", 0.1)
    store_articles(ledger, {"a": ("war",)})
    store = LexicalStore(tmp_path / "lexical", ledger)
    with writer_lock(tmp_path / "lexical", 1):
        assert len(store.current().search("war", 5, Scope())) == 1
    assert not (tmp_path / "lexical" / MANIFEST).exists()
    (tmp_path / "file").write_text("no folder")
    blocked = LexicalStore(tmp_path / "file" / "lexical", ledger)
    blocked.save()
    assert len(blocked.current().search("war", 5, Scope())) == 1


def test_a_manifest_of_another_format_is_no_index(tmp_path: Path) -> None:
    LexicalFolder(tmp_path).save(LexicalIndex.build("1-a", [entry(1, "war")]))
    written = json.loads((tmp_path / MANIFEST).read_text("utf-8"))
    for broken in (written | {"index": written["index"] | {"format": 3}}, [], {"index": 1}, {}):
        (tmp_path / MANIFEST).write_text(json.dumps(broken), "utf-8")
        assert LexicalFolder(tmp_path).load() is None


def test_entries_say_what_is_searched() -> None:
    dated = replace(entry(1, "It rained."), title="Rain", source="Post", published=datetime(2024, 6, 9, tzinfo=UTC))
    assert dated.searched() == "Rain\nPost\n9 June 2024\nIt rained."
