"""The embedding model that the settings name: embedded, any LlamaIndex class, or a server's."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from rag.errors import EmbedderError, SettingsError
from rag.models.embedder import MINILM, Embedder, Matrix, Passage, PassageVectors, Vector, unit
from rag.settings import Settings

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class TextEmbedder:
    """A model that turns texts into vectors and shows no tokens, as an Embedder: sentences are embedded one by one."""

    def __init__(
        self,
        name: str,
        embed_query: Callable[[str], Sequence[float]],
        embed_texts: Callable[[list[str]], Sequence[Sequence[float]]],
    ) -> None:
        self.name = name
        self.embed_query = embed_query
        self.embed_texts = embed_texts

    def embed_question(self, question: str) -> Vector:
        return self.units(self.call(self.embed_query, question))

    def embed_passages(self, passages: Sequence[Passage]) -> list[PassageVectors]:
        """Passages and sentences go to the model in one list, so that it can batch them."""
        texts = [passage.text for passage in passages]
        for passage in passages:
            texts += [passage.text[start:end] for start, end in passage.sentences]
        matrix = [self.units(row) for row in self.call(self.embed_texts, texts)] if texts else []
        if len(matrix) != len(texts):
            raise EmbedderError(
                f"{self.name} answered {len(matrix)} vectors for {len(texts)} texts: use another model."
            )
        rows = iter(matrix[len(passages) :])
        return [
            PassageVectors(matrix[index], stack(rows, len(passage.sentences), len(matrix[index])))
            for index, passage in enumerate(passages)
        ]

    def units(self, row: Sequence[float]) -> Vector:
        """A unit vector. Raises EmbedderError on what is no vector of numbers."""
        vector = np.asarray(row, dtype=np.float32)
        if vector.ndim != 1 or not np.isfinite(vector).all():
            raise EmbedderError(f"{self.name} answered something that is no vector of numbers: use another model.")
        return unit(vector)

    def call(self, method: Callable[[Argument], Result], argument: Argument) -> Result:
        """Whatever a foreign model raises becomes one sentence with its own words."""
        try:
            return method(argument)
        except EmbedderError:
            raise
        except Exception as error:
            raise EmbedderError(f"The embedding model {self.name} failed ({error}): check its settings.") from error


def stack(rows: Iterable[Vector], count: int, dimension: int) -> Matrix:
    iterator = iter(rows)
    taken = [next(iterator) for _ in range(count)]
    return np.stack(taken) if taken else np.zeros((0, dimension), dtype=np.float32)


def embedder_name(settings: Settings) -> str:
    """What the store remembers of the embedding model, known without loading it."""
    if settings.embedder_class:
        model = settings.embedder_options.get("model_name", "")
        return f"{settings.embedder_class}:{model}" if model else settings.embedder_class
    if settings.embedder_base_url:
        return f"server:{settings.embedder_model}"
    return MINILM


def open_embedder(settings: Settings, on_wait: Callable[[str], None] | None = None) -> Embedder:
    """The embedding model that the settings name. on_wait is told when its server lets one wait.

    Raises EmbedderError, SettingsError.
    """
    if settings.embedder_class:
        from llama_index.core.base.embeddings.base import BaseEmbedding

        from rag.settings import build_from_path

        model = build_from_path(settings.embedder_class, settings.embedder_options, "DATELINE_EMBEDDER_CLASS")
        if not isinstance(model, BaseEmbedding):
            raise SettingsError(f"DATELINE_EMBEDDER_CLASS={settings.embedder_class} is no LlamaIndex embedding class.")
        return TextEmbedder(embedder_name(settings), model.get_query_embedding, model.get_text_embedding_batch)
    if settings.embedder_base_url:
        from rag.models.openai_client import Limits, ServerEmbedder
        from rag.models.server import Server

        key = settings.openai_api_key.get_secret_value()
        model_setting, url_setting = "DATELINE_EMBEDDER_MODEL", "DATELINE_EMBEDDER_BASE_URL"
        if not settings.embedder_model:
            raise SettingsError(
                f"{url_setting} is set but {model_setting} is not: name the model to ask that server for."
            )
        kind = "embedding model"
        server = Server(settings.embedder_model, settings.embedder_base_url, key, kind, model_setting, url_setting)
        endpoint = ServerEmbedder(server, Limits.of(settings), on_wait)
        return TextEmbedder(embedder_name(settings), lambda question: endpoint.embed([question])[0], endpoint.embed)
    from rag.models.minilm import MiniLM

    return MiniLM(settings.threads)
