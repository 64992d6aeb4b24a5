"""Claims made by rule from sentences of a passage: the same in other words, or with one fact changed.

training/rows.py teaches the network with them, benchmarks/measure_proof.py measures the proof with others of them.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.sentences import sentence_spans
from rag.verification.lexicon import OPPOSITES

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
MONTHS = (
    "January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December"
)  # fmt: skip
AUXILIARIES = r"\b(is|was|are|were|has|had|will|would|can|could|did|should)\b(?! not|n['’]t)"
UNITS = {
    "%": " million", "percent": "million", "years": "months", "months": "years", "days": "weeks", "weeks": "days",
    "miles": "kilometres", "km": "miles", "million": "billion", "billion": "million", "hours": "minutes", "$": "€",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passage:
    """A text with the sentences that can be changed and its names."""

    text: str
    sentences: tuple[str, ...]
    names: tuple[str, ...]


def passage_of(text: str) -> Passage:
    """A text as a passage. Some corpora come split into tokens; articles have text as printed."""
    text = re.sub(r" ([,.;:)\]%!?]|'s\b|n't\b)", r"\1", re.sub(r"([(\[$]) ", r"\1", text))
    text = re.sub(r"`` ?| ?''", '"', text)
    sentences = (text[start:end] for start, end in sentence_spans(text))
    usable = tuple(s for s in sentences if 50 <= len(s) <= 320 and s.endswith(".") and s[0].isupper())
    return Passage(text, usable, names_of(text))


Change = Callable[[str, Passage, Passage, random.Random], str]


def names_of(text: str) -> tuple[str, ...]:
    """Names as written: runs of capitalised words that do not open a sentence."""
    found = re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*\b(?![ -]+(?:of |the |for )*[A-Z\d#])", text)
    return tuple(name for name in dict.fromkeys(found) if name not in MONTHS)


def verbatim(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """The sentence as it stands."""
    return sentence


def without_aside(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Without what stands in brackets, or a closing clause with which or who."""
    return re.sub(r", (?:which|who|where)\b[^,]*(?=\.$)", "", re.sub(r" ?\([^()]*\)", "", sentence))


