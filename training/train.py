"""Teach the network to read and to verify, alone or from a larger one that was taught before.

    PYTHONPATH=. python training/train.py WORK/rows.npz --start mpnet.safetensors --minutes 90 --keep WORK/teacher
    PYTHONPATH=. python training/train.py WORK/rows.npz --start minilm.safetensors --shape minilm --teacher WORK/teacher \
        --minutes 90 --keep WORK/student

On a GPU, or on CPU cores with bfloat16 arithmetic. Ends by the clock: the learning rate rises over the first 6 % of the
time and falls to zero over the rest. Weights are kept every 20 minutes; the same command with --start KEEP and the
minutes that are left goes on. Seeded; the same seed, threads and machine see the same rows.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rag.models.passage_network import READER_MAX_TOKENS
from training import network as networks
from training.arrays import Batch, PackedRows, batches, epoch
from training.network import MASKED, MINILM, MPNET, Network, Shape
from training.sets import CLAIMS, CORRUPTED_ROWS, MINED_ROWS, READING

SEED = 11
WARM_UP = 0.06
LAYER_DECAY = 0.95
"""Lower layers learn slower by this factor a layer, the new heads HEAD_RATE times faster (Howard and Ruder 2018)."""
HEAD_RATE = 5.0
KEEP_EVERY_SECONDS = 1_200.0
DISTILLED_SHARE = 0.7
"""Of the loss of a network with a teacher; the rest is learned from the rows themselves."""


@dataclass(frozen=True)
class Scores:
    """A network's outputs, masked: starts, ends [rows, length]; choices [rows, sentences + 1], the last is "none"."""

    starts: Tensor
    ends: Tensor
    choices: Tensor
    answers: Tensor
    supported: Tensor

    @classmethod
    def of(cls, token_scores: Tensor, passage_scores: Tensor, batch: Batch) -> "Scores":
        """A sentence's score is the soft maximum of its tokens' evidence."""
        sizes = batch.members.sum(-1)
        evidence = token_scores[:, None, :, 2].masked_fill(~batch.members, MASKED).logsumexp(-1)
        evidence = (evidence - sizes.clamp(min=1).log()).masked_fill(sizes == 0, MASKED)
        return cls(
            token_scores[..., 0].masked_fill(~batch.readable, MASKED),
            token_scores[..., 1].masked_fill(~batch.readable, MASKED),
            torch.cat([evidence, passage_scores[:, :1]], 1),
            passage_scores[:, 1],
            passage_scores[:, 2],
        )

    def verdict(self, batch: Batch) -> Tensor:
        """Log-odds of what the passage output is taught for the row: answers a question, or supports a claim."""
        return torch.where(batch.reads, self.answers, self.supported)


def masked_mean(values: Tensor, included: Tensor) -> Tensor:
    return (values * included).sum() / included.sum().clamp(min=1)


def likelihood_loss(scores: Tensor, right: Tensor, included: Tensor) -> Tensor:
    """Minus the log of the probability of all right ones together, where there is one."""
    missed = scores.logsumexp(-1) - scores.masked_fill(~right, 2 * MASKED).logsumexp(-1)
    return masked_mean(missed, right.any(1) & included)


def row_loss(scores: Scores, batch: Batch) -> Tensor:
    """How far the outputs are from what the rows say."""
    spans, sentences = batch.has_span & batch.reads, batch.has_sentence & batch.reads
    says = functional.binary_cross_entropy_with_logits(scores.verdict(batch), batch.answerable.float())
    span_loss = likelihood_loss(scores.starts, batch.starts, spans) + likelihood_loss(scores.ends, batch.ends, spans)
    return likelihood_loss(scores.choices, batch.sentences, sentences) + span_loss / 2 + says


def distillation_loss(scores: Scores, teacher: Scores, batch: Batch) -> Tensor:
    """How far the outputs are from the teacher's (Hinton et al. 2015), token by token."""

    def divergence(own: Tensor, taught: Tensor) -> Tensor:
        each = functional.kl_div(own.log_softmax(-1), taught.log_softmax(-1), log_target=True, reduction="none")
        return masked_mean(each.clamp(max=50).sum(-1), batch.reads)

    says = functional.binary_cross_entropy_with_logits(scores.verdict(batch), teacher.verdict(batch).sigmoid())
    spans = divergence(scores.starts, teacher.starts) + divergence(scores.ends, teacher.ends)
    return spans + 2 * divergence(scores.choices, teacher.choices) + 2 * says


def parameter_groups(network: Network, rate: float, frozen_layers: int) -> list[dict[str, object]]:
    """Each parameter with its own learning rate. Embeddings are frozen together with the lowest layers."""
    depth, groups = len(network.layers), []
    for name, parameter in network.named_parameters():
        layer = int(name.split(".")[1]) if name.startswith("layers.") else -1
        is_head = "head" in name or "passage_hidden" in name
        if name.startswith("relative") or (frozen_layers and not is_head and layer < frozen_layers):
            parameter.requires_grad_(False)
            continue
        own_rate = rate * (HEAD_RATE if is_head else LAYER_DECAY ** (depth - 1 - layer))
        decay = 0.01 if parameter.dim() > 1 else 0.0
        groups.append({"params": [parameter], "lr": own_rate, "base": own_rate, "weight_decay": decay})
    return groups


