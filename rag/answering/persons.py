"""Questions for one person, and the full name that a passage answers them with. Pure."""

import re
from difflib import SequenceMatcher

from rag.text import word_set
from rag.verification.lexicon import PERSON_TITLES
from rag.verification.parsed_text import parse_text

Name = tuple[str, ...]
"""The folded words of a full name, titles and particles left out."""

DEED = re.compile(
    r"^\W*who (?:first )?(?:founded|invented|discovered|designed|directed|composed|painted|wrote|found|shot|murdered"
    r"|assassinated|commanded|conducts?|chairs|chaired|leads|led|heads|headed|runs|ran)\b",
    re.IGNORECASE,
)
"""What one person does. "Who criticised the plan?" and "Who owns it?" may have many answers, all of them right, and "Who
won?" has another one after each race."""
OFFICE = re.compile(
    r"^\W*who(?:['’]s| is| was| will be| became) (?:the |its |their |\w+['’]s )?(?:[\w'’-]+ ){0,4}?"
    r"(?:president|premier|chancellor|prime minister|mayor|governor|king|queen|pope|bishop|archbishop|chairman|chairwoman"
    r"|chair|chief executive|ceo|head"
    r"|headteacher|director|founder|inventor|author|composer|architect|designer|captain|coach|leader"
    r"|(?:foreign|finance|defen[cs]e|interior|justice|health|education|transport) minister)\b",
    re.IGNORECASE,
)
"""What one person is at a time. Lawyers, spokesmen and ministers without a field are many."""
SECOND_QUESTION = re.compile(r"\b(?:and|or)\b|,.*\b(?:who|what|when|where|why|how)\b", re.IGNORECASE)
SUCCESSION = re.compile(
    r"\b(?:former(?:ly)?|ex|outgoing|incoming|next|new(?:ly)?|late|then|acting|interim|deputy|vice|previous|predecessor"
    r"|succe(?:ed|eds|eded|eding|ssor)|replac\w+|t(?:ake|akes|ook|aken|aking) over|appoint\w*|elect\w*|nam(?:ed|es) as|resign\w*"
    r"|sworn|step(?:s|ped|ping)? down|retir\w+|until|since|no longer|first|second|third|co-\w+|joint(?:ly)?)\b",
    re.IGNORECASE,
)
"""In a sentence that names a person these tell of a change, or of one of several: another name elsewhere is news then."""
PARTICLES = word_set("von van de der den di da du la le al el bin ibn dos del")
VARIANT = 0.75
"""Two words as alike as this are spellings of one name, as transliterations are. A guess."""


def asks_for_one_person(question: str) -> bool:
    """True for a question that one person is the answer to."""
    return bool(DEED.search(question) or asks_for_office(question)) and not SECOND_QUESTION.search(question)


def asks_for_office(question: str) -> bool:
    """True for a question for what one person is after another."""
    return OFFICE.search(question) is not None


def full_name(words: str) -> Name | None:
    """The person's name that these words are; None for anything but two to four capitalised words after titles."""
    parts = [word for word in parse_text(words).words if word.lowercase not in PERSON_TITLES | PARTICLES]
    is_name = 2 <= len(parts) <= 4 and all(part.capital and part.is_content for part in parts)
    return tuple(part.lowercase for part in parts) if is_name else None


def tells_of_change(sentence: str) -> bool:
    """True where somebody came or went, or is one of several."""
    return SUCCESSION.search(sentence) is not None


def names_any(text: str, name: Name) -> bool:
    """True if a text holds a word of the name."""
    return any(is_spelling_of(word.lowercase, part) for word in parse_text(text).words if word.capital for part in name)


def are_two_persons(one: Name, other: Name) -> bool:
    """True for names of which no word is a word of the other, or a spelling of it."""
    return not any(is_spelling_of(first, second) for first in one for second in other)


def is_spelling_of(first: str, second: str) -> bool:
    """True for two folded words that are one, or spellings of it."""
    return SequenceMatcher(None, first, second).ratio() >= VARIANT
