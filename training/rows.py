"""Turn raw questions and claims into tokens: windows of passages, and which of their tokens and sentences answer.

A window is a run of whole sentences of a passage of at most WINDOW_TOKENS, as the program's own chunks are.
"""

import gzip
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import bm25s
from tokenizers import Tokenizer

from rag.models.passage_network import MAX_QUESTION_TOKENS, MAX_TITLE_TOKENS
from rag.sentences import sentence_spans
from rag.text import STOP_WORDS, SURROGATE, words_of
from training.corruptions import CORRUPTED, TRUE, changed, passage_of
from training.newsrooms import newsroom_claims, newsroom_rows
from training.sets import (
    ASKED_FROM,
    CLAIMS,
    CLAIMS_HELD_OUT,
    CORRUPTED_EACH,
    CORRUPTED_FROM,
    CORRUPTED_FROM_CLAIMS,
    NEWSROOMS,
    NEWSROOMS_CLAIMS,
    READING,
    SIMULATED_FROM,
    ReadingSet,
    is_held_out,
)
from vectorstore.values import Span

WINDOW_TOKENS = 220
MAX_WINDOW_TOKENS = 280
"""A single sentence longer than a window is cut here."""
MAX_PASSAGE_CHARACTERS = 12_000
MAX_SPAN_CHARACTERS = 200
"""Answers longer than this teach which sentence answers, not which words."""
SEED = 7
NEIGHBOURS_SEARCHED = 12
OWN_SETS = {NEWSROOMS: newsroom_rows, NEWSROOMS_CLAIMS: newsroom_claims}
PARTNER_SHARE = 0.25
"""Of the claims made false by rule, how many come with the true sentence. A guess."""


@dataclass(frozen=True)
class Window:
    """Tokens of consecutive sentences. `sentences` are token ranges, `offsets` the tokens' characters in `text`."""

    number: int
    text: str
    tokens: list[int]
    offsets: list[Span]
    sentences: list[Span]
    sentence_spans: list[Span]


@dataclass(frozen=True)
class Row:
    """One exercise. starts, ends: token positions in the window of every right answer. sentences: those that hold one.

    task: 0 for a question, 1 for a claim. has_span, has_sentence: False where that output learns nothing from this row.
    """

    set_name: str
    question: list[int]
    title: list[int]
    window: int
    answerable: bool
    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    sentences: tuple[int, ...] = ()
    has_span: bool = True
    has_sentence: bool = True
    task: int = 0


