"""Measure verification: which true claims it loses, which corrupted ones it lets through, at each threshold.

Claims are made by rule from public question sets (--data: folders squad2, clapnq, multihop_rag with corpus.jsonl): a
sentence of a passage, the same in other words with the same meaning, or with one fact changed. Half of the
articles chose the threshold, the other half is reported.

    python benchmarks/measure_proof.py --data DATA [--half choose|report] [--show KIND]
"""

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from rag.sentences import sentence_spans
from rag.verification.claims import verify_claims
from rag.verification.lexicon import OPPOSITES
from rag.verification.parsed_text import parse_text
from rag.verification.support import MIN_COVERAGE
from vectorstore.values import Chunk, Hit

SETS = ("squad2", "clapnq", "multihop_rag")
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
class Pair:
    """A claim, the passage that it cites, and whether the passage supports it."""

    kind: str
    claim: str
    passage: str
    true: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """One article as a passage, with names of another for swapping in."""

    text: str
    sentences: tuple[str, ...]
    names: tuple[str, ...]


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
    # "France and Germany" means the same as "Germany and France".
    listing = re.compile(r"[\s,]*(?:and|or|,|[A-Z\d]\S*)*(?:[\s,]|and|or|[A-Z\d]\S*)*")
    pairs_of_spans = [
        (a, b) for a in spans for b in spans if a[1] + 3 < b[0] and not listing.fullmatch(sentence[a[1] : b[0]])
    ]
    if not pairs_of_spans:
        return sentence
    (a, b), (c, d) = chance.choice(pairs_of_spans)
    return sentence[:a] + sentence[c:d] + sentence[b:c] + sentence[a:b] + sentence[d:]


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


def passages(data: Path, half: str) -> list[Passage]:
    """The articles of one half that have sentences enough, news and encyclopedia alike."""
    found: list[Passage] = []
    for name in SETS:
        lines = (data / name / "corpus.jsonl").read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if (number % 2 == 0) != (half == "choose"):
                continue
            text = json.loads(line)["text"]
            # Some corpora come split into tokens; articles have text as printed.
            text = re.sub(r" ([,.;:)\]%!?]|'s\b|n't\b)", r"\1", re.sub(r"([(\[$]) ", r"\1", text))
            text = re.sub(r"`` ?| ?''", '"', text)
            sentences = tuple(text[start:end] for start, end in sentence_spans(text))
            usable = tuple(s for s in sentences if 50 <= len(s) <= 320 and s.endswith(".") and s[0].isupper())
            if usable:
                found.append(Passage(text, usable, names_of(text)))
    return found


def pairs(articles: Sequence[Passage], each: int, seed: int = 7) -> list[Pair]:
    """`each` pairs of every kind, from as many articles as there are, and true claims with a wrong passage."""
    chance = random.Random(seed)
    found: list[Pair] = []
    for changes, true in ((TRUE, True), (CORRUPTED, False)):
        for kind, change in changes.items():
            found += [Pair(kind, claim, text, true) for claim, text in changed(articles, change, each, chance)]
    wrong = chance.sample(range(len(articles)), min(each, len(articles)))
    found += [
        Pair("wrong passage", chance.choice(articles[n].sentences), articles[n - 1].text, False)
        for n in wrong
        if not set(articles[n].sentences) & set(articles[n - 1].sentences)
    ]
    return found


