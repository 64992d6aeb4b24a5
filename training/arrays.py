"""Rows as flat arrays in one file, and batches of them as padded tensors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag.models.passage_network import CLS, READER_MAX_TOKENS, SEP
from training.rows import Row, Window

MAX_SENTENCES = 28
"""Sentences of a window that the evidence output is taught on; the rest count as read, never as right."""
LISTS = ("question", "title", "starts", "ends", "sentences")
FLAGS = ("answerable", "has_span", "has_sentence", "task")


@dataclass(frozen=True)
class Batch:
    """Inputs [rows, length] and what is right. The last of `sentences` [rows, MAX_SENTENCES + 1] is "none answers".

    members [rows, MAX_SENTENCES, length]: the tokens of each sentence. readable [rows, length]: where a span may begin
    and end: the passage, and [CLS] for "no span".
    """

    ids: Tensor
    types: Tensor
    mask: Tensor
    readable: Tensor
    members: Tensor
    starts: Tensor
    ends: Tensor
    sentences: Tensor
    answerable: Tensor
    has_span: Tensor
    has_sentence: Tensor
    reads: Tensor


class PackedRows:
    """The rows of one file. Lists are stored flat, each beside the offsets at which its rows begin."""

    def __init__(self, path: Path, room: int = READER_MAX_TOKENS) -> None:
        """room: tokens of a window that are shown, whole sentences around the one that answers or comes nearest."""
        self.room = room
        with np.load(path) as file:
            self.arrays: dict[str, NDArray[np.int64]] = {name: file[name] for name in file.files if name != "names"}
            self.names: list[str] = json.loads(str(file["names"]))
        self.windows = self.arrays["window"]
        lengths = sum(np.diff(self.arrays[f"{name}_offsets"]) for name in ("question", "title"))
        window_lengths = np.minimum(np.diff(self.arrays["tokens_offsets"])[self.windows], room)
        self.lengths = np.minimum(lengths + window_lengths + 4, READER_MAX_TOKENS)

    def __len__(self) -> int:
        return len(self.windows)

    def of_set(self, name: str) -> NDArray[np.int64]:
        """Numbers of the rows of a set."""
        return np.flatnonzero(self.arrays["set"] == self.names.index(name)) if name in self.names else np.array([], int)

    def part(self, name: str, number: int) -> NDArray[np.int64]:
        offsets = self.arrays[f"{name}_offsets"]
        return self.arrays[name][offsets[number] : offsets[number + 1]]

    def shown_sentences(self, number: int, bounds: NDArray[np.int64]) -> tuple[int, int]:
        """Which sentences of its window a row shows, half-open: as many as fit `room` around the one that matters.

        That is the first that answers; where none does, the one that shares most tokens with the question.
        """
        if not len(bounds) or bounds[-1, 1] <= self.room:
            return 0, len(bounds)
        right = self.part("sentences", number)
        if len(right):
            pivot = int(right[0])
        else:
            tokens, asked = self.part("tokens", int(self.windows[number])), self.part("question", number)
            known = np.isin(tokens, asked)
            pivot = int(np.argmax([known[a:b].sum() for a, b in bounds]))
        return around(bounds, pivot, self.room)

    def batch(self, numbers: Sequence[int], device: str = "cpu") -> Batch:
        """These rows, padded to the longest (to a multiple of 8)."""
        rows, length = len(numbers), -(-int(self.lengths[numbers].max()) // 8) * 8
        ids, types = np.zeros((rows, length), np.int64), np.zeros((rows, length), np.int64)
        mask, readable = np.zeros((rows, length), bool), np.zeros((rows, length), bool)
        starts, ends = np.zeros((rows, length), bool), np.zeros((rows, length), bool)
        members = np.zeros((rows, MAX_SENTENCES, length), bool)
        sentences = np.zeros((rows, MAX_SENTENCES + 1), bool)
        for at, number in enumerate(numbers):
            question, title = self.part("question", number), self.part("title", number)
            window = int(self.windows[number])
            bounds = self.part("window_sentences", window).reshape(-1, 2).astype(int)
            skipped, shown = self.shown_sentences(number, bounds)
            cut = int(bounds[skipped, 0]) if len(bounds) else 0
            bounds = bounds[skipped:shown] - cut
            first = len(question) + len(title) + 3
            room = min(READER_MAX_TOKENS - first - 1, self.room, int(bounds[-1, 1]) if len(bounds) else 0)
            tokens = self.part("tokens", window)[cut : cut + room]
            end = first + len(tokens)
            ids[at, : end + 1] = np.concatenate(([CLS], question, [SEP], title, [SEP], tokens, [SEP]))
            types[at, len(question) + 2 : end + 1] = 1
            mask[at, : end + 1] = True
            readable[at, 0] = readable[at, first:end] = True
            for place, (a, b) in enumerate(bounds[:MAX_SENTENCES]):
                members[at, place, first + a : min(first + b, end)] = True
            if self.arrays["answerable"][number]:
                shift = first - cut
                starts[at, [p for p in self.part("starts", number).astype(int) + shift if first <= p < end]] = True
                ends[at, [p for p in self.part("ends", number).astype(int) + shift if first <= p < end]] = True
                right = self.part("sentences", number).astype(int) - skipped
                sentences[at, [p for p in right if 0 <= p < min(shown - skipped, MAX_SENTENCES)]] = True
            else:
                starts[at, 0] = ends[at, 0] = sentences[at, -1] = True
        flags = {name: self.arrays[name][numbers] for name in FLAGS}
        made = (ids, types, mask, readable, members, starts, ends, sentences)
        made += (flags["answerable"] > 0, flags["has_span"] > 0, flags["has_sentence"] > 0, flags["task"] == 0)
        return Batch(*(torch.from_numpy(array).to(device) for array in made))


def around(bounds: NDArray[np.int64], pivot: int, room: int) -> tuple[int, int]:
    """The sentences before and after `pivot`, in turn, that fit `room` tokens together with it, half-open."""
    first, last = pivot, pivot + 1
    while True:
        before = first > 0 and bounds[last - 1, 1] - bounds[first - 1, 0] <= room
        after = last < len(bounds) and bounds[last, 1] - bounds[first, 0] <= room
        if not before and not after:
            return first, last
        # The shorter side grows, so that the sentence stays in the middle.
        if before and (not after or pivot - first <= last - 1 - pivot):
            first -= 1
        else:
            last += 1


def save(path: Path, rows: Sequence[Row], windows: Sequence[Window]) -> None:
    """Write rows and windows in one compressed file."""
    names = list(dict.fromkeys(row.set_name for row in rows))
    arrays: dict[str, NDArray[np.generic]] = {"names": np.array(json.dumps(names))}
    arrays["window"] = np.array([row.window for row in rows], np.int32)
    arrays["set"] = np.array([names.index(row.set_name) for row in rows], np.int8)
    for name in FLAGS:
        arrays[name] = np.array([getattr(row, name) for row in rows], np.int8)
    for name in LISTS:
        arrays[name], arrays[f"{name}_offsets"] = flat([getattr(row, name) for row in rows])
    arrays["tokens"], arrays["tokens_offsets"] = flat([window.tokens for window in windows])
    sentences = [[bound for span in window.sentences for bound in span] for window in windows]
    arrays["window_sentences"], arrays["window_sentences_offsets"] = flat(sentences)
    np.savez_compressed(path, **arrays)


def flat(lists: Sequence[Sequence[int]]) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """All values one after another, and where each list begins."""
    offsets = np.concatenate(([0], np.cumsum([len(values) for values in lists]))).astype(np.int32)
    return np.fromiter((value for values in lists for value in values), np.uint16, int(offsets[-1])), offsets


def epoch(rows: PackedRows, counts: Mapping[str, int], chance: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of the rows of one epoch: as many of each set as `counts` says, drawn anew each time."""
    chosen = []
    for name, count in counts.items():
        numbers = rows.of_set(name)
        chosen.append(chance.choice(numbers, min(count, len(numbers)), replace=False))
    return np.concatenate(chosen)


def batches(
    rows: PackedRows, numbers: NDArray[np.int64], size: int, chance: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """The rows in random batches of like length, so that little is spent on padding."""
    numbers = chance.permutation(numbers)
    groups = []
    for begin in range(0, len(numbers), size * 50):
        part = numbers[begin : begin + size * 50]
        part = part[np.argsort(rows.lengths[part], kind="stable")]
        groups += [part[at : at + size] for at in range(0, len(part), size)]
    for place in chance.permutation(len(groups)):
        yield groups[place]
