"""Verify an answer's citations: every quote is verbatim in the stored article, every [n] has its citation."""

import re
from collections.abc import Callable, Sequence

from rag.answer import Citation
from vectorstore.errors import DatelineError
from vectorstore.values import Article

CITATION_NUMBER = re.compile(r"\[(\d+)\]")


class UnverifiedAnswer(DatelineError):
    """Stored articles do not have what the answer quotes: the library changed meanwhile, or is damaged."""


def verify_citations(text: str, citations: Sequence[Citation], article: Callable[[str, str], Article | None]) -> None:
    """Raises UnverifiedAnswer unless every quote is verbatim and text and citations go together.

    article: the stored article of a library and id, None where it is not what was stored.
    """
    marks = {int(number) for number in CITATION_NUMBER.findall(text)}
    numbers = [citation.number for citation in citations]
    if numbers != list(range(1, len(numbers) + 1)) or marks != set(numbers):
        raise UnverifiedAnswer(f"The answer's marks {sorted(marks)} and citations {numbers} differ: ask again.")
    for citation in citations:
        stored = article(citation.library, citation.article_id)
        if stored is None or stored.text[citation.start : citation.end] != citation.quote:
            raise UnverifiedAnswer(
                f"The article {citation.article_id} changed while it was read: ask again; if this repeats, "
                "run `dateline doctor`."
            )
