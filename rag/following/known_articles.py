"""Which stored article a page shows, by what is stored and what is followed. Reads both, changes neither."""

from dataclasses import replace

from rag.following.feeds import site_of
from rag.following.identity import shows_one_article
from vectorstore.followed import COPY, STORED, WAITING, FollowedEntry, FollowedStore
from vectorstore.ledger import Ledger
from vectorstore.values import Article


class KnownArticles:
    """The articles that followed entries hold. Raises StoreUnavailable."""

    def __init__(self, ledger: Ledger, store: FollowedStore) -> None:
        self.ledger = ledger
        self.store = store

    def other_views(self, entry: FollowedEntry, article: Article, now: float) -> list[FollowedEntry]:
        """Entries of other addresses that hold this article, which its own page holds from now on: a page for telephones, say.

        One that only called itself by this address is looked at again, to get its own.
        """
        stored = self.ledger.article(entry.library, article.id)
        views = [
            other
            for other in self.others(entry, article.id)
            if other.status == STORED and other.found_at not in ("", article.id)
        ]
        if stored is None or shows_one_article(stored.text, article.text):
            return [replace(view, status=COPY, next_check=None) for view in views]
        return [
            replace(view, status=WAITING, article_id="", etag="", last_modified="", next_check=now) for view in views
        ]

    def others(self, entry: FollowedEntry, article_id: str) -> list[FollowedEntry]:
        """The other entries whose article this is."""
        known = self.store.of_article(entry.library, article_id)
        return [other for other in known if (other.source, other.key) != (entry.source, entry.key)]

    def original_of(self, entry: FollowedEntry, article: Article, canonical: str, digest: str) -> str | None:
        """The article that this page shows under another address, None where it is one of its own.

        Pages of one site with one text, and pages that name a canonical address which was read itself and says much the
        same. What another site printed in the same words is an article of that outlet.
        """
        own = article.id
        if any(other.status == STORED for other in self.others(entry, own)):
            return None  # It has this very address, and holds it from now on.
        for other in self.store.of_text(entry.library, digest) if digest else ():
            if other.article_id not in (own, canonical) and site_of(other.address) == site_of(entry.address):
                return other.article_id
        stored = self.ledger.article(entry.library, canonical) if canonical != own else None
        if stored is None or not shows_one_article(stored.text, article.text):
            return None
        held = any(other.status == STORED and other.found_at == canonical for other in self.others(entry, canonical))
        return canonical if held else None

    def free_id(self, entry: FollowedEntry, own: str, canonical: str) -> str:
        """The canonical address, unless another page with another text has it: some sites give all pages one."""
        if canonical == own:
            return own
        others = self.others(entry, canonical)
        taken = any(other.status == STORED and other.found_at != own for other in others)
        return own if taken else canonical
