"""A LlamaIndex embedding that knows nothing of meaning: each text gets a random direction. For breaking retrieval."""

import hashlib

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

DIMENSION = 32


class WrongEmbedding(BaseEmbedding):
    """Same text, same vector; other texts, any vector."""

    def direction(self, text: str) -> list[float]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=DIMENSION)
        return [float(part) for part in vector / np.linalg.norm(vector)]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self.direction(f"query {query}")

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self.direction(f"query {query}")

    def _get_text_embedding(self, text: str) -> list[float]:
        return self.direction(text)
