"""What a follow-up leaves out, put back from what was asked before: "And in May?", "Why?", "What did she say?". Pure."""

import re
from collections.abc import Sequence

from rag.answer import Turn
from rag.intent import asks_again
from rag.text import STOP_WORDS, words_of

JOINED = re.compile(r"^(?:and|but|so|or|ok(?:ay)?|also)\b[,:]?\s*", re.IGNORECASE)
WHAT_ABOUT = re.compile(r"^(?:what|how) about\s+", re.IGNORECASE)
BARE_WORD = re.compile(
    r"^(why|when|where|who|how|how many|how much|says who|by whom)"
    r"(?:\s+(?:is|was|were|did|does|do|that|this|it|so|not|they|happen|happened|he|she|be|there|then|now|him|her|exactly))*+"
    r"\s*\?*$",
    re.IGNORECASE,
)
AUXILIARIES = r"(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|may|might|should|must)"
AMOUNT = r"how (?:long|much|many|often|far|soon|late|old|big|large|high|deep|fast)"
TIME_ASKED = r"(?:what|which) (?:time|day|date|week|month|year|season)"
PREPOSITIONS = (
    r"(?:for|by|since|until|till|from|at|in|to|with|about|of|on|against|after|before|under|within|during|through"
    r"|between|over)"
)
FURTHER_WORDS = rf"(?: (?!{AUXILIARIES}\b)[\w'’-]+)"
ELLIPTICAL = re.compile(
    rf"(?:(?P<adverbial>(?:(?:up|out|because|instead|as) )?{PREPOSITIONS} "
    rf"(?:{AMOUNT}|what|which|who|whom|whose|when|where){FURTHER_WORDS}{{0,2}}"
    r"|(?P<asked>what|who|where) (?P<preposition>for|with|to|from|against|by|of|about)"
    rf"|{TIME_ASKED}|how (?:long|often|far|soon|late)(?: ago)?)"
    rf"|(?:how (?:much|many)|which|whose){FURTHER_WORDS}?)(?: exactly)?[\s?!.]*",
    re.IGNORECASE,
)
"""A follow-up that says nothing but what it wants to know of the question before: "For how long?", "By how many votes?"."""
ASKED_WITH_AUXILIARY = re.compile(
    rf"(?:(?:why|when|where|how):?\s+)*(?P<rest>{AUXILIARIES}\b.+)", re.IGNORECASE | re.DOTALL
)
ASKS_WHO = re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE)
NAMING = re.compile(r"(?:who|what|which|whose|whom)\b", re.IGNORECASE)
"""Begins a question that goes on after its verb: "Who won by how many votes?"."""
WORDS_OF_NOTHING = 3
LEADING_WORD = re.compile(r"^(?:why|when|where|how): ", re.IGNORECASE)
ASSENT = re.compile(r"^(?:yes|yeah|yep|sure|ok(?:ay)?|please|really)[\s.!?]*(?:please)?[.!?]*$", re.IGNORECASE)
MORE = re.compile(
    r"(?:and|so)|(?:(?:yes|ok(?:ay)?|please|can you|could you)[\s,]*)*"
    r"(?:(?:(?:tell|give|show) (?:me|us) |say |read |know |some |any |a bit )*more(?: details?)?|go on|continue|elaborate"
    r"|(?:what|anything|something) else|what (?:else|more) (?:do|does|did) (?:it|they|the articles?) say)"
    r"(?: (?:about|on|of) (?:it|that|this))?(?: (?:is|was) (?:there|said|known))?[\s,]*(?:please)?",
    re.IGNORECASE,
)
HER_ALONE = (
    r"her(?=\s*(?:[?.!,;]|$|(?:in|at|on|to|for|with|and|or|by|from|about|after|before|since|now|then|again|there)\b))"
)
"""Not "her house": "Who met her in June?"."""
PERSON = re.compile(rf"\b(he|she|him|they|them|{HER_ALONE})\b", re.IGNORECASE)
POSSESSIVE = re.compile(r"\b(his|her|hers|their|theirs|its)\b", re.IGNORECASE)
THING = re.compile(r"\b(it|this|that|these|those|there)\b(?!\s+(?:is|are|was|were)\s+(?:no|any|a)\b)", re.IGNORECASE)
NAMES = re.compile(r"\b[A-ZÀ-ÖØ-ÞА-Я][\w'’-]*(?:\s+(?:of\s+|de\s+|van\s+|the\s+)?[A-ZÀ-ÖØ-ÞА-Я][\w'’-]*)*")
PLACE_LINE = re.compile(r"(?:^|(?<=[“\"\n]))\s*[A-ZÀ-Þ][A-ZÀ-Þ .'’-]+(?: \([^()\n]*\))? (?:[—–]|--?) ")
"""Where a report was written: "DUNMARROW — ", "VARNHAVEN (Coast Wire) — ". Nobody whom "he" could mean."""
MONTHS = "january february march april june july august september october november december"
MOST_NAMES, MOST_READINGS = 3, 4
"""Names that a pronoun may stand for, and readings of a follow-up beside the first: each costs a search and a reading."""
NOT_NAMES = STOP_WORDS | frozenset(MONTHS.split())


