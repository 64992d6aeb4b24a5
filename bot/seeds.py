"""The articles that come with the program: where they are, and how an empty library is filled with them."""

from pathlib import Path

import rag
from rag.ingestion.indexing import IngestReport
from rag.library import Library
from rag.settings import Settings


def seeds_folder(settings: Settings) -> Path | None:
    """The folder that the settings name, else that of the checkout, else that of the installed package."""
    package = Path(str(rag.__file__)).parent
    folders = [settings.seeds] if settings.seeds else [package.parent / "seeds", package / "seeds"]
    return next((folder for folder in folders if folder.is_dir()), None)


async def load_seeds(settings: Settings, library: Library) -> IngestReport | None:
    """Fill an empty shared library; None when it already holds articles or there are no seeds."""
    folder = seeds_folder(settings)
    if folder is None or (await library.status()).articles:
        return None
    return await library.ingest([folder])
