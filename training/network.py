"""The network that reads and verifies: an encoder with outputs for every token and for the passage.

Two families of encoders: BERT's (MiniLM) and MPNet's (Song et al. 2020), which has position biases in place of segment
types. Their vocabularies are the same word pieces: MPNet's numbers are four higher, but for the special tokens.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from rag.models.passage_network import CLS, SEP

UNKNOWN = 100
MASKED = -1e4
BUCKETS, MAX_DISTANCE = 32, 128
"""Of MPNet's relative positions (as in T5, Raffel et al. 2020, appendix)."""
PART_ELEMENTS = 15_000_000


@dataclass(frozen=True)
class Shape:
    """What an encoder looks like."""

    family: str
    layers: int
    width: int
    heads: int = 12

    @property
    def epsilon(self) -> float:
        return 1e-5 if self.family == "mpnet" else 1e-12


MINILM = Shape("bert", 6, 384)
MPNET = Shape("mpnet", 12, 768)


class Layer(nn.Module):
    """One transformer layer, as in BERT."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        width, self.heads = shape.width, shape.heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm_attention, self.norm_output = (nn.LayerNorm(width, eps=shape.epsilon) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        rows, length, width = states.shape
        query, key, value = (
            part(states).view(rows, length, self.heads, width // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        states = self.norm_attention(
            states + self.dropout(self.out(mixed.transpose(1, 2).reshape(rows, length, width)))
        )
        return self.norm_output(states + self.dropout(self.down(functional.gelu(self.up(states)))))


class Network(nn.Module):
    """token_scores [rows, length, 3]: start, end, evidence. passage_scores [rows, 3]: none, answers, supported."""

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        mpnet = shape.family == "mpnet"
        self.words = nn.Embedding(30_527 if mpnet else 30_522, shape.width)
        self.places = nn.Embedding(514 if mpnet else 512, shape.width)
        self.types = None if mpnet else nn.Embedding(2, shape.width)
        self.relative = nn.Embedding(BUCKETS, shape.heads) if mpnet else None
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))
        self.dropout = nn.Dropout(dropout)
        self.token_head = nn.Linear(shape.width, 3)
        self.passage_hidden, self.passage_head = nn.Linear(shape.width, shape.width), nn.Linear(shape.width, 3)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        states = self.dropout(self.norm(self.embed(ids, mask, types)))
        bias = self.bias(ids.shape[1], mask)
        for layer in self.layers:
            states = layer(states, bias)
        summary = torch.tanh(self.passage_hidden(states[:, 0]))
        return self.token_head(self.dropout(states)).float(), self.passage_head(self.dropout(summary)).float()

    def embed(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        if self.types is not None:
            places = torch.arange(ids.shape[1], device=ids.device)
            return self.words(ids) + self.places(places) + self.types(types)
        words = ids + 4
        for theirs, special in ((0, CLS), (2, SEP), (3, UNKNOWN)):
            words = torch.where(ids == special, theirs, words)
        words = torch.where(mask, words, 1)
        # MPNet counts places from 2 and gives padding place 1.
        places = torch.cumsum(mask.long(), 1) * mask + 1
        return self.words(words) + self.places(places)

    def bias(self, length: int, mask: Tensor) -> Tensor:
        """What is added to the attention of [rows, heads, length, length]: masked positions, and MPNet's distances."""
        masked = ((~mask)[:, None, None, :] * MASKED).to(self.token_head.weight.dtype)
        if self.relative is None:
            return masked.expand(-1, self.shape.heads, length, -1)
        places = torch.arange(length, device=mask.device)
        distance = places[:, None] - places[None, :]
        half, exact = BUCKETS // 2, BUCKETS // 4
        size = distance.abs()
        scaled = torch.log(size.clamp(min=1).float() / exact) / math.log(MAX_DISTANCE / exact) * (half - exact)
        bucket = torch.where(size < exact, size, (exact + scaled.long()).clamp(max=half - 1)) + (distance < 0) * half
        return self.relative(bucket).permute(2, 0, 1)[None] + masked


