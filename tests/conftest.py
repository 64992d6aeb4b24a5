"""What the tests of the library and of the answers share: a home folder of their own, real parts, no network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.ingestion.indexing import Storage
from rag.library import Library
from rag.models.embedder import Embedder
from rag.models.embedding import open_embedder
from rag.settings import Settings
from vectorstore.database import open_database
from vectorstore.ledger import Ledger
from vectorstore.vectors import VectorStore

REPOSITORY = Path(__file__).parent.parent
SEEDS = REPOSITORY / "seeds"
SEED_ID = "seeds/000_e9d5df2be693c8ad.txt"


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the settings, the library or the .env file of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DATELINE_HOME", str(home))
    for name in ("DATELINE_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def settings(own_home: Path) -> Settings:
    """The defaults, with a home of the test's own."""
    return Settings(home=own_home)


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """The embedded model, loaded once."""
    return open_embedder(Settings(home=tmp_path_factory.mktemp("unused")))


@pytest.fixture
def library(settings: Settings, embedder: Embedder) -> Iterator[Library]:
    """An empty library on real SQLite and real Chroma."""
    database = open_database(settings.ledger_url)
    store = VectorStore(settings.home / "vectors")
    yield Library(Storage(settings.home, Ledger(database), store, embedder, settings.chunk_tokens))
    store.close()
    database.dispose()
