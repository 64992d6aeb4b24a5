"""Train rag/data/reader.onnx: a small encoder becomes a reader with span, sentence and no-answer outputs.

    python training/train_reader.py --data FOLDER --encoder model.safetensors --output FOLDER

Needs torch, safetensors, onnx and onnxruntime besides the program's own dependencies; see training/README.md.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from rag.answering.reader import READER_MAX_TOKENS, Encoded, encode, network_inputs
from rag.models.wordpiece import bert_tokenizer
from training.reader_data import SETS, Exercise, one_epoch, questions_of, without_title

WIDTH, HEADS, LAYERS = 384, 12, 6
MASKED = -1e4


class Layer(nn.Module):
    """One transformer layer, as in BERT."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm_attention, self.norm_output = (nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        batch, length = states.shape[0], states.shape[1]
        query, key, value = (
            part(states).view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) / math.sqrt(WIDTH // HEADS) + bias).softmax(-1)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        states = self.norm_attention(states + self.dropout(self.out(mixed)))
        return self.norm_output(states + self.dropout(self.down(nn.functional.gelu(self.up(states)))))


class Network(nn.Module):
    """The encoder and its heads: [batch, tokens, 3] start, end, evidence; [batch, 2] no-answer score, answerable."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.words, self.places, self.types = (
            nn.Embedding(30522, WIDTH),
            nn.Embedding(512, WIDTH),
            nn.Embedding(2, WIDTH),
        )
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(LAYERS))
        self.dropout = nn.Dropout(dropout)
        self.token_head = nn.Linear(WIDTH, 3)
        self.passage_hidden, self.passage_head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.dropout(self.norm(self.words(input_ids) + self.places(places) + self.types(token_type_ids)))
        bias = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * MASKED
        for layer in self.layers:
            states = layer(states, bias)
        summary = torch.tanh(self.passage_hidden(states[:, 0]))
        return self.token_head(self.dropout(states)), self.passage_head(self.dropout(summary))


def load_encoder(network: Network, path: Path) -> None:
    """Copy the weights of a BERT-like encoder in Hugging Face's naming."""
    weights = load_file(path)
    names = {"words": "word_embeddings", "places": "position_embeddings", "types": "token_type_embeddings"}
    renamed = {f"{ours}.weight": weights[f"embeddings.{theirs}.weight"] for ours, theirs in names.items()}
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "norm_attention": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm_output": "output.LayerNorm",
    }
    for kind in ("weight", "bias"):
        renamed[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for layer in range(LAYERS):
            for ours, theirs in parts.items():
                renamed[f"layers.{layer}.{ours}.{kind}"] = weights[f"encoder.layer.{layer}.{theirs}.{kind}"]
    missing, unexpected = network.load_state_dict(renamed, strict=False)
    if unexpected or any("head" not in name and "passage_hidden" not in name for name in missing):
        raise SystemExit(f"{path} is not the expected encoder: missing {missing}, unexpected {unexpected}.")


def average(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of networks that share a start ("model soup", Wortsman et al. 2022, arXiv 2203.05482)."""
    networks = [torch.load(path, weights_only=True) for path in paths]
    return {name: torch.stack([network[name] for network in networks]).mean(0) for name in networks[0]}


@dataclass(frozen=True)
class Lesson:
    """An exercise in tokens: positions of answer starts and ends (0, the [CLS], when none answers)."""

    encoded: Encoded
    starts: list[int]
    ends: list[int]
    sentences: tuple[int, ...]


def lesson_of(exercise: Exercise, tokenizer: Tokenizer) -> Lesson | None:
    """None when truncation cut the answer off."""
    encoded = encode(tokenizer, exercise.question, exercise.passage)
    if not exercise.sentences:
        return Lesson(encoded, [0], [0], ())
    first = encoded.passage_start
    starts, ends = [], []
    for start, end in exercise.spans:
        inside = [place for place, (left, right) in enumerate(encoded.offsets) if left < end and right > start]
        if inside and encoded.offsets[inside[-1]][1] >= end:
            starts.append(first + inside[0])
            ends.append(first + inside[-1])
    kept = tuple(place for place in exercise.sentences if len(set(encoded.sentence_tokens[place])) == 2)
    return Lesson(encoded, starts, ends, kept) if starts and kept else None


def loss_of(network: Network, lessons: Sequence[Lesson]) -> Tensor:
    """Span (start and end among the passage's tokens and [CLS]), sentence (among the sentences and "none") and
    answerable, each a marginal log-likelihood over all that is right."""
    inputs = {
        name: torch.from_numpy(values) for name, values in network_inputs([one.encoded for one in lessons]).items()
    }
    with torch.autocast("cpu", dtype=torch.bfloat16):
        token_scores, passage_scores = network(**inputs)
    token_scores, passage_scores = token_scores.float(), passage_scores.float()
    count, length = token_scores.shape[0], token_scores.shape[1]
    most = max(len(one.encoded.sentence_tokens) for one in lessons)
    readable = torch.zeros(count, length, dtype=torch.bool)
    right_starts, right_ends = readable.clone(), readable.clone()
    members = torch.zeros(count, most, length, dtype=torch.bool)
    right = torch.zeros(count, most + 1, dtype=torch.bool)
    for row, one in enumerate(lessons):
        first = one.encoded.passage_start
        readable[row, 0] = True
        readable[row, first : first + len(one.encoded.offsets)] = True
        right_starts[row, one.starts] = True
        right_ends[row, one.ends] = True
        right[row, list(one.sentences) or [most]] = True
        for place, (begin, end) in enumerate(one.encoded.sentence_tokens):
            members[row, place, first + begin : first + end] = True
    sizes = members.sum(-1)
    evidence = token_scores[:, None, :, 2].masked_fill(~members, MASKED).logsumexp(-1) - sizes.clamp(min=1).log()
    evidence = evidence.masked_fill(sizes == 0, MASKED)
    choices = torch.cat([evidence, passage_scores[:, :1]], dim=1)

    def missed(scores: Tensor, allowed: Tensor | None, correct: Tensor) -> Tensor:
        scores = scores if allowed is None else scores.masked_fill(~allowed, MASKED)
        return (scores.logsumexp(-1) - scores.masked_fill(~correct, MASKED).logsumexp(-1)).mean()

    span = missed(token_scores[..., 0], readable, right_starts) + missed(token_scores[..., 1], readable, right_ends)
    answers = (~right[:, most]).float()
    answerable = nn.functional.binary_cross_entropy_with_logits(passage_scores[:, 1], answers)
    return missed(choices, None, right) + span / 2 + answerable


def batches(lessons: Sequence[Lesson], size: int, chance: random.Random) -> Iterator[list[Lesson]]:
    """Batches of like length, in random order."""
    window = size * 24
    groups = []
    for begin in range(0, len(lessons), window):
        ordered = sorted(lessons[begin : begin + window], key=lambda one: len(one.encoded.ids))
        groups += [ordered[first : first + size] for first in range(0, len(ordered), size)]
    chance.shuffle(groups)
    yield from groups


def optimizer_of(network: Network, rate: float, decay: float) -> torch.optim.Optimizer:
    """Lower layers learn more slowly, by `decay` a layer; word embeddings stay as they are; new heads learn faster."""
    network.words.weight.requires_grad_(False)
    groups: list[dict[str, object]] = []
    for name, weight in network.named_parameters():
        if not weight.requires_grad:
            continue
        if name.startswith("layers."):
            own = rate * decay ** (LAYERS - 1 - int(name.split(".")[1]))
        else:
            own = rate * 5 if "head" in name or "passage_hidden" in name else rate * decay**LAYERS
        groups.append({"params": [weight], "lr": own, "weight_decay": 0.01 if weight.dim() > 1 else 0.0})
    return torch.optim.AdamW(groups)


def train(network: Network, tokenizer: Tokenizer, options: argparse.Namespace) -> None:
    """Prints the loss and the time as it goes; saves network.pt after every epoch."""
    chance = random.Random(options.seed)
    questions = [q for name in SETS for q in questions_of(name, options.data / name, tokenizer)]
    chance.shuffle(questions)
    questions = questions[: options.limit]
    epochs = []
    for _ in range(options.epochs):
        exercises = one_epoch(questions, chance, options.other_rate, options.altered_rate)
        exercises = [without_title(one) if chance.random() < 0.1 else one for one in exercises]
        epochs.append([lesson for one in exercises if (lesson := lesson_of(one, tokenizer))])
    steps = sum(math.ceil(len(lessons) / options.batch) for lessons in epochs)
    print(f"{len(questions)} questions, {[len(lessons) for lessons in epochs]} exercises, {steps} steps", flush=True)
    optimizer = optimizer_of(network, options.rate, options.layer_decay)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm + 1)))
    )
    began, done, running = time.monotonic(), 0, 0.0
    for epoch, lessons in enumerate(epochs, 1):
        network.train()
        for batch in batches(lessons, options.batch, chance):
            loss = loss_of(network, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            running = 0.98 * running + 0.02 * loss.item()
            if done % 50 == 0:
                mean = running / (1 - 0.98**done)
                print(f"epoch {epoch} step {done}/{steps} loss {mean:.3f} {time.monotonic() - began:.0f} s", flush=True)
        torch.save(network.state_dict(), options.output / "network.pt")


def export(network: Network, output: Path) -> Path:
    """Write reader-fp32.onnx and from it reader.onnx, with weights and word embeddings in 8 bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    network.eval()
    example = torch.ones(2, 16, dtype=torch.int64)
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    outputs = ["token_scores", "passage_scores"]
    axes = {name: {0: "batch", 1: "tokens"} for name in [*inputs, "token_scores"]} | {"passage_scores": {0: "batch"}}
    full, small = output / "reader-fp32.onnx", output / "reader.onnx"
    torch.onnx.export(
        network,
        (example, example, example * 0),
        str(full),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(full, small, per_channel=True, reduce_range=False, weight_type=QuantType.QInt8)
    return small


def main() -> None:
    """Train, then export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with squad2/, clapnq/ and multihop_rag/")
    parser.add_argument("--encoder", type=Path, required=True, help="model.safetensors of all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, required=True, help="folder for network.pt and reader.onnx")
    parser.add_argument("--start", type=Path, nargs="+", help="network.pt of earlier runs: go on from their mean")
    parser.add_argument("--epochs", type=int, default=3, help="0: only average and export")
    parser.add_argument("--limit", type=int, default=None, help="use only so many questions")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--layer-decay", type=float, default=0.9)
    parser.add_argument("--other-rate", type=float, default=0.35, help="chance of a passage found for the question")
    parser.add_argument("--altered-rate", type=float, default=0.0, help="chance of an altered question")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = bert_tokenizer()
    network = Network()
    if options.start:
        network.load_state_dict(average(options.start))
    else:
        load_encoder(network, options.encoder)
    if options.epochs:
        train(network, tokenizer, options)
    small = export(network, options.output)
    print(f"{small}: {small.stat().st_size / 1e6:.1f} MB; inputs of at most {READER_MAX_TOKENS} tokens")


if __name__ == "__main__":
    main()
