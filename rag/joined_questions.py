"""Several questions in one: "Why was the bridge shut, and which lorries may not use it?" is two, the second a follow-up. Pure."""

import re

from rag.follow_ups import AMOUNT, AUXILIARIES, PREPOSITIONS, starts_like_question

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
QUESTION_WORD = r"(?:who|what|when|where|why|how)"
SEVERAL_WORDS = re.compile(
    rf"^(?P<words>{QUESTION_WORD}(?:(?:,\s*(?:and|or)?|\s+(?:and|or))\s+{QUESTION_WORD}){{1,2}})\s+(?P<rest>{AUXILIARIES}\b.+)$",
    re.IGNORECASE | re.DOTALL,
)
ASKS_WHETHER_KNOWN = re.compile(r"^(?:do|does|can|could|would) (?:you|i|we|anyone)\b", re.IGNORECASE)


def questions_joined_in(question: str) -> tuple[str, ...]:
    """The questions that it joins, as asked and in order, at most MOST_PARTS; () for one question."""
    if len(question.split()) > MOST_WORDS or TOLD_OF_SOMEONE.search(question) or ASKS_WHETHER_KNOWN.match(question):
        return ()
    if several := SEVERAL_WORDS.match(question):
        return tuple(f"{word} {several['rest']}" for word in re.findall(QUESTION_WORD, several["words"], re.IGNORECASE))
    parts = [part.strip(" \t\n?!.,;") for part in BETWEEN_PARTS.split(question)]
    ask = all(starts_like_question(LEADING_PREPOSITION.sub("", part)) for part in parts)
    if not (2 <= len(parts) <= MOST_PARTS and ask and " " in parts[0]):
        return ()
    return tuple(f"{part}?" for part in parts)
