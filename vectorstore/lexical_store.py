"""The lexical index of a ledger: in memory, brought up to date with what changed, saved for other processes.

The ledger is the truth. A question never waits long for what another thread or process is about to add.
"""

import logging
import shutil
from pathlib import Path
from threading import Lock

from vectorstore.errors import StoreBusy, StoreUnavailable
from vectorstore.ledger import Ledger, revision_number
from vectorstore.lexical import LexicalIndex
from vectorstore.lexical_files import LexicalFolder
from vectorstore.lock import writer_lock

log = logging.getLogger("dateline.lexical")

WAIT_SECONDS = 1.0
"""How long a question waits for another thread that brings the index up to date; then it is answered from the one before."""
SAVE_WAIT_SECONDS = 10.0
"""How long saving waits for another process that saves; then that one's index is good enough, and the next adds the rest."""


class LexicalStore:
    """The index of one ledger, kept in a folder. Methods may be called from several threads; raise StoreUnavailable."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder
        self.ledger = ledger
        self.saved = LexicalFolder(folder)
        self.index: LexicalIndex | None = None
        self.updating = Lock()

    def current(self) -> LexicalIndex:
        """The index of the present revision; of the one before where another thread takes long to make it."""
        index = self.index
        if index is not None and index.revision == self.ledger.revision:
            return index
        if not self.updating.acquire(timeout=-1 if index is None else WAIT_SECONDS) and index is not None:
            return index
        try:
            index, is_whole = self.up_to_date()
            if is_whole and index.texts:
                # Made of every article: no process should have to do that again.
                index = self.save_index(index)
            self.index = index
        finally:
            self.updating.release()
        return index

    def save(self) -> None:
        """Bring the saved index up to date with the ledger. What cannot be saved is made again when it is needed."""
        with self.updating:
            index, _ = self.up_to_date()
            self.index = self.save_index(index)

    def purge(self) -> str:
        """Save the index without a word of what is gone; returns why that failed, "" where it did not."""
        with self.updating:
            index, _ = self.up_to_date()
            purged = index.purged()
            try:
                with writer_lock(self.folder, SAVE_WAIT_SECONDS):
                    self.saved.save(purged)
            except (OSError, StoreBusy, StoreUnavailable) as error:
                return str(error)
            self.index = self.saved.load() or purged
            return ""

    def discard(self) -> None:
        """Delete the saved index and forget the one in memory."""
        with self.updating:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.saved, self.index = LexicalFolder(self.folder), None

    def fault(self) -> str:
        """Why the saved index is not the one that the ledger's chunks make, "" where it is."""
        made = LexicalIndex.build(self.ledger.revision, self.ledger.lexical_entries())
        if not made.texts:
            return ""
        saved = self.saved.load()
        if saved is None or saved.revision != made.revision:
            return "it is missing, damaged or of an older state of the library"
        return "" if saved.fingerprint() == made.fingerprint() else "it is not what the articles say"

    def up_to_date(self) -> tuple[LexicalIndex, bool]:
        """The index of the present revision, and whether it was made of the whole library."""
        # Read before the chunks: what changes meanwhile is of a later revision, and will be looked at once more.
        revision = self.ledger.revision
        base = self.base()
        if base is not None:
            if base.revision == revision:
                return base, False
            changed = self.ledger.changed_since(base.revision)
            if changed is not None:
                return base.with_changes(revision, changed, self.ledger.lexical_entries(changed)), False
        return LexicalIndex.build(revision, self.ledger.lexical_entries()), True

    def base(self) -> LexicalIndex | None:
        """The index in memory or the saved one, whichever is later in this ledger's history; None where neither is in it."""
        index = self.index
        if index is not None and self.ledger.changed_since(index.revision) is None:
            index = None
        saved = self.saved.revision()
        # Of two of one revision the saved one: the other may still have words of what was purged.
        if saved is None or (index is not None and revision_number(saved) < revision_number(index.revision)):
            return index
        if self.ledger.changed_since(saved) is None:
            return index
        return self.saved.load() or index

    def save_index(self, index: LexicalIndex) -> LexicalIndex:
        """Save an index, unless a later one is there; returns the saved one, mapped, where it is the same."""
        if not index.revision or self.saved.revision() == index.revision:
            return index
        try:
            with writer_lock(self.folder, SAVE_WAIT_SECONDS):
                saved = self.saved.revision()
                is_later = saved is not None and self.ledger.changed_since(saved) is not None
                if saved is None or not is_later or revision_number(saved) < revision_number(index.revision):
                    self.saved.save(index)
        except (OSError, StoreBusy, StoreUnavailable) as error:
            log.warning("lexical index not saved", extra={"reason": str(error)})
            return index
        written = self.saved.load()
        return written if written is not None and written.revision == index.revision else index
