"""Gather articles that are to be stored, and tell which of them are copies of one text: of each other, or of what is stored."""

import hashlib
from collections import Counter
from dataclasses import replace

from rag.ingestion.near_duplicates import GroupedText, duplicate_groups_of, minhash_bands
from vectorstore.ledger import MAX_COMPARED_TEXTS, IncomingArticle, Ledger
from vectorstore.values import Article

ARTICLES_SAVED_AT_ONCE = 256
CHARACTERS_SAVED_AT_ONCE = 2_000_000
"""Articles are stored as soon as either is reached: in fewer transactions fewer pages are written twice (docs/experiments.md)."""


class IncomingBatch:
    """Articles that are about to be stored, each with its duplicate group."""

    def __init__(self) -> None:
        self.entries: list[IncomingArticle] = []
        self.by_band: dict[str, list[int]] = {}
        self.characters = 0

    @property
    def is_full(self) -> bool:
        """True once it is worth a transaction, or takes much memory."""
        return len(self.entries) >= ARTICLES_SAVED_AT_ONCE or self.characters >= CHARACTERS_SAVED_AT_ONCE

    def add(self, ledger: Ledger, article: Article, origin: str) -> None:
        """Put an article in, with its duplicate group: that of the text it copies, stored or in here, or a new one.

        Groups between which it is the link become one.
        """
        own = hashlib.sha256(f"{article.library}\0{article.id}".encode()).hexdigest()[:24]
        bands = minhash_bands(article.text)
        stored = ledger.duplicate_candidates(bands, but=(article.library, article.id))
        candidates = [GroupedText(group, text) for group, text in stored] + self.sharing(bands)
        group, *others = duplicate_groups_of(article.text, candidates) or [own]
        if others:
            ledger.join_groups(group, others)
            self.entries = [
                replace(other, duplicate_group=group) if other.duplicate_group in others else other
                for other in self.entries
            ]
        for band in bands:
            self.by_band.setdefault(band, []).append(len(self.entries))
        self.entries.append(IncomingArticle(article, origin, group, bands))
        self.characters += len(article.text)

    def sharing(self, bands: tuple[str, ...]) -> list[GroupedText]:
        """The texts in here that share most of these bands, as the ledger gives those that are stored."""
        shared = Counter(place for band in bands for place in self.by_band.get(band, ()))
        nearest = [self.entries[place] for place, _ in shared.most_common(MAX_COMPARED_TEXTS)]
        return [GroupedText(entry.duplicate_group, entry.article.text) for entry in nearest]