def other_figures(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Small numbers in words or figures, thousands with a space: the same numbers, written in another way."""
    text = re.sub(r"(?<![\d,.])\b(\d{1,3}),(\d{3})\b(?![,\d])", "\\1\u00a0\\2", sentence)
    text = re.sub(
        r"(?<![\d.,$(-])(?<!− )\b(?:[2-9]|1[0-2])\b(?![\d.,%:\u00a0-]|st|nd|rd|th| \d)",
        lambda m: WORDS[int(m[0])],
        text,
    )
    return re.sub(r"(\d) ?%", r"\1 percent", text) if text == sentence else text


def reordered(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """An opening "In 1973, ..." moved to the end."""
    opening = re.match(r"((?:In|On|At|By|During|After|Since) [^,]{3,30}), (.{30,})\.$", sentence)
    if not opening:
        return sentence
    return f"{opening[2][0].upper()}{opening[2][1:]} {opening[1][0].lower()}{opening[1][1:]}."


def attributed(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Opened with "According to the articles,", as models like to."""
    return f"According to the articles, {sentence}"


def number_changed(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """One number made another."""
    found = list(re.finditer(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w-])", sentence))
    if not found:
        return sentence
    match = chance.choice(found)
    digits = match[0].rstrip(",")
    changed = str(int(digits[-1]) + 1)[-1] if digits[-1] != "9" else "8"
    return sentence[: match.start()] + digits[:-1] + changed + sentence[match.start() + len(digits) :]


def numbers_exchanged(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Two numbers of the sentence in each other's place."""
    found = list(re.finditer(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w-])", sentence))
    return exchanged(sentence, [match.span() for match in found], chance)


def names_exchanged(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Two names of the sentence in each other's place: who did what to whom."""
    return exchanged(
        sentence, [match.span() for name in here.names if (match := re.search(rf"\b{name}\b(?!')", sentence))], chance
    )


def exchanged(sentence: str, spans: Sequence[tuple[int, int]], chance: random.Random) -> str:
    """Two spans of the sentence exchanged."""
    pairs_of_spans = [(a, b) for a in spans for b in spans if a[1] + 3 < b[0] and not is_listing(sentence[a[1] : b[0]])]
    if not pairs_of_spans:
        return sentence
    (a, b), (c, d) = chance.choice(pairs_of_spans)
    return sentence[:a] + sentence[c:d] + sentence[b:c] + sentence[a:b] + sentence[d:]


def is_listing(between: str) -> bool:
    """True for what joins the members of a list: "France and Germany" means the same as "Germany and France"."""
    words = re.split(r"[\s,]+", between)
    return all(word in ("", "and", "or") or word[0].isupper() or word[0].isdigit() for word in words)


def foreign_name(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """A name of the sentence replaced by one of another article."""
    return renamed(sentence, here, [name for name in other.names if name not in here.text], chance)


def neighbours_name(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """A name of the sentence replaced by another one of the same passage."""
    return renamed(sentence, here, [name for name in here.names if name not in sentence], chance)


def renamed(sentence: str, here: Passage, by: Sequence[str], chance: random.Random) -> str:
    """One name of the sentence replaced."""
    own = [name for name in here.names if re.search(rf"\b{name}\b", sentence)]
    if not own or not by:
        return sentence
    name = chance.choice(own)
    new = chance.choice(by)
    if set(new.split()) & set(name.split()):
        return sentence
    return re.sub(rf"\b{name}\b", new, sentence)


def date_changed(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Another month or year."""
    month = re.search(rf"\b({'|'.join(MONTHS)})\b", sentence)
    if month:
        return sentence.replace(month[1], MONTHS[(MONTHS.index(month[1]) + 1 + chance.randrange(9)) % len(MONTHS)])
    return re.sub(r"\b(1[5-9]|20)(\d\d)\b(?![,\d])", lambda m: m[1] + f"{(int(m[2]) + 7) % 100:02d}", sentence, count=1)


def negation_added(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """ "not" after the first auxiliary verb."""
    return re.sub(AUXILIARIES, r"\1 not", sentence, count=1)


def negation_removed(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Without its "not"."""
    text = re.sub(r" not\b(?! only| just)| never\b|n['’]t\b", "", sentence, count=1)
    return re.sub(r"\b(?:without|no)\b", "with", text, count=1) if text == sentence else text


def opposite_word(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """A word turned into its opposite."""
    for pair in OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            if re.search(rf"\b{word}\b", sentence):
                return re.sub(rf"\b{word}\b", opposite, sentence, count=1)
    return sentence


def unit_changed(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """Another unit after (or before) a number."""
    for unit, by in UNITS.items():
        pattern = rf"(?<=\d)( ?){re.escape(unit)}(?!\w)" if unit != "$" else r"()\$(?=\d)"
        if re.search(pattern, sentence):
            return re.sub(pattern, rf"\g<1>{by}", sentence, count=1)
    return sentence


def quotation_changed(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """A word within quotation marks left out."""
    quoted = [match for match in re.finditer(r"[\"“]([^\"“”]*)[\"”]", sentence) if len(match[1].split()) > 3]
    if not quoted or re.search(r"\w\"\w", sentence):
        return sentence
    words = quoted[0][1].split()
    return sentence.replace(quoted[0][1], " ".join(words[:1] + words[2:]))


def hedge_dropped(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """What may be, stated as what is."""
    text = re.sub(r"\b(?:may|might|could) be\b", "is", sentence, count=1)
    hedge = r"\b(?:may|might|could|allegedly|reportedly|possibly|probably) (?=[a-z])"
    return re.sub(hedge, "", sentence, count=1) if text == sentence else text


def widened(sentence: str, here: Passage, other: Passage, chance: random.Random) -> str:
    """All, where it was some, many or most."""
    return re.sub(r"\b(?:[Ss]ome|[Mm]any|[Mm]ost|[Ss]everal)\b", "all", sentence, count=1)


TRUE: dict[str, Change] = {
    "verbatim": verbatim,
    "aside left out": without_aside,
    "numbers written otherwise": other_figures,
    "opening moved": reordered,
    "attributed": attributed,
}
CORRUPTED: dict[str, Change] = {
    "number changed": number_changed,
    "numbers exchanged": numbers_exchanged,
    "date changed": date_changed,
    "unit changed": unit_changed,
    "name of another article": foreign_name,
    "name of the same passage": neighbours_name,
    "names exchanged": names_exchanged,
    "negation added": negation_added,
    "negation removed": negation_removed,
    "opposite word": opposite_word,
    "hedge dropped": hedge_dropped,
    "widened": widened,
    "quotation changed": quotation_changed,
}


def changed(articles: Sequence[Passage], change: Change, each: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Sentences to which a rule applies, changed by it, one from an article."""
    made = 0
    for number in chance.sample(range(len(articles)), len(articles)):
        here, other = articles[number], articles[(number - 7) % len(articles)]
        for sentence in chance.sample(here.sentences, len(here.sentences)):
            claim = change(sentence, here, other, chance)
            if ((claim != sentence or change is verbatim) and claim not in here.text) or change is verbatim:
                yield claim, here.text
                made += 1
                break
        if made >= each:
            return
