"""Several questions in one: "Why was the bridge shut, and which lorries may not use it?" is two, the second a follow-up. Pure."""

import re

from rag.question import AMOUNT, AUXILIARIES, PREPOSITIONS, starts_like_question

MOST_PARTS = 3
MOST_WORDS = 32
"""Longer questions tell at length of whom they ask, and their "and who ..." goes on with that."""
AUXILIARY = rf"(?:{AUXILIARIES}(?:n?['’]t)?|won['’]t)\b"
ASKS_DIRECTLY = (
    rf"(?:(?:{PREPOSITIONS} )?(?:who|whom|whose|what|which)\b"
    rf"|(?:when|where|why) {AUXILIARY}|(?:{PREPOSITIONS} )?(?:how|{AMOUNT}(?: [\w'’-]+){{0,3}}?) {AUXILIARY}"
    r"|(?:why|when|where|how)[\s?!.]*$)"
)
BETWEEN_PARTS = re.compile(rf"(?:\s*[,;])?\s+and\s+(?={ASKS_DIRECTLY})|\?\s+(?:and\s+)?(?=\w)", re.IGNORECASE)
LEADING_PREPOSITION = re.compile(rf"^{PREPOSITIONS} (?=(?:who|what|which|how)\b)", re.IGNORECASE)
TOLD_OF_SOMEONE = re.compile(r",\s*(?:who|which|whose|whom)\b", re.IGNORECASE)
TWO_WORDS = re.compile(
    r"^(who|what|when|where|why|how)\s*(?:,|and|or)\s*(?:and\s+)?(who|what|when|where|why|how)\s+(.+)$",
    re.IGNORECASE | re.DOTALL,
)
ASKS_WHETHER_KNOWN = re.compile(r"^(?:do|does|can|could|would) (?:you|i|we|anyone)\b", re.IGNORECASE)


def questions_joined_in(question: str) -> tuple[str, ...]:
    """The questions that it joins, as asked and in order, at most MOST_PARTS; () for one question."""
    if len(question.split()) > MOST_WORDS or TOLD_OF_SOMEONE.search(question) or ASKS_WHETHER_KNOWN.match(question):
        return ()
    if both := TWO_WORDS.match(question):
        return (f"{both[1]} {both[3]}", f"{both[2]} {both[3]}")
    parts = [part.strip(" \t\n?!.,;") for part in BETWEEN_PARTS.split(question)]
    ask = all(starts_like_question(LEADING_PREPOSITION.sub("", part)) for part in parts)
    if not (2 <= len(parts) <= MOST_PARTS and ask and " " in parts[0]):
        return ()
    return tuple(f"{part}?" for part in parts)
