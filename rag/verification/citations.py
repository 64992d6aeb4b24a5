"""Step 5, prove: every citation stands word for word in the stored article, every [n] has its citation. Reads articles."""

import re
from collections.abc import Callable, Sequence

from rag.answer import Citation
from vectorstore.errors import DatelineError
from vectorstore.values import Article

MARK = re.compile(r"\[(\d+)\]")


class UnprovenAnswer(DatelineError):
    """An answer that its own articles do not bear out: the library changed meanwhile, or is damaged."""


def prove(text: str, citations: Sequence[Citation], article: Callable[[str, str], Article | None]) -> None:
    """Raises UnprovenAnswer unless every quote is verbatim and text and citations go together."""
    marks = {int(number) for number in MARK.findall(text)}
    numbers = [citation.number for citation in citations]
    if numbers != list(range(1, len(numbers) + 1)) or marks != set(numbers):
        raise UnprovenAnswer(f"The answer's marks {sorted(marks)} and citations {numbers} differ: ask again.")
    for citation in citations:
        stored = article(citation.library, citation.article_id)
        if stored is None or stored.text[citation.start : citation.end] != citation.quote:
            raise UnprovenAnswer(
                f"The article {citation.article_id} changed while it was read: ask again; if this repeats, "
                "run `dateline rebuild`."
            )