@dataclass
class RowBuilder:
    """Reads the sets and collects windows and rows. The same data and seed give the same rows in the same order."""

    data: Path
    tokenizer: Tokenizer
    limit: int | None = None
    """Rows of each public set that are read; None for all, a few for a trial."""
    own: bool = True
    """With the sets that are the project's own, which are small and always read whole."""
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    windows: list[Window] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    windows_by_passage: dict[str, list[Window]] = field(default_factory=dict)
    titles: dict[int, tuple[int, ...]] = field(default_factory=dict)
    asked: list[tuple[float, dict[str, object], int]] = field(default_factory=list)

    def build(self) -> None:
        """Every row of every set, then the mined negatives, the claims, and those made by rule."""
        for reading in READING:
            for raw in self.raw_rows(reading):
                self.add_question(reading, raw)
        self.add_mined()
        for name in (*CLAIMS, *CLAIMS_HELD_OUT):
            for raw in self.read("claims", name):
                self.add_claim(name, raw)
        self.add_corrupted()

    def read(self, kind: str, name: str) -> Iterator[dict[str, object]]:
        """The objects of a set."""
        if own := OWN_SETS.get(name):
            return own() if self.own else iter(())
        return islice(read_jsonl(self.data / kind / f"{name}.jsonl.gz"), self.limit)

    def raw_rows(self, reading: ReadingSet) -> Iterator[dict[str, object]]:
        """The set's rows; single sentences are placed among up to four others, in random order."""
        raw = [
            row
            for row in self.read("reading", reading.name)
            if len(str(row["passage"])) <= MAX_PASSAGE_CHARACTERS
            # The articles that training/simulate.py makes the judge's questions of.
            and not (reading.name in (*SIMULATED_FROM, *ASKED_FROM) and is_held_out(str(row["title"])))
        ]
        if not reading.alone:
            yield from raw
            return
        passages = [str(row["passage"]) for row in raw]
        for row in raw:
            others = self.chance.sample(passages, self.chance.randint(1, 4))
            around = [other for other in others if not contains_any(other, row["answers"])]
            around = [other for other in around if other != row["passage"]] + [str(row["passage"])]
            self.chance.shuffle(around)
            yield row | {"passage": " ".join(around)}

    def add_question(self, reading: ReadingSet, raw: dict[str, object]) -> None:
        """A question with the window that answers it, and sometimes with another of the same passage as a negative."""
        question = self.question_tokens(str(raw["question"]))
        title = self.ids(str(raw.get("title") or ""))[:MAX_TITLE_TOKENS]
        windows = self.windows_of(str(raw["passage"]))
        if not windows:
            return
        answers = [str(answer) for answer in raw["answers"] if str(answer).strip()]
        if not raw["answerable"]:
            for window in windows if reading.every_window else [self.chance.choice(windows)]:
                self.add(Row(reading.name, question, title, window.number, False))
            return
        if not answers:
            # Yes or no: the passage answers, none of its words do.
            if len(windows) == 1:
                number = windows[0].number
                self.add(Row(reading.name, question, title, number, True, has_span=False, has_sentence=False))
                self.asked.append((reading.mined, raw, number))
            return
        row, others = self.best_window(reading, raw, question, title, windows, answers)
        if row is None:
            return
        self.add(row)
        self.asked.append((reading.mined, raw, row.window))
        if others and self.chance.random() < 0.5:
            self.add(Row(reading.name, question, title, self.chance.choice(others).number, False))

    def best_window(
        self,
        reading: ReadingSet,
        raw: dict[str, object],
        question: list[int],
        title: list[int],
        windows: Sequence[Window],
        answers: Sequence[str],
    ) -> tuple[Row | None, list[Window]]:
        """The row of the window whose answering sentence shares most words with the question; the windows without one.

        Where the set says which sentence that is, it is the window that holds it.
        """
        content, quote = set(words_of(str(raw["question"]))) - STOP_WORDS, str(raw.get("quote") or "")
        best: tuple[tuple[bool, int], Window, int, list[Span]] | None = None
        others = []
        for window in windows:
            spans = {m.span() for a in answers for m in re.finditer(rf"(?<!\w){re.escape(a)}(?!\w)", window.text)}
            by_sentence: defaultdict[int, list[Span]] = defaultdict(list)
            for span in spans:
                for place, (start, end) in enumerate(window.sentence_spans):
                    if start <= span[0] < end:
                        by_sentence[place].append(span)
            if not by_sentence:
                others.append(window)
                continue
            for place, inside in by_sentence.items():
                start, end = window.sentence_spans[place]
                said = window.text[start:end]
                is_quoted = bool(quote) and (said in quote or quote in said)
                rank = (is_quoted, len(content & set(words_of(said))))
                if best is None or rank > best[0]:
                    best = (rank, window, place, inside)
        if best is None:
            return None, others
        _, window, place, inside = best
        starts, ends, sentences = [], [], {place}
        for start, end in inside:
            tokens = [n for n, (a, b) in enumerate(window.offsets) if a < end and b > start]
            if tokens:
                starts.append(tokens[0])
                ends.append(tokens[-1])
            sentences |= {n for n, (a, b) in enumerate(window.sentence_spans) if n > place and a < end and b > start}
        short = all(end - start <= MAX_SPAN_CHARACTERS for start, end in inside)
        if not starts:
            return None, others
        positions = (tuple(starts), tuple(ends), tuple(sorted(sentences)))
        return Row(reading.name, question, title, window.number, True, *positions, has_span=short), others

    def add_mined(self) -> None:
        """For answerable questions the nearest windows by BM25 that do not hold the answer, as a search would bring them."""
        index = bm25s.BM25()
        texts = [window.text for window in self.windows]
        index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
        wanted = [(raw, own) for share, raw, own in self.asked if self.chance.random() < share]
        for begin in range(0, len(wanted), 2_000):
            part = wanted[begin : begin + 2_000]
            queries = bm25s.tokenize([str(raw["question"]) for raw, _ in part], stopwords="en", show_progress=False)
            found, _ = index.retrieve(queries, k=min(NEIGHBOURS_SEARCHED, len(texts)), show_progress=False, n_threads=2)
            for (raw, own), numbers in zip(part, found, strict=True):
                title = self.titles.get(own)
                near = [
                    int(n)
                    for n in numbers
                    if n != own
                    and not (title and self.titles.get(int(n)) == title)
                    and not contains_any(self.windows[int(n)].text, raw["answers"])
                ]
                if near:
                    number = near[0] if self.chance.random() < 0.6 else self.chance.choice(near)
                    question = self.question_tokens(str(raw["question"]))
                    self.add(Row("mined", question, list(self.titles.get(number, ())), number, False))

    def add_claim(self, name: str, raw: dict[str, object]) -> None:
        """A claim takes the question's place, its evidence the passage's; evidence longer than a window is left out."""
        windows = self.windows_of(str(raw["evidence"]))
        if len(windows) == 1:
            claim = self.ids(" ".join(str(raw["claim"]).split()))[:MAX_QUESTION_TOKENS]
            supported = bool(raw["supported"])
            self.add(Row(name, claim, [], windows[0].number, supported, has_span=False, has_sentence=False, task=1))

    def add_corrupted(self) -> None:
        """Sentences in other words or with one fact changed, with up to two sentences of their passage on each side.

        Some of the false ones come with the true sentence, so that not the kind of sentence is learned but the change.
        """
        texts = {
            str(raw["passage"])
            for reading in READING
            if reading.name in CORRUPTED_FROM
            for raw in self.raw_rows(reading)
        }
        texts |= {str(raw["evidence"]) for name in CORRUPTED_FROM_CLAIMS for raw in self.read("claims", name)}
        articles = [
            article for text in self.chance.sample(sorted(texts), len(texts)) if (article := passage_of(text)).sentences
        ]
        for kinds, supported in ((TRUE, True), (CORRUPTED, False)):
            for kind, change in kinds.items():
                most = min(CORRUPTED_EACH[kind], self.limit or CORRUPTED_EACH[kind])
                for claim, text in changed(articles, change, most, self.chance):
                    source, evidence = self.sentence_in_context(claim, text)
                    self.add_claim("corrupted", {"claim": claim, "evidence": evidence, "supported": supported})
                    if not supported and self.chance.random() < PARTNER_SHARE:
                        self.add_claim("corrupted", {"claim": source, "evidence": evidence, "supported": True})

    def sentence_in_context(self, claim: str, text: str) -> tuple[str, str]:
        """The sentence of a passage that a claim was made of, and that with its neighbours."""
        spans, words = sentence_spans(text), set(claim.lower().split())
        place = max(range(len(spans)), key=lambda n: len(words & set(text[slice(*spans[n])].lower().split())))
        before, after = (self.chance.choice((0, 0, 0, 1, 2)) for _ in range(2))
        first, last = spans[max(0, place - before)], spans[min(len(spans) - 1, place + after)]
        return text[slice(*spans[place])], text[first[0] : last[1]]

    def add(self, row: Row) -> None:
        """Keep a row, and which title its window was shown with."""
        self.rows.append(row)
        if row.task == 0:
            self.titles.setdefault(row.window, tuple(row.title))

    def question_tokens(self, question: str) -> list[int]:
        """The question as written or, for a fifth of them, as people type it: without its mark, or keywords alone."""
        question = " ".join(question.split())
        dice = self.chance.random()
        if dice < 0.05:
            kept = [word for word in question.rstrip("?. ").split() if word.lower() not in STOP_WORDS]
            question = " ".join(kept) or question
        elif dice < 0.2:
            question = question.rstrip("?. ")
        return self.ids(question)[:MAX_QUESTION_TOKENS]

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(SURROGATE.sub("\ufffd", text), add_special_tokens=False).ids)

    def windows_of(self, passage: str) -> list[Window]:
        """The passage's windows, made once."""
        if passage not in self.windows_by_passage:
            self.windows_by_passage[passage] = list(self.cut(passage))
        return self.windows_by_passage[passage]

    def cut(self, passage: str) -> Iterator[Window]:
        """Whole sentences, as many as fit."""
        encoding = self.tokenizer.encode(SURROGATE.sub("\ufffd", passage), add_special_tokens=False)
        starts = [start for start, _ in encoding.offsets]
        group: list[tuple[Span, Span]] = []
        position = 0
        for span in sentence_spans(passage):
            first = position
            while position < len(starts) and starts[position] < span[1]:
                position += 1
            if group and position - group[0][1][0] > WINDOW_TOKENS:
                yield from self.window(passage, encoding.ids, encoding.offsets, group)
                group = []
            group.append((span, (first, position)))
        yield from self.window(passage, encoding.ids, encoding.offsets, group)

    def window(
        self, passage: str, ids: Sequence[int], offsets: Sequence[Span], group: Sequence[tuple[Span, Span]]
    ) -> Iterator[Window]:
        if not group:
            return
        begin, first = group[0][0][0], group[0][1][0]
        last = min(group[-1][1][1], first + MAX_WINDOW_TOKENS)
        if last > first:
            ranges = [(min(a, last) - first, min(b, last) - first) for _, (a, b) in group]
            spans = [(a - begin, b - begin) for (a, b), _ in group]
            relative = [(a - begin, b - begin) for a, b in offsets[first:last]]
            text = passage[begin : group[-1][0][1]]
            window = Window(len(self.windows), text, list(ids[first:last]), relative, ranges, spans)
            self.windows.append(window)
            yield window


def read_jsonl(path: Path) -> Iterator[dict[str, object]]:
    """The objects of a gzipped file, one a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def contains_any(text: str, answers: object) -> bool:
    """True if one of the answers occurs in the text, compared by words."""
    words = f" {' '.join(words_of(text))} "
    return any(f" {' '.join(words_of(str(answer)))} " in words for answer in answers if words_of(str(answer)))
