"""Words that the server of the vectors searches itself, in place of the index here: Chroma Cloud's sparse vectors.

What a sparse index cannot tell, which outlets there are and how words are written, the ledger says.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

from vectorstore.ledger import Ledger
from vectorstore.lexical import LexicalMatch
from vectorstore.lexical_store import LexicalStore
from vectorstore.stems import WORD
from vectorstore.values import Scope, Selection
from vectorstore.vectors import VectorStore


def open_lexical(folder: Path, ledger: Ledger, store: VectorStore) -> "LexicalStore | ServerLexicalStore":
    """Who searches words: the server of the vectors where it is set to, else the index in this folder."""
    return ServerLexicalStore(folder, ledger, store) if store.searches_words else LexicalStore(folder, ledger)


class ServerLexicalStore:
    """The words of one ledger's chunks, on the server of their vectors. Threads may share it; raises StoreUnavailable.

    Stored with the vectors and deleted with them, so that there is nothing to save. folder: where the index here would be.
    """

    def __init__(self, folder: Path, ledger: Ledger, store: VectorStore) -> None:
        self.folder = folder
        self.ledger = ledger
        self.store = store
        self.search: ServerLexicalSearch | None = None

    def current(self) -> "ServerLexicalSearch":
        revision = self.ledger.revision
        search = self.search
        if search is None or search.revision != revision:
            self.search = search = ServerLexicalSearch(revision, self.ledger, self.store)
        return search

    def save(self) -> None:
        """Nothing: the server has it."""

    def purge(self) -> str:
        """Delete what the index here has from a time before; returns why that failed, "" where it did not."""
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
        except OSError as error:
            return str(error)
        return ""

    def discard(self) -> None:
        """Nothing: `rebuild` makes it again."""

    def fault(self) -> str:
        """Always "": words are compared together with the vectors that they are stored with."""
        return ""


class ServerLexicalSearch:
    """What finding asks of words, at one revision of the library."""

    def __init__(self, revision: str, ledger: Ledger, store: VectorStore) -> None:
        self.revision = revision
        self.ledger = ledger
        self.store = store
        self.known: dict[str, bool] = {}
        self.titles: dict[str, list[str]] = {}
        self.counting = Lock()

    @cached_property
    def sources(self) -> list[str]:
        return self.ledger.sources()

    @cached_property
    def libraries(self) -> set[str]:
        return set(self.ledger.libraries())

    def knows(self, word: str) -> bool:
        """One request for each word that was not asked for yet."""
        if word not in self.known:
            self.known[word] = bool(self.store.search_words(word, 1, None))
        return self.known[word]

    def words_of_libraries(self, libraries: Sequence[str]) -> Iterator[str]:
        """The words of titles and outlets: a sparse vector has numbers, no words."""
        for library in libraries:
            with self.counting:
                if library not in self.titles:
                    lines = self.ledger.titles_and_sources(library)
                    counter = Counter(word for line in lines for word in WORD.findall(line.lower()))
                    self.titles[library] = sorted(counter, key=lambda word: (-counter[word], word))
            yield from self.titles[library]

    def search(self, question: str, limit: int, scope: Scope) -> list[LexicalMatch]:
        found = self.store.search_words(question, limit, None if self.all_in(scope) else scope)
        return [LexicalMatch(chunk_id, score) for chunk_id, score in found]

    def all_in(self, scope: Scope) -> bool:
        return not scope.narrowed and self.libraries <= set(scope.libraries)

    def selection(self, scope: Scope) -> Selection | None:
        """None: the server filters by itself."""
        return None
