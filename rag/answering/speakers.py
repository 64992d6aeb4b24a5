"""Who speaks: a question for what somebody said wants a sentence in which that somebody says it. Pure.

A rule beside the reader, which takes any statement near the name: of the sentences that it finds, the speaker's own go first.
"""

import re
from collections.abc import Sequence

from rag.answering.features import Candidate, text_before, text_of
from rag.text import STOP_WORDS, stems_of, words_of
from vectorstore.stems import stem
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
ON_WHAT = r"(?: (?:about|on|regarding) .+)?[\s?.!]*"
SPEECH = frozenset({"comment", "comments", "quote", "quotes", "remark", "remarks", "statement", "statements"})
LEADING_WORDS = frozenset({"any", "some", "the"})
STATEMENTS = r"(?:quotes?|statements?|comments?|remarks?)"
ASKED_STATEMENT = re.compile(
    rf"(?:(?:any|the|some|latest|show me) )*{STATEMENTS} (?:by|from) (?P<by>[\w'’. -]+?){ON_WHAT}"
    rf"|(?P<of>(?!(?:any|the|some|no)\b)[\w.-]+(?: [\w.-]+){{0,2}}?)(?:['’]s?)? {STATEMENTS}{ON_WHAT}",
    re.IGNORECASE,
)
"""Keywords for what somebody said: "Peskov statement", "quotes by Orban on peace"."""
SPOKEN_FOR = (
    (("eu", "european union", "e.u"), ("european commission", "european council", "the bloc")),
    (("us", "u.s", "usa", "america", "united states", "washington"), ("white house", "state department", "pentagon")),
    (("russia", "moscow"), ("kremlin",)),
    (("uk", "u.k", "britain", "united kingdom", "london"), ("downing street",)),
    (("un", "u.n"), ("united nations",)),
    (("vatican",), ("holy see", "pope")),
)
"""Who speaks for whom in the news, under a name of its own. What bears the name that is asked for ("EU officials", "the Russian
president") needs no line."""
WORDS_BETWEEN = 6
"""Between a name and its verb: "EU foreign policy chief Kaja Kallas said". A guess."""
PRONOUN_SPEAKS = re.compile(
    rf"\b(?:he|she|they)\b(?:\W+\w+)?\W+{SAYING}\b|\b{SAYING}\W+(?:he|she|they)\b", re.IGNORECASE
)

SENTENCES_BACK = 4
"""How far back a pronoun may have its name: several sentences of one speech. A guess."""
OTHER_SPEAKS = re.compile(rf"\b[A-Z][\w’'-]+ {SAYING}\b|\b{SAYING} [A-Z][\w’'-]+")
"""Between the two another name speaks."""


def asked_speaker(question: str) -> tuple[str, ...]:
    """The words of the name whose statement is asked for ("what did Donald Trump say"), () in other questions."""
    match = asking_for_statement(question)
    if match is None:
        return ()
    name = next(found for found in match.groupdict().values() if found)
    return tuple(word for word in words_of(name) if word not in STOP_WORDS or is_abbreviation(word, name))


def asking_for_statement(question: str) -> re.Match[str] | None:
    if found := ASKED_SPEAKER.search(question):
        return found
    keywords = ASKED_STATEMENT.fullmatch(question.strip())
    # "Will Putin comment?" asks whether, not what.
    is_question = keywords is not None and words_of(question)[0] in STOP_WORDS - LEADING_WORDS
    return None if is_question else keywords


def is_abbreviation(word: str, name: str) -> bool:
    """True for the US, which is a stop word in small letters."""
    return len(word) > 1 and re.search(rf"\b{re.escape(word.upper())}\b", name) is not None


def subject_of_statement(question: str) -> frozenset[str]:
    """The stems of what the statement asked for is about: empty for "What did Peskov say?"."""
    match = asking_for_statement(question)
    # Of keywords the match is all of them.
    rest = question[match.end() :] if match and match.re is ASKED_SPEAKER else question
    spoken = {*asked_speaker(question), *SPEECH}
    return frozenset(stem(word) for word in words_of(rest) if word not in STOP_WORDS and word not in spoken)


def speaks(name: tuple[str, ...], sentence: str, before: str = "") -> bool:
    """True if the sentence lets the named one speak, or a pronoun that goes on about the sentences before."""
    if not name:
        return False
    last = re.escape(name[-1])
    gap = rf"(?:\W+\w+){{0,{WORDS_BETWEEN}}}\W+"
    if re.search(rf"\b{last}\b{gap}{SAYING}\b|\b{SAYING}{gap}{last}\b", sentence, re.IGNORECASE):
        return True
    voices = next((voices for names, voices in SPOKEN_FOR if " ".join(name) in names), ())
    if any(re.search(rf"\b{voice}\b{gap}{SAYING}\b", sentence, re.IGNORECASE) for voice in voices):
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
    """Those of them that have, with their title, all that the speaker is asked about, which may be nothing."""
    wanted = subject_of_statement(question)
    found = []
    for one in speaking(question, candidates, hits):
        # A derived title is the article's first words: they say nothing about this sentence.
        title = "" if (chunk := hits[one.hit].chunk).title_derived else chunk.title
        if wanted <= stems_of(f"{title} {text_of(one, hits)}"):
            found.append(one)
    return found
