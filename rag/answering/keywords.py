"""Keywords alone ("tomahawk", "rubio lavrov", "news about the ferry strike"): what tells of all of them answers. Pure.

A rule beside the reader, which was taught on questions: it knows no question that a bare name asks.
"""

import re
from collections.abc import Sequence

from rag.answering.features import Candidate, content_stems, text_of
from rag.text import STOP_WORDS, stems_of, words_of
from vectorstore.values import Hit

MOST_KEYWORDS = 5
BETWEEN_KEYWORDS = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "the", "to", "with"})
"""Stop words that stand between keywords; any other makes a question of them."""
NEWS_ABOUT = re.compile(
    r"(?:(?:please |can you |could you )*(?:tell me|show me|give me|i want)\s+)?"
    r"(?:(?:something|anything|all|everything|(?:the |any |some )?(?:latest |newest |recent )?"
    r"(?:news|headlines|info|information|details|articles|stories|reports))\s+)?(?:about|on|regarding)\s+(?P<after>.+)"
    r"|(?:what(?:['’]?s| is)(?: the)? (?:latest|newest|new|happening|going on)"
    r"|(?:is there |are there )?any(?:thing)? (?:new|news|updates?)|(?:the )?(?:latest|updates?|an update))"
    r" (?:on|about|with|regarding) (?P<lately>.+)"
    r"|(?:latest |newest |recent )?(?P<before>.+?)\s+(?:news|headlines|articles|stories)",
    re.IGNORECASE,
)


def keywords_of(question: str) -> frozenset[str]:
    """The stems of the keywords; empty for a question, a command or a sentence."""
    bare = question.strip().rstrip("?!. ")
    about = NEWS_ABOUT.fullmatch(bare)
    words = words_of((about["after"] or about["lately"] or about["before"]) if about else bare)
    named = [word for word in words if word not in BETWEEN_KEYWORDS]
    if not 1 <= len(named) <= MOST_KEYWORDS or not STOP_WORDS.isdisjoint(named):
        return frozenset()
    return content_stems(" ".join(named))


def telling_most(
    keywords: frozenset[str], ranked: Sequence[tuple[Candidate, float]], hits: Sequence[Hit]
) -> list[tuple[Candidate, float]]:
    """The statements that hold all keywords, in their order; else those that hold most of them where their passage has the rest.

    Empty where no passage with its title has all.
    """
    if not keywords:
        return []
    whole = [keywords <= stems_of(f"{hit.chunk.title} {hit.chunk.text}") for hit in hits]
    held = {
        (one.hit, one.sentence): len(keywords & stems_of(text_of(one, hits)))
        for one, _ in ranked
        if one.is_statement and whole[one.hit]
    }
    most = max(held.values(), default=0)
    return [pair for pair in ranked if most and held.get((pair[0].hit, pair[0].sentence)) == most]