def schedule(done: float) -> float:
    """The share of the learning rate at this share of the time."""
    return max(min(done / WARM_UP, 1.0) * max(0.02, 1.0 - done), 1e-3)


def counts_of_an_epoch(own: Mapping[str, int], others: float) -> dict[str, int]:
    """Rows of each set: as sets.py has it, but `own` of these sets and this share of the others."""
    counts = {reading.name: reading.rows for reading in READING} | CLAIMS
    counts |= {"mined": MINED_ROWS, "corrupted": CORRUPTED_ROWS}
    if unknown := sorted(set(own) - set(counts)):
        raise SystemExit(f"There is no set {unknown[0]}: training/sets.py has {', '.join(sorted(counts))}.")
    return {name: own.get(name, round(count * others)) for name, count in counts.items()}


def rows_forever(rows: PackedRows, size: int, counts: Mapping[str, int]) -> Iterator[np.ndarray]:
    """Batches, epoch after epoch; each epoch draws other rows of the large sets."""
    chance = np.random.default_rng(SEED)
    while True:
        yield from batches(rows, epoch(rows, counts, chance), size, chance)


def train(
    network: Network, rows: PackedRows, teacher: Network | None, options: argparse.Namespace, device: str
) -> None:
    """Take steps until the time is over, keeping the weights now and then and at the end."""
    optimizer = torch.optim.AdamW(
        parameter_groups(network, options.rate, options.freeze), betas=(0.9, 0.98), eps=1e-6, fused=True
    )
    network.train()
    counts = counts_of_an_epoch(dict(options.rows_of), options.others)
    began = kept = time.monotonic()
    seen = 0
    for step, numbers in enumerate(rows_forever(rows, options.batch, counts), start=1):
        done = (time.monotonic() - began) / (options.minutes * 60)
        if done >= 1 or (options.steps and step > options.steps):
            break
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * schedule(done)
        batch = rows.batch(numbers, device)
        with torch.autocast(device, dtype=torch.bfloat16):
            token_scores, passage_scores = network(batch.ids, batch.mask, batch.types)
        scores = Scores.of(token_scores, passage_scores, batch)
        loss = row_loss(scores, batch)
        if teacher is not None:
            with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16):
                taught = Scores.of(*teacher(batch.ids, batch.mask, batch.types), batch)
            loss = (1 - DISTILLED_SHARE) * loss + DISTILLED_SHARE * distillation_loss(scores, taught, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += len(numbers)
        if step % options.report == 0:
            rate = seen / (time.monotonic() - began)
            print(f"{done:5.1%}  step {step}  rows {seen:,} ({rate:.0f}/s)  loss {loss.item():.3f}", flush=True)
        if time.monotonic() - kept > KEEP_EVERY_SECONDS:
            networks.save_packed(network, options.keep, "part")
            kept = time.monotonic()
    networks.save_packed(network, options.keep, "part")
    print(f"{seen:,} rows seen; weights in {options.keep}")


def open_network(start: Path, shape: Shape, layers: Sequence[int] = (), dropout: float = 0.1) -> Network:
    """A network from published weights (a file) or kept ones (a folder). layers: only these of the deeper original."""
    weights = networks.load_packed(start, "") if start.is_dir() else networks.published(start)
    if layers:
        shape = Shape(shape.family, len(layers), shape.width)
        whole = weights
        weights = {name: value for name, value in whole.items() if not name.startswith("layers.")}
        for place, layer in enumerate(layers):
            prefix = f"layers.{layer}."
            weights |= {f"layers.{place}.{n.removeprefix(prefix)}": v for n, v in whole.items() if n.startswith(prefix)}
    elif start.is_dir():
        shape = networks.shape_of(weights)
    network = Network(shape, dropout)
    networks.load(network, weights)
    return network


def named_count(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    return name, int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--start", type=Path, required=True, help="published weights, or a folder of kept ones")
    parser.add_argument("--shape", choices=("mpnet", "minilm"), default="mpnet")
    parser.add_argument("--layers", type=int, nargs="*", default=[], help="keep only these layers")
    parser.add_argument("--teacher", type=Path, help="a folder of kept weights to learn from")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--room", type=int, default=READER_MAX_TOKENS, help="tokens of a passage that are shown")
    parser.add_argument("--dropout", type=float, default=0.1, help="0 is a quarter faster on CPU cores")
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument(
        "--freeze", type=int, default=0, help="leave the embeddings and so many lowest layers as they are"
    )
    parser.add_argument(
        "--rows-of", type=named_count, nargs="*", default=[], metavar="SET=ROWS", help="so many rows of a set an epoch"
    )
    parser.add_argument(
        "--others", type=float, default=1.0, help="share of the rows that sets.py has of all other sets"
    )
    parser.add_argument("--steps", type=int, default=0, help="end after so many steps (a trial)")
    parser.add_argument("--report", type=int, default=25)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = MPNET if options.shape == "mpnet" else MINILM
    network = open_network(options.start, shape, options.layers, options.dropout).to(device)
    teacher = open_network(options.teacher, MPNET).to(device).eval() if options.teacher else None
    train(network, PackedRows(options.rows, options.room), teacher, options, device)


if __name__ == "__main__":
    main()
