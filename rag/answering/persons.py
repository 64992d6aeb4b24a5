"""Questions for one person, and the full name that a passage answers them with. Pure."""

import re
from difflib import SequenceMatcher

from rag.verification.lexicon import PERSON_TITLES
from rag.verification.parsed_text import parse_text
from rag.verification.tokens import fold

Name = tuple[str, ...]
"""The folded words of a full name, titles left out."""

DEED = re.compile(
    r"^\W*who (?:first )?(?:won|founded|invented|discovered|designed|directed|composed|painted|wrote|built|bought|found|scored"
    r"|killed|shot|murdered|assassinated|commanded|conducts?|chairs|chaired|owns?|owned|leads|led|heads|headed|runs|ran)\b",
    re.IGNORECASE,
)
"""What one person does. "Who criticised the plan?" may have many answers, all of them right."""
OFFICE = re.compile(
    r"^\W*who(?:['’]s| is| was| will be| became) (?:the |its |their |\w+['’]s )?(?:[\w'’-]+ ){0,4}?"
    r"(?:president|premier|chancellor|prime minister|mayor|governor|king|queen|pope|bishop|archbishop|chairman|chairwoman"
    r"|chair|chief executive|ceo|head"
    r"|headteacher|director|founder|inventor|owner|author|composer|architect|designer|captain|coach|winner|leader|champion"
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
    tokens = parse_text(words).words
    named = tuple(token.lowercase for token in tokens if token.lowercase not in PERSON_TITLES)
    capital = all(token.capital for token in tokens if token.lowercase not in PERSON_TITLES)
    return named if capital and 2 <= len(named) <= 4 else None


def tells_of_change(sentence: str) -> bool:
    """True where somebody came or went, or is one of several."""
    return SUCCESSION.search(sentence) is not None


def names_any(text: str, name: Name) -> bool:
    """True if a text holds a word of the name."""
    return any(is_variant(word.lowercase, part) for word in parse_text(text).words if word.capital for part in name)


def are_two_persons(one: Name, other: Name) -> bool:
    """True for names of which no word is a word of the other, or a spelling of it."""
    return not any(is_variant(first, second) for first in one for second in other)


def is_variant(first: str, second: str) -> bool:
    return SequenceMatcher(None, fold(first), fold(second)).ratio() >= VARIANT
