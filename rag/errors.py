"""What can go wrong while thinking. Every message is one sentence: what, which thing, what to do next.

DatelineError              vectorstore/errors.py
├── StoreError ...         vectorstore/errors.py
├── SettingsError          a setting is unknown, unreadable or impossible
├── QuestionError          a question that cannot be answered: empty, too long
├── ArticleError           one article or corpus line that cannot be read
│   └── UnreadableArticle  a file that was given alone
├── EmbedderError          the embedding model is missing, damaged or does not answer
├── EvaluationError        cases, a baseline or thresholds that an evaluation cannot use
└── ModelError             a model server failed: see rag/models/openai_client.py
"""

from vectorstore.errors import DatelineError


class SettingsError(DatelineError):
    """A setting is unknown, unreadable or impossible."""


class QuestionError(DatelineError):
    """The question itself cannot be taken: empty or too long."""


class ArticleError(DatelineError):
    """One file or corpus line that holds no readable article; the others go on."""


class UnreadableArticle(ArticleError):
    """A file with nothing in it that can be read: its name, or its place in it, and why, as the end of a sentence."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place} {reason}")
        self.place = place
        self.reason = reason


class EmbedderError(DatelineError):
    """The embedding model is missing, damaged or does not answer."""


class ModelError(DatelineError):
    """A model server failed in a way that the user should know of."""


class ModelRefused(ModelError):
    """The server stopped an answer on purpose: nothing of it may be shown."""


class EvaluationError(DatelineError):
    """Cases, a corpus, a baseline or thresholds that an evaluation cannot use."""
