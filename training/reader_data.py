"""Turn public question sets into reading exercises: a question, a passage, and the words that answer it, if any.

Reads folders with corpus.jsonl and cases.jsonl (README: "Files for data"), and train.jsonl where there is one.
"""

import hashlib
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import bm25s
from tokenizers import Tokenizer

from rag.answering.reader import ReaderPassage
from rag.sentences import sentence_spans
from vectorstore.values import Span

SETS = ("squad2", "clapnq", "multihop_rag")
CHUNK_TOKENS = 200
CANDIDATES = 6
# SQuAD 2.0 has forty times more training questions than the other two have here.
REPEATS = {"squad2": 1, "clapnq": 4, "multihop_rag": 2}

Row = Mapping[str, object]

WORD = re.compile(r"\b(?:[A-Z][\w-]+|\w{4,}|\d+)\b")
PAIRS = """
more less, most least, first last, before after, largest smallest, highest lowest, high low, increase decrease,
increased decreased, north south, east west, northern southern, eastern western, earliest latest, early late,
old new, oldest newest, older younger, greater lesser, large small, larger smaller, higher lower, always never,
win lose, won lost, begin end, began ended, start stop, started stopped, public private, major minor, good bad,
positive negative, male female, men women, black white, left right, inside outside, internal external, legal
illegal, possible impossible, common rare, support oppose, supported opposed, accept reject, accepted rejected,
upper lower, maximum minimum, majority minority, rich poor, strong weak, longest shortest, long short, enter
leave, built destroyed, allowed forbidden, included excluded, created destroyed, gained lost, rise fall, rose
fell, alive dead, war peace, modern ancient, primary secondary, northernmost southernmost, hot cold, warm cool,
simple complex, best worst
"""
OPPOSITES = {word: other for pair in PAIRS.split(",") for word, other in (pair.split(), pair.split()[::-1])}


class Passage(NamedTuple):
    """A chunk of one article, as the reader will be given it."""

    article_id: str
    reader: ReaderPassage


@dataclass(frozen=True)
class Exercise:
    """spans: the words that answer; sentences: indices of those that do. Both empty: the passage does not answer."""

    question: str
    passage: ReaderPassage
    spans: tuple[Span, ...] = ()
    sentences: tuple[int, ...] = ()


@dataclass(frozen=True)
class Question:
    """A training question with its passages: those that answer, those that nearly do, and others that were found."""

    text: str
    answering: tuple[Exercise, ...]
    near: tuple[Exercise, ...]
    found: tuple[Exercise, ...]
    repeats: int
    # Whole sentences as answers leave no single word on which the question hangs.
    altered: bool


def part_of(identifier: str) -> str:
    """`check` decides and is never trained on; `fit` calibrates what stands on the reader; `train` is the reader's own."""
    digest = int(hashlib.sha256(identifier.encode()).hexdigest(), 16)
    if digest % 2:
        return "check"
    return "fit" if digest // 2 % 2 else "train"


def read_rows(path: Path) -> list[Row]:
    """The objects of a file with one JSON object a line."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def passages_of(article: Row, tokenizer: Tokenizer) -> Iterator[Passage]:
    """Whole sentences, together at most CHUNK_TOKENS long (a longer sentence stands alone)."""
    text, title = str(article["text"]), str(article["title"] or "")

    def passage(group: Sequence[Span]) -> Passage:
        begin, end = group[0][0], group[-1][1]
        sentences = tuple((start - begin, stop - begin) for start, stop in group)
        return Passage(str(article["id"]), ReaderPassage(text[begin:end], title, sentences))

    group: list[Span] = []
    used = 0
    for start, end in sentence_spans(text):
        length = len(tokenizer.encode(text[start:end], add_special_tokens=False).ids)
        if group and used + length > CHUNK_TOKENS:
            yield passage(group)
            group, used = [], 0
        group.append((start, end))
        used += length
    if group:
        yield passage(group)


class Library:
    """The passages of one question set and a lexical search over them."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        articles = read_rows(folder / "corpus.jsonl")
        self.passages = [passage for article in articles for passage in passages_of(article, tokenizer)]
        self._index = bm25s.BM25()
        texts = [f"{passage.reader.title} {passage.reader.text}" for passage in self.passages]
        self._index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)

    def search(self, question: str, limit: int) -> list[Passage]:
        """Best first."""
        words = bm25s.tokenize([question], stopwords="en", show_progress=False)
        places, _ = self._index.retrieve(words, k=limit, show_progress=False)
        return [self.passages[int(place)] for place in places[0]]


def words_of(text: str) -> set[str]:
    """Lower-case words of four letters or more and numbers: what is worth matching."""
    return set(re.findall(r"\w{4,}|\d+", text.lower()))


def mark_answers(question: str, passage: ReaderPassage, answers: Sequence[str]) -> Exercise:
    """Where the passage holds an answer: of several sentences with it, the one that shares most words with the question."""
    occurrences = {
        match.span() for answer in answers for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", passage.text)
    }
    by_sentence: dict[int, list[Span]] = {}
    for start, end in sorted(occurrences):
        for place, (first, last) in enumerate(passage.sentences):
            if first <= start < last:
                by_sentence.setdefault(place, []).append((start, end))
    if not by_sentence:
        return Exercise(question, passage)
    asked = words_of(question)

    def shared(place: int) -> int:
        first, last = passage.sentences[place]
        return len(asked & words_of(passage.text[first:last]))

    best = max(by_sentence, key=shared)
    return Exercise(question, passage, tuple(by_sentence[best]), (best,))


