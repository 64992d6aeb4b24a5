"""Who speaks: a question for what somebody said wants a sentence in which that somebody says it. Pure.

A rule beside the reader, which takes any statement near the name: of the sentences that it finds, the speaker's own go first.
"""

import re
from collections.abc import Sequence

from rag.answering.features import Candidate, content_stems, text_before, text_of
from rag.text import STOP_WORDS, stems_of, words_of
from vectorstore.values import Hit

SAYING = (
    r"(?:said|says|saying|told|tells|added|adds|warned|warns|wrote|writes|announced|announces|claimed|insisted|insists|argued|argues"
    r"|explained|explains|replied|responded|commented|declared|suggested|tweeted|stressed|stresses|signal(?:l)?ed|according to)"
)
"""Verbs of speech in forms that are seldom anything else: "call", "note" and "states" are nouns as often."""
ASKED_SPEAKER = re.compile(
    r"\bwhat (?:did|does|do|has|have|had|was|is) (?P<name>[\w'’. -]+?)"
    rf" (?:say|tell|announce|claim|warn|write|add|reply|argue|declare|suggest|think|believe|feel|{SAYING})\b"
    r"|\bhow (?:did|does|do|has|have) (?P<other>[\w'’. -]+?) (?:respond|reply|react|comment|feel)(?:e?d)?\b",
    re.IGNORECASE,
)
WORDS_BETWEEN = 6
"""Between a name and its verb: "EU foreign policy chief Kaja Kallas said". A guess."""
PRONOUN_SPEAKS = re.compile(
    rf"\b(?:he|she|they)\b(?:\W+\w+)?\W+{SAYING}\b|\b{SAYING}\W+(?:he|she|they)\b", re.IGNORECASE
)

BODIES = {
    "eu": ("european union", "european commission", "european council"),
    "european union": ("eu", "european commission", "european council"),
    "un": ("united nations",),
    "russia": ("kremlin",),
    "united states": ("white house", "state department", "pentagon"),
    "uk": ("british government", "downing street"),
}
"""Who speaks for those that have no mouth: "European Commission spokesman Olof Gill told reporters"."""
SENTENCES_BACK = 4
"""How far back a pronoun may have its name: several sentences of one speech. A guess."""
OTHER_SPEAKS = re.compile(rf"\b[A-Z][\w’'-]+ {SAYING}\b|\b{SAYING} [A-Z][\w’'-]+")
"""Between the two another name speaks."""


def asked_speaker(question: str) -> tuple[str, ...]:
    """The words of the name whose statement is asked for ("what did Donald Trump say"), () in other questions."""
    match = ASKED_SPEAKER.search(question)
    if match is None:
        return ()
    return tuple(word for word in words_of(match["name"] or match["other"]) if word not in STOP_WORDS)


def asked_topic(question: str) -> frozenset[str]:
    """The stems of what a speaker is asked about, none in "What did Peskov say?"."""
    match = ASKED_SPEAKER.search(question)
    return content_stems(question[match.end() :]) if match else frozenset()


def speaks(name: tuple[str, ...], sentence: str, before: str = "") -> bool:
    """True if the sentence lets the named one speak, or a pronoun that goes on about the sentences before."""
    if not name:
        return False
    others = BODIES.get(" ".join(name), ())
    last = "|".join(re.escape(one).replace(r"\ ", r"\W+") for one in (name[-1], *others))
    last = f"(?:{last})"
    gap = rf"(?:\W+\w+){{0,{WORDS_BETWEEN}}}\W+"
    if re.search(rf"\b{last}\b{gap}{SAYING}\b|\b{SAYING}{gap}{last}\b", sentence, re.IGNORECASE):
        return True
    _, named, since = before.rpartition(match[0] if (match := last_match(rf"\b{last}\b", before)) else "\0")
    return bool(named and PRONOUN_SPEAKS.search(sentence) and not OTHER_SPEAKS.search(since))


def last_match(pattern: str, text: str) -> re.Match[str] | None:
    return next(reversed(list(re.finditer(pattern, text, re.IGNORECASE))), None)


def speaking(question: str, candidates: Sequence[Candidate], hits: Sequence[Hit]) -> list[Candidate]:
    """Of the sentences those in which the asked speaker speaks, in their order."""
    name = asked_speaker(question)
    return [
        one for one in candidates if name and speaks(name, text_of(one, hits), text_before(one, hits, SENTENCES_BACK))
    ]


def speaking_of_it(question: str, candidates: Sequence[Candidate], hits: Sequence[Hit]) -> list[Candidate]:
    """Those of them that have all words of what the speaker is asked about: any statement answers "What did Peskov say?"."""
    topic = asked_topic(question)
    return [one for one in speaking(question, candidates, hits) if topic <= stems_of(text_of(one, hits))]