def stand_alone(question: str, history: Sequence[Turn]) -> tuple[str, str]:
    """A question that needs no history, and in words how it was made ("" when it stood alone already)."""
    if not history:
        return question, ""
    before = history[-1]
    earlier = (before.standalone_question or before.question).strip()
    bare = JOINED.sub("", question.strip())
    if wants_more(question):
        return earlier, f"{question!r} asks for more on the question before"
    if ASSENT.match(bare) or asks_again(bare) or not bare:
        return earlier, f"{question!r} repeats the question before"
    if word := bare_word(question):
        return ask_instead(word, earlier), f"{question!r} asks {word} of the question before"
    if elliptical(bare) and not names_in(bare):
        # "By how many votes?", then "On what day?": each is asked of the whole question, not of the other.
        whole = next((turn for turn in reversed(history) if not elliptical(turn.question)), before)
        asked_before = (whole.standalone_question or whole.question).strip()
        return ask_also(bare, asked_before), f"{question!r} goes on with the question before"
    joined = len(bare) < len(question.strip())
    about = WHAT_ABOUT.sub("", bare)
    if (joined or len(about) < len(bare)) and len(words_of(about)) <= 5 and not starts_like_question(about):
        return swap_subject(earlier, about.rstrip("?!. "), question)
    return replace_pronouns(bare, last_whole(history), earlier, question)


def bare_word(question: str) -> str:
    """The question word of a follow-up that is hardly more than one ("And why is that?"), else ""."""
    match = BARE_WORD.match(JOINED.sub("", question.strip()))
    return match.group(1).lower() if match else ""


def names_nothing(question: str) -> bool:
    """True for "For how long?" and "In what year?": nothing in it can be searched for."""
    match = elliptical(question)
    return bool(match and match["adverbial"] and len(words_of(question)) <= WORDS_OF_NOTHING)


def wants_more(question: str) -> bool:
    """True for "Tell me more" and "What else?": what has not been told yet of the question before."""
    asked = question.strip(" \t\n.!?…")
    return bool(MORE.fullmatch(asked) or MORE.fullmatch(JOINED.sub("", asked)))