def mark_quotes(question: str, passage: ReaderPassage, quotes: Sequence[str]) -> Exercise:
    """Which sentences of the passage lie in a gold quote, or hold one."""
    gold = []
    for place, (first, last) in enumerate(passage.sentences):
        sentence = passage.text[first:last]
        if any(sentence in quote or quote.strip() in sentence for quote in quotes):
            gold.append(place)
    return Exercise(question, passage, tuple(passage.sentences[place] for place in gold), tuple(gold))


def strings(row: Row, field: str) -> list[str]:
    """A field that holds strings, or groups of strings, flattened."""
    value = row.get(field)
    if not isinstance(value, list):
        return []
    return [text for entry in value for text in (entry if isinstance(entry, list) else [entry])]


def questions_of(name: str, folder: Path, tokenizer: Tokenizer) -> Iterator[Question]:
    """The training questions of one set; no question of its check or fit part is among them."""
    library = Library(folder, tokenizer)
    cases = read_rows(folder / "cases.jsonl")
    if (folder / "train.jsonl").exists():
        # Questions of the cases that training rows repeat word for word stay out.
        kept_apart = {str(case["question"]).strip().lower() for case in cases}
        rows = [r for r in read_rows(folder / "train.jsonl") if str(r["question"]).strip().lower() not in kept_apart]
    else:
        rows = [case for case in cases if part_of(str(case["id"])) == "train"]
    for row in rows:
        text = str(row["question"])
        answers, quotes = strings(row, "answers"), strings(row, "gold_quotes")
        gold = set(strings(row, "gold_articles")) | ({str(row["paragraph_id"])} if "paragraph_id" in row else set())
        own = [passage.reader for passage in library.passages if passage.article_id in gold]
        marked = [mark_quotes(text, p, quotes) if quotes else mark_answers(text, p, answers) for p in own]
        others = [passage for passage in library.search(text, CANDIDATES) if passage.article_id not in gold]
        found = [Exercise(text, p.reader) for p in others if not any(a in p.reader.text for a in answers)]
        answering = tuple(exercise for exercise in marked if exercise.sentences)
        near = tuple(exercise for exercise in marked if not exercise.sentences)
        if not answering and not near:
            near, found = tuple(found[:3]), found[3:]
        yield Question(text, answering, near, tuple(found), REPEATS[name], not quotes)


def alter(exercise: Exercise, chance: random.Random) -> Exercise | None:
    """A question like this one that the passage does not answer: a word that it shares with the answering sentence
    gives way to a like word from elsewhere in the passage, or to its opposite, as in SQuAD 2.0's own questions."""
    question, text = exercise.question, exercise.passage.text
    first, last = exercise.passage.sentences[exercise.sentences[0]]
    sentence = {word.lower() for word in WORD.findall(text[first:last])}
    elsewhere = {word for word in WORD.findall(text[:first] + text[last:]) if word.lower() not in sentence}
    elsewhere -= set(WORD.findall(question))
    changes = []
    for match in WORD.finditer(question):
        word = match.group()
        if word.lower() in OPPOSITES:
            changes.append((match.span(), OPPOSITES[word.lower()]))
        elif match.start() and word.lower() in sentence:
            changes += [(match.span(), other) for other in sorted(elsewhere) if alike(word, other)]
    if not changes:
        return None
    places = sorted({place for place, _ in changes})
    start, end = chance.choice(places)
    new = chance.choice([word for place, word in changes if place == (start, end)])
    return Exercise(question[:start] + new + question[end:], exercise.passage)


def alike(word: str, other: str) -> bool:
    """Both numbers, both capitalised, or both with one ending: what could stand in a sentence's same place."""
    if word[0].isdigit() or other[0].isdigit():
        return word.isdigit() and other.isdigit()
    if word[0].isupper() or other[0].isupper():
        return word[0].isupper() and other[0].isupper()
    return word[-2:] == other[-2:] and abs(len(word) - len(other)) <= 4


def one_epoch(
    questions: Sequence[Question], chance: random.Random, other_rate: float, altered_rate: float
) -> list[Exercise]:
    """Each question with a passage that answers it, or one that nearly does; at these rates also with another passage
    that was found for it, and altered so that its passage no longer answers. In random order."""
    exercises = []
    for question in questions:
        for _ in range(question.repeats):
            if question.answering:
                exercise = chance.choice(question.answering)
                exercises.append(exercise)
                altered = alter(exercise, chance) if chance.random() < altered_rate and question.altered else None
                if altered:
                    exercises.append(altered)
            elif question.near:
                exercises.append(chance.choice(question.near))
            if question.found and chance.random() < other_rate:
                exercises.append(chance.choice(question.found))
    chance.shuffle(exercises)
    return exercises


def without_title(exercise: Exercise) -> Exercise:
    """The same with an empty title: titles may be missing at run time."""
    return replace(exercise, passage=replace(exercise.passage, title=""))
