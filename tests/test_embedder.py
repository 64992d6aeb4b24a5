"""The embedded model is the one that was measured, whatever else is embedded; any LlamaIndex embedding can take its place."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.embeddings import MockEmbedding

from benchmarks import scripted_server
from rag.answering.features import SIMILARITY_WORTH
from rag.errors import EmbedderError, SettingsError
from rag.factory import open_engine
from rag.models.embedder import Embedder, Passage
from rag.models.embedding import TextEmbedder, open_embedder
from rag.models.minilm import MODEL_SHA256, MiniLM, model_content
from rag.models.onnx import open_session
from rag.question import StandaloneQuestion
from rag.settings import Settings
from tests.conftest import REPOSITORY, SEEDS
from tests.fakes.fake_model_server import embeddings, serving
from vectorstore.values import Scope

# First numbers of the vector of GOLDEN, by this model file on onnxruntime 1.32; int8 kernels differ by a little.
GOLDEN = "Hungary would not seek to arrest Putin."
GOLDEN_START = [-0.038, 0.1247, -0.0654, 0.0083, 0.0275, -0.0899, -0.0703, -0.0165]


def test_the_golden_vector(embedder: Embedder) -> None:
    vector = embedder.embed_question(GOLDEN)
    assert vector.shape == (384,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)
    assert vector[: len(GOLDEN_START)] == pytest.approx(GOLDEN_START, abs=0.01)


def test_in_whole_numbers_the_vectors_are_nearly_those_of_the_published_graph() -> None:
    ours, published = MiniLM(), MiniLM()
    published._session = open_session(model_content(), 2)
    texts = [
        *(SEEDS / "000_e9d5df2be693c8ad.txt").read_text("utf-8").split("\n\n")[:12],
        GOLDEN,
        "Who is Steve Witkoff?",
    ]
    cosines = [float(ours.embed_question(text) @ published.embed_question(text)) for text in texts]
    assert np.mean(cosines) > 0.99
    assert min(cosines) > 0.97


def test_near_meanings_are_near(embedder: Embedder) -> None:
    question = embedder.embed_question("Will Hungary arrest the Russian president?")
    near, far = (embedder.embed_question(text) for text in (GOLDEN, "Bake the bread for forty minutes."))
    assert question @ near > 0.5 > 0.2 > question @ far


def test_vectors_do_not_depend_on_what_else_is_embedded(embedder: Embedder) -> None:
    texts = [GOLDEN, "x", "A much longer sentence about the harbour bridge, which opened on Monday. " * 5, ""]
    together = embedder.embed_passages([Passage(text) for text in texts])
    for text, vectors in zip(texts, together, strict=True):
        assert np.array_equal(vectors.vector, embedder.embed_question(text))


def test_each_sentence_has_a_vector_of_its_own(embedder: Embedder) -> None:
    text = "Hungary would not arrest Putin. The bread was baked for forty minutes."
    (made,) = embedder.embed_passages([Passage(text, ((0, 31), (32, len(text))))])
    question = embedder.embed_question("How long is bread baked?")
    assert made.sentences.shape == (2, 384)
    assert made.sentences[1] @ question > made.sentences[0] @ question + 0.2


def test_the_model_is_a_llama_index_embedding(embedder: Embedder) -> None:
    assert isinstance(embedder, MiniLM)
    assert embedder.get_query_embedding(GOLDEN) == pytest.approx(list(embedder.embed_question(GOLDEN)), abs=1e-6)


def test_another_llama_index_embedding_by_dotted_path() -> None:
    settings = Settings(embedder_class="llama_index.core.embeddings.MockEmbedding", embedder_options={"embed_dim": 7})
    made = open_embedder(settings)
    (vectors,) = made.embed_passages([Passage("One. Two.", ((0, 4), (5, 9)))])
    assert vectors.vector.shape == (7,)
    assert vectors.sentences.shape == (2, 7)


def test_an_embeddings_server_by_its_base_url() -> None:
    with serving(embeddings([[3.0, 4.0]]), embeddings([[1.0, 0.0], [0.0, 2.0]])) as server:
        settings = Settings(embedder_base_url=server.base_url, embedder_model="tiny")
        made = open_embedder(settings)
        assert made.embed_question("Will it rain?") == pytest.approx([0.6, 0.8])
        (vectors,) = made.embed_passages([Passage("It rained.", ((0, 10),))])
        assert made.name == "server:tiny"
        assert vectors.sentences[0] == pytest.approx([0.0, 1.0])


def test_an_embeddings_server_without_a_model_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="DATELINE_EMBEDDER_MODEL"):
        open_embedder(Settings(embedder_base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    "path", ["nowhere.At.All", "MockEmbedding", "llama_index.core.embeddings.NoSuch", "collections.OrderedDict"]
)
def test_a_path_that_is_no_embedding_is_refused_by_name(path: str) -> None:
    with pytest.raises(SettingsError, match="DATELINE_EMBEDDER_CLASS"):
        open_embedder(Settings(embedder_class=path))


def test_a_model_that_fails_is_named() -> None:
    class Failing(MockEmbedding):
        def _get_query_embedding(self, query: str) -> list[float]:
            raise RuntimeError("no more memory")

    model = Failing(embed_dim=3)
    with pytest.raises(EmbedderError, match=r"failing-model failed \(no more memory\)"):
        TextEmbedder("failing-model", model.get_query_embedding, model.get_text_embedding_batch).embed_question("x")


def test_the_pinned_model_is_the_installed_one() -> None:
    assert len(MODEL_SHA256) == 64
    assert MiniLM(threads=1).name == "all-MiniLM-L6-v2-int8"


@pytest.mark.slow
def test_a_question_leaves_nothing_in_the_users_folder(tmp_path: Path) -> None:
    """onnxruntime reports to its vendor, and keeps an id for that in the user's folder, unless it is kept from it."""
    code = "from bot.cli import ask; ask()"
    environment = {"HOME": str(tmp_path / "user"), "DATELINE_HOME": str(tmp_path / "library"), "PATH": "/usr/bin:/bin"}
    environment |= {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path / "user")}
    (tmp_path / "user").mkdir()
    asked = subprocess.run(
        [sys.executable, "-c", code, "Will Hungary arrest Putin?"], env=environment, capture_output=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert list((tmp_path / "user").rglob("*")) == []


def test_an_answer_is_judged_alike_whatever_model_filled_the_library(tmp_path: Path) -> None:
    """The judge is fitted to the embedded model's similarities; a server's are of another scale."""

    async def judged(settings: Settings) -> tuple[Mapping[str, float], float, float]:
        async with open_engine(settings) as engine:
            await engine.library.ingest([SEEDS])
            standalone, hits = engine.retrieve(StandaloneQuestion("Will Hungary arrest Putin?", Scope()))
            evidence = engine.judge(standalone.question, standalone, hits)
            found_by, judged_by = (
                max(similarity for hit in some for similarity in hit.sentence_similarities)
                for some in (hits, evidence.hits)
            )
            return evidence.answerability.features, found_by, judged_by

    with scripted_server.serving() as (url, _):
        served = Settings(home=tmp_path / "served", embedder_base_url=url, embedder_model="embedder")
        theirs, found_by, judged_by = asyncio.run(judged(served))
    ours, _, own_similarity = asyncio.run(judged(Settings(home=tmp_path / "own")))
    # Half precision is stored of ours.
    assert theirs == pytest.approx(ours, abs=2e-3 * SIMILARITY_WORTH)
    assert judged_by == pytest.approx(own_similarity, abs=2e-3)
    assert abs(found_by - own_similarity) > 0.02