def told_before(history: Sequence[Turn]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The answers to the last whole question and to the bare ones after it, oldest first, and the ids of what they quoted."""
    told = [turn for turn in since_last_whole(history) if turn.answer]
    ids = dict.fromkeys(article_id for turn in told for article_id in turn.article_ids)
    return tuple(turn.answer for turn in told), tuple(ids)


def answers_to(word: str, history: Sequence[Turn]) -> tuple[str, ...]:
    """What "Why?" (or another bare word) was answered when it was asked of the last whole question before, oldest first."""
    return tuple(turn.answer for turn in since_last_whole(history) if turn.answer and bare_word(turn.question) == word)


def since_last_whole(history: Sequence[Turn]) -> list[Turn]:
    """The last whole question and the bare ones after it, oldest first."""
    turns: list[Turn] = []
    for turn in reversed(history):
        turns.append(turn)
        if not depends_on_the_one_before(turn.question):
            break
    return turns[::-1]


def elliptical(question: str) -> re.Match[str] | None:
    """A question as ELLIPTICAL takes it apart, None for one that stands alone; "And" before it is none of it."""
    return ELLIPTICAL.fullmatch(JOINED.sub("", question.strip()))


def depends_on_the_one_before(question: str) -> bool:
    """True for what is asked of the question before and names nobody: "Why?", "Tell me more", "For how long?"."""
    names_somebody = ASKS_WHO.search(question)
    return bool(bare_word(question)) or wants_more(question) or bool(elliptical(question) and not names_somebody)


def last_whole(history: Sequence[Turn]) -> Turn:
    """The turn whose answer says whom a pronoun means: the last one that did not only go on with another."""
    return next(
        (turn for turn in reversed(history) if turn.answer and not depends_on_the_one_before(turn.question)),
        history[-1],
    )


def ask_instead(word: str, earlier: str) -> str:
    """The question before with another question word: "When will it close?" of "Will it close?"."""
    match = ASKED_WITH_AUXILIARY.match(earlier) if word in ("why", "when", "where", "how") else None
    if match is None:
        return f"{word.capitalize()}: {LEADING_WORD.sub('', earlier)}"
    return f"{word.capitalize()} {match['rest'][0].lower()}{match['rest'][1:]}"


def ask_also(asked: str, earlier: str) -> str:
    """The question before with what a follow-up asks of it: "For how long is it shut?" of "Why is it shut?"."""
    bare, known = asked.rstrip("?! "), earlier.rstrip("?! ")
    match = ASKED_WITH_AUXILIARY.match(known)
    further = ELLIPTICAL.fullmatch(bare)
    if further is not None and further["preposition"]:
        bare = f"{further['preposition']} {further['asked']}".lower()
    if match is not None and further is not None and further["adverbial"]:
        return f"{bare[0].upper()}{bare[1:]} {match['rest'][0].lower()}{match['rest'][1:]}?"
    return f"{known} {bare[0].lower()}{bare[1:]}?" if NAMING.match(known) else f"{bare} ({known})?"


def readings_beside(question: str, history: Sequence[Turn], chosen: str) -> tuple[str, ...]:
    """What a follow-up may mean beside the chosen reading: its pronouns as other names, or asked of the question before."""
    bare = JOINED.sub("", question.strip())
    joined = len(bare) < len(question.strip())
    points = any(pattern.search(bare) for pattern in (PERSON, POSSESSIVE, THING, WHAT_ABOUT)) or elliptical(bare)
    if not history or bare_word(question) or not (joined or points):
        return ()
    before = history[-1]
    earlier = (before.standalone_question or before.question).strip()
    bare = WHAT_ABOUT.sub("", bare)
    names = list(dict.fromkeys([*names_in(before.answer), *names_in(earlier), *names_in(history[0].question)]))
    readings = []
    if PERSON.search(bare) or POSSESSIVE.search(bare):
        readings = [POSSESSIVE.sub(f"{name}'s", PERSON.sub(name, bare)) for name in names[:MOST_NAMES]]
    readings += [f"{bare.rstrip('?! ')} ({topic.rstrip('?! ')})?" for topic in (earlier, *names[:MOST_NAMES])]
    return tuple(reading for reading in dict.fromkeys(readings) if reading != chosen)[:MOST_READINGS]


def starts_like_question(text: str) -> bool:
    """True if it begins with a question word or an auxiliary."""
    first = words_of(text)[:1]
    return (
        bool(first)
        and first[0] in STOP_WORDS
        and first[0] not in {"the", "a", "an", "in", "on", "at", "from", "by", "for", "with"}
    )


def swap_subject(earlier: str, about: str, question: str) -> tuple[str, str]:
    """The question before, asked of something else: its first name makes way, or the new one is added."""
    named = names_in(earlier)
    if named and about[:1].isupper():
        return earlier.replace(named[0], about, 1), f"{question!r} asks {about} instead of {named[0]}"
    return f"{earlier.rstrip('?! ')} ({about})?", f"{question!r} asks the question before of {about}"


def replace_pronouns(bare: str, before: Turn, earlier: str, question: str) -> tuple[str, str]:
    """Pronouns become the name they most likely stand for; a question with names of its own is left alone."""
    if names_in(bare) and not PERSON.search(bare):
        return bare, ""
    person, thing = PERSON.search(bare), THING.search(bare) or POSSESSIVE.search(bare)
    if not (person or POSSESSIVE.search(bare) or thing):
        return bare, ""
    asked, answered = names_in(earlier), names_in(before.answer)
    # "Who is the spokesman?" is answered by a name that the question does not hold; that is whom "he" means next.
    new = [name for name in answered if not any(shares_word(name, other) for other in asked)]
    asks_who = LEADING_WORD.sub("", earlier.strip()).lower().startswith(("who", "which"))
    name = next(iter(new if asks_who and new else asked or new), "")
    if not name:
        return (
            f"{bare.rstrip('?! ')} ({earlier.rstrip('?! ')})?",
            f"{question!r} is asked together with the question before",
        )
    if person or POSSESSIVE.search(bare):
        standalone = POSSESSIVE.sub(f"{name}'s", PERSON.sub(name, bare))
        return standalone, f"{question!r} speaks of {name}"
    return f"{bare.rstrip('?! ')} ({earlier.rstrip('?! ')})?", f"{question!r} speaks of the question before"


def names_in(text: str) -> list[str]:
    """Runs of capitalised words, without those that are capitalised because a sentence begins or a month is named."""
    found = []
    for match in NAMES.finditer(PLACE_LINE.sub("", text)):
        words = match.group().split()
        # "It's" begins a quotation, and is nobody.
        while words and re.sub(r"['’]\w+$", "", words[0].lower()) in NOT_NAMES:
            words.pop(0)
        name = " ".join(words).removesuffix("'s").removesuffix("’s")
        if name and not (match.start() == 0 and len(words) == 1 and name.lower() in STOP_WORDS):
            found.append(name)
    return list(dict.fromkeys(found))


def shares_word(first: str, second: str) -> bool:
    return not set(words_of(first)).isdisjoint(words_of(second))
