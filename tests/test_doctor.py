"""`dateline doctor` finds every damage that is planted here, for real, and mends what the articles can make again."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from benchmarks.scale import store
from bot.cli import dateline
from rag.checkup import Finding, check_up
from rag.factory import open_library
from rag.ingestion.indexing import check_embedder
from rag.settings import Settings
from tests.conftest import SEEDS
from tests.fakes.fake_model_server import answer, failure, serving
from vectorstore.backup import write_backup
from vectorstore.database import open_database
from vectorstore.errors import StoreUnavailable
from vectorstore.index_files import changed_index_files
from vectorstore.ledger import Ledger
from vectorstore.lexical_files import LexicalFolder
from vectorstore.segments import LexicalEntry
from vectorstore.values import Chunk
from vectorstore.vectors import VectorStore

ARTICLE = "seeds/000_e9d5df2be693c8ad.txt"
GARBAGE = b"not a database, but long enough to be taken for one" * 2_000
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the seed article and two short ones."""
    home, corpus = tmp_path_factory.mktemp("filled"), tmp_path_factory.mktemp("corpus") / "c.jsonl"
    texts = {"ferry": "The ferry sails hourly. A ticket costs 40 crowns.", "mill": "The Zaltbommel mill closed in May."}
    lines = [{"id": name, "text": text, "published": "2025-06-09T23:30:00-05:00"} for name, text in texts.items()]
    corpus.write_text("\n".join(map(json.dumps, lines)), "utf-8")

    async def fill() -> None:
        async with open_library(Settings(home=home)) as library:
            await library.ingest([SEEDS, corpus])

    asyncio.run(fill())
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(filled, tmp_path / "home"))


def problems(home: Path, fix: bool = False, **changes: object) -> list[Finding]:
    findings = asyncio.run(check_up(Settings(home=home, **changes), fix))
    return [finding for finding in findings if finding.status == "problem"]


def sql(statement: str, *values: object) -> Damage:
    def damage(home: Path) -> None:
        with closing(sqlite3.connect(home / "ledger.sqlite3")) as connection:
            assert connection.execute(statement, values).rowcount
            connection.commit()

    return damage


def flipped(file: str, found: bytes, place: int = 0) -> Damage:
    """Flip a high bit of the byte that lies `place` behind wherever these bytes are: SQLite leaves old pages in its file."""

    def damage(home: Path) -> None:
        content = bytearray((home / file).read_bytes())
        start = content.index(found)
        while start >= 0:
            content[start + place] ^= 0x40
            start = content.find(found, start + len(found))
        (home / file).write_bytes(content)

    return damage


def emptied(name: str) -> Damage:
    return lambda home: (home / name).write_bytes(b"") and None