HUGGING_FACE = (
    (r"^(?:bert|mpnet)\.", ""),
    (r"^embeddings\.word_embeddings", "words"),
    (r"^embeddings\.position_embeddings", "places"),
    (r"^embeddings\.token_type_embeddings", "types"),
    (r"^embeddings\.LayerNorm", "norm"),
    (r"^encoder\.relative_attention_bias", "relative"),
    (r"^encoder\.layer\.", "layers."),
    (r"attention\.attn\.q\b|attention\.self\.query", "query"),
    (r"attention\.attn\.k\b|attention\.self\.key", "key"),
    (r"attention\.attn\.v\b|attention\.self\.value", "value"),
    (r"attention\.attn\.o\b|attention\.output\.dense", "out"),
    (r"attention\.(?:output\.)?LayerNorm", "norm_attention"),
    (r"intermediate\.dense", "up"),
    (r"output\.dense", "down"),
    (r"output\.LayerNorm", "norm_output"),
)
"""From Hugging Face's names of BERT's and MPNet's weights to ours, in this order."""


def published(path: Path) -> dict[str, Tensor]:
    """The weights of an encoder as it was published (model.safetensors)."""
    weights = {}
    for name, value in load_file(path).items():
        for pattern, ours in HUGGING_FACE:
            name = re.sub(pattern, ours, name)
        weights[name] = value.float()
    return weights


def shape_of(weights: Mapping[str, Tensor]) -> Shape:
    """What the encoder of kept weights looks like: only BERT's family has segment types."""
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    return Shape("bert" if "types.weight" in weights else "mpnet", layers, weights["words.weight"].shape[1])


def load(network: Network, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into the network. Heads may be missing (an encoder alone); anything else is an error."""
    known = network.state_dict()
    # The published student was never taught the last passage output: it begins at zero.
    taught = {
        name: functional.pad(value, (0, 0) * (value.dim() - 1) + (0, len(known[name]) - len(value)))
        if name.startswith("passage_head")
        else value
        for name, value in weights.items()
        if name in known
    }
    missing, _ = network.load_state_dict(taught, strict=False)
    foreign = [name for name in missing if "head" not in name and "passage_hidden" not in name]
    if foreign:
        raise SystemExit(f"These weights are of another encoder: {foreign[:3]} are missing.")


def save_packed(network: Network, folder: Path, stem: str) -> None:
    """Write the weights with their matrices' rows in 8 bits, in files of some 15 MB: small enough to carry around."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, np.ndarray]] = [{}]
    size = 0
    for name, tensor in network.state_dict().items():
        value = tensor.float().cpu().numpy()
        pieces = np.array_split(value, 8) if value.ndim == 2 and value.size > 4_000_000 else [value]
        for number, piece in enumerate(pieces):
            key = f"{name}#{number}" if len(pieces) > 1 else name
            if size + piece.size > PART_ELEMENTS:
                parts.append({})
                size = 0
            size += piece.size
            if piece.ndim == 2 and piece.size > 100_000:
                scale = np.maximum(np.abs(piece).max(1, keepdims=True), 1e-12) / 127
                parts[-1][f"{key}|q"], parts[-1][f"{key}|s"] = np.round(piece / scale).astype(np.int8), scale
            else:
                parts[-1][f"{key}|f"] = piece
    for number, part in enumerate(parts):
        np.savez(folder / f"{stem}{number}.npz", **part)


SHORT_NAMES = {"q": "query", "k": "key", "v": "value", "o": "out", "n1": "norm_attention", "n2": "norm_output"}


def load_packed(folder: Path, stem: str) -> dict[str, Tensor]:
    """The weights that `save_packed` wrote, {} when there are none."""
    whole: dict[str, dict[int, np.ndarray]] = {}
    for path in sorted(folder.glob(f"{stem}*.npz")):
        with np.load(path) as part:
            for key in part.files:
                name, kind = key.rsplit("|", 1)
                if kind == "s":
                    continue
                value = part[key].astype(np.float32) * (part[f"{name}|s"] if kind == "q" else 1.0)
                name, _, number = name.partition("#")
                name = re.sub(r"^(layers\.\d+\.)(\w+)", lambda m: m[1] + SHORT_NAMES.get(m[2], m[2]), name)
                whole.setdefault(name, {})[int(number or 0)] = value
    return {n: torch.from_numpy(np.concatenate([p[k] for k in sorted(p)])) for n, p in whole.items()}
