"""Rows as flat arrays in one file, and batches of them as padded tensors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag.answering.reader import CLS, READER_MAX_TOKENS, SEP
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

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.arrays: dict[str, NDArray[np.int64]] = {name: file[name] for name in file.files if name != "names"}
            self.names: list[str] = json.loads(str(file["names"]))
        self.windows = self.arrays["window"]
        lengths = sum(np.diff(self.arrays[f"{name}_offsets"]) for name in ("question", "title"))
        window_lengths = np.diff(self.arrays["tokens_offsets"])[self.windows]
        self.lengths = np.minimum(lengths + window_lengths + 4, READER_MAX_TOKENS)

    def __len__(self) -> int:
        return len(self.windows)

    def of_set(self, name: str) -> NDArray[np.int64]:
        """Numbers of the rows of a set."""
        return np.flatnonzero(self.arrays["set"] == self.names.index(name)) if name in self.names else np.array([], int)

    def part(self, name: str, number: int) -> NDArray[np.int64]:
        offsets = self.arrays[f"{name}_offsets"]
        return self.arrays[name][offsets[number] : offsets[number + 1]]

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
            first = len(question) + len(title) + 3
            tokens = self.part("tokens", window)[: READER_MAX_TOKENS - first - 1]
            end = first + len(tokens)
            ids[at, : end + 1] = np.concatenate(([CLS], question, [SEP], title, [SEP], tokens, [SEP]))
            types[at, len(question) + 2 : end + 1] = 1
            mask[at, : end + 1] = True
            readable[at, 0] = readable[at, first:end] = True
            for place, (a, b) in enumerate(self.part("window_sentences", window).reshape(-1, 2)[:MAX_SENTENCES]):
                members[at, place, first + a : min(first + b, end)] = True
            if self.arrays["answerable"][number]:
                starts[at, [p for p in self.part("starts", number) + first if p < end]] = True
                ends[at, [p for p in self.part("ends", number) + first if p < end]] = True
                sentences[at, [p for p in self.part("sentences", number) if p < MAX_SENTENCES]] = True
            else:
                starts[at, 0] = ends[at, 0] = sentences[at, -1] = True
        flags = {name: self.arrays[name][numbers] for name in FLAGS}
        made = (ids, types, mask, readable, members, starts, ends, sentences)
        made += (flags["answerable"] > 0, flags["has_span"] > 0, flags["has_sentence"] > 0, flags["task"] == 0)
        return Batch(*(torch.from_numpy(array).to(device) for array in made))


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
