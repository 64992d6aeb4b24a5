"""The articles an evaluation asks about: a library of their own in the cache, separate from the user's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from rag.errors import EvaluationError
from rag.ingestion.read_articles import ArticleProblem, read_paths
from rag.models.embedding import embedder_name
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of articles. `digest` is over the articles, not over names of files; `texts` by article id."""

    paths: tuple[Path, ...]
    digest: str
    texts: Mapping[str, str]


def read_corpus(paths: Sequence[Path]) -> Corpus:
    """All articles of these files and folders. Raises EvaluationError for the first that cannot be read."""
    texts: dict[str, str] = {}
    digest = hashlib.sha256()
    for read in read_paths(paths):
        if isinstance(read, ArticleProblem):
            raise EvaluationError(f"{read.place} {read.reason.rstrip('.')}: a corpus must be read in full.")
        article = read.article
        if article.id in texts:
            raise EvaluationError(f"{read.place} repeats the article id {article.id!r}: give every article its own.")
        texts[article.id] = article.text
        digest.update(article.digest.encode())
    if not texts:
        raise EvaluationError(f"{', '.join(map(str, paths))} holds no articles: name a corpus with articles.")
    return Corpus(tuple(paths), digest.hexdigest(), texts)


def corpus_settings(settings: Settings, corpus: Corpus) -> Settings:
    """The same settings with a library of the corpus's own: made once, found again while nothing has changed."""
    made_from = f"{corpus.digest} {embedder_name(settings)} {settings.embedder_options} {settings.chunk_tokens}"
    key = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    home = cache_folder(settings) / "corpora" / key
    return settings.model_copy(update={"home": home, "database_url": "", "store_answers": False})


def cache_folder(settings: Settings) -> Path:
    """Cache folder of evaluations: inside a configured home folder, else the user's cache folder."""
    if "home" in settings.model_fields_set:
        return settings.home / "cache"
    return Path(platformdirs.user_cache_dir("dateline", appauthor=False))
