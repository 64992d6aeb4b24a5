"""What can go wrong while remembering. Every message is one sentence: what, which thing, what to do next.

DatelineError
├── StoreError
│   ├── StoreUnavailable   the folder or database cannot be opened, read or written
│   ├── StoreMismatch      filled by another embedding model or a newer program
│   ├── StoreBusy          another process is writing
│   └── StoreStopped       writing was stopped; the next ingest finishes it
└── (rag/errors.py goes on)
"""


class DatelineError(Exception):
    """A known failure, explained in one sentence; shown without a traceback."""


class StoreError(DatelineError):
    """The library cannot be used as it is."""


class StoreUnavailable(StoreError):
    """The library's folder or database cannot be opened, read or written."""


class StoreMismatch(StoreError):
    """The library was filled under other settings than these."""


class StoreBusy(StoreError):
    """Another process holds the writer lock."""


class StoreStopped(StoreError):
    """The program was shut down while writing; nothing is lost, the next ingest finishes it."""