def truncated(file: str) -> Damage:
    def damage(home: Path) -> None:
        (home / file).write_bytes((home / file).read_bytes()[: (home / file).stat().st_size // 2])

    return damage


def overwritten(file: str) -> Damage:
    return lambda home: (home / file).write_bytes(GARBAGE) and None


def deleted(name: str) -> Damage:
    def damage(home: Path) -> None:
        (shutil.rmtree if (home / name).is_dir() else Path.unlink)(home / name)

    return damage


def in_store(change: Callable[[VectorStore], object]) -> Damage:
    def damage(home: Path) -> None:
        store = VectorStore(home / "vectors")
        change(store)
        store.close()

    return damage


def in_segment(change: Callable[[bytes], bytes]) -> Damage:
    def damage(home: Path) -> None:
        (file,) = (home / "lexical").glob("*.segment")
        file.write_bytes(change(file.read_bytes()))

    return damage


def with_a_bit_flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :]


def index_other_words(home: Path) -> None:
    """A whole index of the present revision, of an article that says something else."""
    folder = LexicalFolder(home / "lexical")
    index = folder.load()
    assert index is not None
    other = LexicalEntry("other", "mill", "Zutphen", "The mill", "", "shared", None)
    folder.save(index.with_changes(index.revision, [("shared", "mill")], [other]))


def first_id(store: VectorStore) -> str:
    return min(stored.chunk_id for stored in store.stored())


STRAY = Chunk("stray", "gone", "shared", 0, 0, 4, "Gone", "", "", "", None)
VECTOR = np.eye(1, 384, dtype=np.float32)


def flip_a_vector(home: Path) -> None:
    store = VectorStore(home / "vectors")
    vector = next(iter(store.stored())).vector.astype("<f4").tobytes()
    store.close()
    # The last byte of a float holds its sign and most of its exponent.
    flipped("vectors/chroma.sqlite3", vector[:32], 7)(home)


REPAIRABLE: dict[str, tuple[Damage, str, str]] = {
    "vectors deleted": (
        deleted("vectors"),
        "vectors",
        "3 articles (ferry, mill, seeds/000_e9d5df2be693c8ad.txt) have no",
    ),
    "a vector deleted": (in_store(lambda store: store.delete([first_id(store)])), "vectors", "1 article ("),
    "a vector flipped": (flip_a_vector, "vectors", "vectors that are damaged"),
    "a vector's outlet changed": (
        in_store(lambda store: store.collection.update(ids=[first_id(store)], metadatas=[{"source": "Another"}])),
        "vectors",
        "vectors that are damaged or of another state",
    ),
    "a vector of no article": (
        in_store(lambda store: store.upsert([STRAY], VECTOR)),
        "vectors",
        "1 vectors that belong to",
    ),
    "lexical index deleted": (deleted("lexical"), "lexical", "missing"),
    "lexical index truncated": (in_segment(lambda content: content[: len(content) // 2]), "lexical", "missing"),
    "lexical index flipped": (in_segment(with_a_bit_flipped), "lexical", "missing, damaged"),
    "lexical manifest cut": (truncated("lexical/manifest.json"), "lexical", "missing, damaged"),
    "lexical index of other words": (index_other_words, "lexical", "not what the articles say"),
    "lexical index of before": (
        sql("UPDATE facts SET value = '99-x' WHERE name = 'revision'"),
        "lexical",
        "older state",
    ),
    "offsets moved": (sql("UPDATE chunks SET start = start + 1, [end] = [end] + 1"), "chunks", "3 articles"),
    "a chunk deleted": (sql("DELETE FROM chunks WHERE position = 1"), "chunks", "1 article"),
    "all chunks of one deleted": (sql("DELETE FROM chunks WHERE article_id = 'ferry'"), "chunks", "1 article (ferry)"),
    "sentence vectors cut": (
        sql("UPDATE chunks SET sentence_vectors = substr(sentence_vectors, 1, 101) WHERE article_id = 'mill'"),
        "chunks",
        "1 article (mill)",
    ),
    "sentence vectors flipped": (
        sql("UPDATE chunks SET sentence_vectors = zeroblob(length(sentence_vectors)) WHERE article_id = 'mill'"),
        "chunks",
        "1 article (mill)",
    ),
    "chunks of no article": (
        sql("DELETE FROM articles WHERE id = 'ferry'"),
        "chunks",
        "1 chunks whose article is gone",
    ),
    "an article unfinished": (sql("UPDATE articles SET indexed = NULL WHERE id = 'mill'"), "unfinished", "(mill)"),
}
BEYOND_REPAIR: dict[str, tuple[Damage, str, str, str]] = {
    "ledger deleted": (deleted("ledger.sqlite3"), "ledger", "is gone", "dateline restore"),
    "ledger emptied": (emptied("ledger.sqlite3"), "ledger", "is empty", "dateline restore"),
    "ledger truncated": (truncated("ledger.sqlite3"), "ledger", "", "backup"),
    "a table dropped": (sql("DROP TABLE story_bands"), "ledger", "the table story_bands is missing", "backup"),
    "a table of the bot dropped": (sql("DROP TABLE followed"), "ledger", "the table followed is missing", "backup"),
    "ledger overwritten": (overwritten("ledger.sqlite3"), "ledger", "not a database", "backup"),
    "a text flipped": (flipped("ledger.sqlite3", b"Zaltbommel", 1), "articles", "1 article (mill)", "forget"),
    "a digest changed": (sql("UPDATE articles SET digest = 'x' WHERE id = 'mill'"), "articles", "(mill)", "restore"),
    "vectors overwritten": (overwritten("vectors/chroma.sqlite3"), "vectors", "not a database", "dateline rebuild"),
    "another embedder": (
        sql("UPDATE facts SET value = 'other' WHERE name = 'embedder'"),
        "embedder",
        "other",
        "rebuild",
    ),
    "a newer program's ledger": (
        sql("UPDATE schema_version SET version = 99"),
        "ledger",
        "version 99",
        "newer dateline",
    ),
}


@pytest.mark.parametrize("damage", [deleted("ledger.sqlite3"), emptied("ledger.sqlite3")], ids=["deleted", "emptied"])
def test_no_new_ledger_takes_the_place_of_a_lost_one(home: Path, damage: Damage) -> None:
    damage(home)
    with pytest.raises(StoreUnavailable, match="passages of its articles lie beside it: run `dateline restore`"):
        open_database(home / "ledger.sqlite3")
    with pytest.raises(StoreUnavailable, match="lie beside it"):
        write_backup(home, home / "backup.dateline")
    assert any((home / "vectors").glob("*/*.bin"))


def test_a_whole_library_is_well(home: Path) -> None:
    assert problems(home) == []


@pytest.mark.parametrize(
    ("damage", "check", "words"),
    [
        pytest.param(*one, id=name, marks=pytest.mark.slow if at % 3 else ())
        for at, (name, one) in enumerate(REPAIRABLE.items())
    ],
)
def test_what_the_articles_can_make_again_is_found_and_mended(
    home: Path, damage: Damage, check: str, words: str
) -> None:
    damage(home)
    found = problems(home)
    (finding,) = [finding for finding in found if finding.check == check and words in finding.words]
    assert finding.repairable
    assert "doctor --fix" in finding.fix
    assert problems(home) == found, "looking changes nothing"
    assert problems(home, fix=True) == []
    assert problems(home) == []


@pytest.mark.parametrize(("damage", "check", "words", "fix"), BEYOND_REPAIR.values(), ids=BEYOND_REPAIR)
def test_what_only_a_person_can_mend_is_found_and_left_alone(
    home: Path, damage: Damage, check: str, words: str, fix: str
) -> None:
    damage(home)
    for mend in (False, True):
        (finding, *_) = [finding for finding in problems(home, fix=mend) if finding.check == check]
        assert words in finding.words
        assert fix in finding.fix
        assert not finding.repairable


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with so many vectors that Chroma has written its index to files of its own."""
    home = tmp_path_factory.mktemp("many")

    async def fill() -> None:
        async with open_library(Settings(home=home)) as library:
            with library.writing():
                check_embedder(library.storage)
                store(library.storage, 0, 220)

    asyncio.run(fill())
    return home


def cut_in_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def test_damage_to_any_file_of_the_vectors_index_is_found_before_it_is_read(many: Path) -> None:
    folder = many / "vectors"
    files = sorted(folder.glob("*/*"))
    names = {"data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin"}
    assert {file.name for file in files} == names
    database = open_database(many / "ledger.sqlite3")
    ledger = Ledger(database)
    assert changed_index_files(ledger, folder) == []
    whole_first = files[0].read_bytes()
    for file in files:
        whole, name = file.read_bytes(), str(file.relative_to(folder))
        for change in (with_a_bit_flipped, cut_in_half):
            file.write_bytes(change(whole))
            assert changed_index_files(ledger, folder) == [name]
        file.unlink()
        assert changed_index_files(ledger, folder) == [name]
        file.write_bytes(whole)
    files[0].unlink()
    (finding,) = problems(many)
    files[0].write_bytes(whole_first)
    assert finding.words.endswith("data_level0.bin is not as it was left")
    assert "run `dateline rebuild`" in finding.fix
    assert changed_index_files(ledger, folder) == []
    database.dispose()


@pytest.mark.slow
def test_an_index_that_ends_whoever_reads_it_is_a_finding_where_no_checksum_is_noted(
    many: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(many, tmp_path / "home"))
    sql("DELETE FROM facts WHERE name = 'vector_files'")(home)
    assert problems(home) == []
    (header,) = (home / "vectors").glob("*/header.bin")
    header.write_bytes(with_a_bit_flipped(header.read_bytes()))
    (finding,) = problems(home)
    assert "ends the process that reads it with signal" in finding.words
    assert "dateline rebuild" in finding.fix


def test_missing_dates_are_a_note(home: Path) -> None:
    sql("UPDATE articles SET published = NULL, digest = 'x' WHERE id = 'mill'")(home)
    findings = asyncio.run(check_up(Settings(home=home)))
    (dates,) = [finding for finding in findings if finding.check == "dates"]
    assert (dates.status, dates.words) == (
        "note",
        "1 of 3 articles have no date, and no question about a time finds them",
    )


def test_a_full_disk_is_a_problem(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.checkup.LITTLE_SPACE", shutil.disk_usage(home).total + 1)
    assert [finding.check for finding in problems(home)] == ["disk"]


def test_a_model_server_is_asked(home: Path) -> None:
    model: dict[str, object] = {"model": "small", "model_retries": 0}
    with serving(answer("Yes.")) as standin:
        assert problems(home, openai_base_url=standin.base_url, **model) == []
    with serving(failure(404, 'model "small" not found, try pulling it first')) as standin:
        (finding,) = problems(home, openai_base_url=standin.base_url, **model)
    assert finding.check == "model"
    assert "try pulling it first" in finding.words
    assert finding.fix == "set DATELINE_MODEL to one of its models"
    (down,) = problems(home, openai_base_url="http://127.0.0.1:9/v1", **model)
    assert down.check == "model"


@pytest.mark.parametrize("token", ["secret", "a.b", "a..b", "Bot a.b.c"])
def test_a_token_that_is_none_is_a_problem(home: Path, token: str) -> None:
    (finding,) = problems(home, discord_token=token)
    assert finding.check == "discord"
    assert token not in finding.words + finding.fix


# The command


@pytest.fixture
def typed(home: Path) -> Callable[..., Result]:
    def invoke(*arguments: str, **variables: str) -> Result:
        return CliRunner().invoke(dateline, ["doctor", *arguments], env={"DATELINE_HOME": str(home), **variables})

    return invoke


def test_the_command_exits_with_0_only_when_all_is_well(typed: Callable[..., Result], home: Path) -> None:
    well = typed()
    assert well.exit_code == 0, well.output
    assert "PROBLEM" not in well.stdout
    shutil.rmtree(home / "lexical")
    ill = typed()
    assert ill.exit_code == 1
    assert "PROBLEM  lexical" in ill.stdout
    assert "run `dateline doctor --fix`" in ill.stdout
    assert typed("--fix").exit_code == 0
    assert typed().exit_code == 0


def test_findings_as_json(typed: Callable[..., Result]) -> None:
    found = json.loads(typed("--json").stdout)
    assert (found["schema"], found["well"]) == ("dateline/doctor/1", True)
    assert {"check", "status", "words", "fix", "repairable"} == set(found["findings"][0])


def test_a_wrong_setting_is_a_finding(typed: Callable[..., Result]) -> None:
    wrong = typed(DATELINE_HITS="ten")
    assert wrong.exit_code == 1
    assert "PROBLEM  settings   DATELINE_HITS cannot be used" in wrong.stdout


def test_an_empty_home_is_left_empty(tmp_path: Path) -> None:
    assert problems(tmp_path / "new") == []
    assert not (tmp_path / "new").exists()