def changed(articles: Sequence[Passage], change: Change, each: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Sentences to which a rule applies, changed by it, one from an article."""
    made = 0
    for number in chance.sample(range(len(articles)), len(articles)):
        here, other = articles[number], articles[number - 7]
        for sentence in chance.sample(here.sentences, len(here.sentences)):
            claim = change(sentence, here, other, chance)
            if ((claim != sentence or change is verbatim) and claim not in here.text) or change is verbatim:
                yield claim, here.text
                made += 1
                break
        if made >= each:
            return


def answers(data: Path, half: str, each: int) -> list[Pair]:
    """People's own words: "Who wrote X?" with its answer A as "A wrote X."; false with an answer to another question.

    The harder and rarer true claims: how far the wording of somebody who read the passage lies from the passage.
    """
    texts = {}
    for line in (data / "squad2" / "corpus.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        texts[entry["id"]] = entry["text"]
    by_passage: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in (data / "squad2" / "train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        match = re.match(r"(?:Who|What|Which \w+) ((?!do |does |did |kind|type)\w.*)\?$", row["question"])
        if match and row["answers"] and not re.match(r"(?:is|was|are|were) \w+\w*(?:ed|en)\b", match[1]):
            answer = row["answers"][0] if isinstance(row["answers"][0], str) else row["answers"][0][0]
            by_passage[row["paragraph_id"]].append((match[1], answer))
    found: list[Pair] = []
    for number, (passage, asked) in enumerate(sorted(by_passage.items())):
        if (number % 2 == 0) != (half == "choose") or passage not in texts:
            continue
        for n, (rest, given) in enumerate(asked):
            claim = f"{given[0].upper()}{given[1:]} {rest}."
            found.append(Pair("in a reader's words", claim, texts[passage], True))
            wrong = asked[n - 1][1]
            if wrong != given and wrong.lower() not in given.lower() and given.lower() not in wrong.lower():
                found.append(
                    Pair("answer to another question", f"{wrong[0].upper()}{wrong[1:]} {rest}.", texts[passage], False)
                )
    random.Random(7).shuffle(found)
    return [pair for true in (True, False) for pair in [p for p in found if p.true == true][:each]]


def is_shown(pair: Pair, min_coverage: float) -> bool:
    """True if this claim is shown when a model cites this passage for it."""
    chunk = Chunk("c", "a", "shared", 0, 0, len(pair.passage), pair.passage, "", "", "", None,
                  sentences=sentence_spans(pair.passage))  # fmt: skip
    draft = f"{pair.claim.rstrip('.')} [1]."
    return bool(verify_claims(draft, [Hit(chunk, 1.0)], min_coverage=min_coverage).supported)


def interval(successes: int, n: int) -> str:
    """A share with its 95 % Wilson interval."""
    if not n:
        return "-"
    share, z = successes / n, 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{share:.3f} [{max(0.0, middle - reach):.3f}, {min(1.0, middle + reach):.3f}]"


def main() -> None:
    """Print the tables as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--data", type=Path, required=True, help="folder with the public sets")
    arguments.add_argument("--half", choices=("choose", "report"), default="report")
    arguments.add_argument("--each", type=int, default=60, help="pairs of each kind")
    arguments.add_argument("--show", default="", help="print the failures of one kind")
    given = arguments.parse_args()
    made = pairs(passages(given.data, given.half), given.each)
    read_by_people = answers(given.data, given.half, 4 * given.each)
    if given.show:
        for pair in (*made, *read_by_people):
            if pair.kind == given.show and is_shown(pair, MIN_COVERAGE) != pair.true:
                print(f"- {pair.claim}\n    {pair.passage[:1500]!r}\n    {parse_text(pair.claim).names}")
        return
    outcome = {pair: is_shown(pair, MIN_COVERAGE) for pair in (*made, *read_by_people)}
    print(
        f"Half: {given.half}; {len(made)} pairs by rule, {len(read_by_people)} from questions; wording {MIN_COVERAGE}\n"
    )
    print("| claim | n | right [95 %] |\n| --- | --- | --- |")
    for label, chosen in (
        ("all true claims", [p for p in made if p.true]),
        ("all corrupted claims", [p for p in made if not p.true]),
    ):
        print(f"| **{label}** | {len(chosen)} | {interval(sum(outcome[p] == p.true for p in chosen), len(chosen))} |")
    for kind in dict.fromkeys(pair.kind for pair in outcome):
        chosen = [pair for pair in outcome if pair.kind == kind]
        shown = "shown" if chosen[0].true else "kept out"
        print(
            f"| {kind} ({shown}) | {len(chosen)} | {interval(sum(outcome[p] == p.true for p in chosen), len(chosen))} |"
        )
    print("\n| wording at least | true lost | corrupted kept out | reader's words lost | wrong answers kept out |")
    print("| --- | --- | --- | --- | --- |")
    for min_coverage in (0.6, 0.7, 0.75, 0.8, 0.85):
        cells = []
        for group, true in ((made, True), (made, False), (read_by_people, True), (read_by_people, False)):
            chosen = [pair for pair in group if pair.true == true]
            cells.append(f"{sum(not is_shown(pair, min_coverage) for pair in chosen) / max(1, len(chosen)):.3f}")
        print(f"| {min_coverage} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
