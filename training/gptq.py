"""Round the encoder's matrices to 4 bits so that what each layer gives stays as near as can be, not its weights.

GPTQ (Frantar et al. 2023): column after column is rounded, and what that costs is made good in the columns still to come, as
far as the inputs that the layer really sees allow. Each row has a scale and a zero point for every 128 inputs, as MatMulNBits
wants them.

A network that was unpacked from 4 bits and taught further has moved by a twentieth of a step: rounded to the nearest, nearly
every weight would fall back to where it was, and all that was learned with it. `dithered` rounds up or down by chance, by how
near each is (stochastic rounding: Gupta et al. 2015): what is learned is kept on the average, for a little noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.arrays import PackedRows
from training.network import Layer, Network

BLOCK, LEVELS = 128, 15
SEED = 20251129
DAMPING = 0.01
"""Share of the mean curvature that is added to all of it, as in the paper."""
SHRINKS = tuple(1 - step / 40 for step in range(13))
"""Ranges that are tried for a block, as shares of its own: cutting off its outermost weights may pay."""
CALIBRATION_ROWS, BATCH = 192, 16
TOGETHER = (("query", "key", "value"), ("out",), ("up",), ("down",))
"""Matrices of a layer that see the same inputs, in the order in which they are applied."""


@dataclass(frozen=True)
class Rounded:
    """A matrix [outputs, inputs] in 4 bits. codes: uint8 [outputs, inputs]; scales, zeros: [outputs, blocks]."""

    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    zeros: NDArray[np.uint8]

    def packed(self) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
        """Codes, scales and zero points as MatMulNBits holds them: two codes a byte, the first in its lower half."""
        outputs, inputs = self.codes.shape
        blocks = inputs // BLOCK
        codes = self.codes[:, 0::2] | (self.codes[:, 1::2] << 4)
        zeros = np.pad(self.zeros, ((0, 0), (0, blocks % 2)))
        return (
            codes.reshape(outputs, blocks, BLOCK // 2),
            self.scales.reshape(-1),
            (zeros[:, 0::2] | (zeros[:, 1::2] << 4)).reshape(-1),
        )


@torch.no_grad()
def round_network(network: Network, rows: PackedRows, dithered: bool = False) -> dict[str, Rounded]:
    """Round every matrix of the layers, in place, and give the codes by their names ("layers.0.query"). Seeded."""
    torch.manual_seed(SEED)
    network.eval()
    rounded: dict[str, Rounded] = {}
    batches = [rows.batch(numbers) for numbers in calibration(rows)]
    states = [network.norm(network.embed(batch.ids, batch.mask, batch.types)) for batch in batches]
    biases = [network.bias(batch.ids.shape[1], batch.mask) for batch in batches]
    masks = [batch.mask for batch in batches]
    for number, layer in enumerate(network.layers):
        assert isinstance(layer, Layer)
        for names in TOGETHER:
            curvature = curvature_of(layer, names[0], states, biases, masks)
            for name in names:
                rounded[f"layers.{number}.{name}"] = round_matrix(getattr(layer, name), curvature, dithered)
        states = [layer(state, bias) for state, bias in zip(states, biases, strict=True)]
        print(f"layer {number} rounded", flush=True)
    return rounded


def calibration(rows: PackedRows) -> Iterator[NDArray[np.int64]]:
    """Rows spread over all sets, in batches."""
    numbers = np.linspace(0, len(rows) - 1, CALIBRATION_ROWS).astype(np.int64)
    for at in range(0, len(numbers), BATCH):
        yield numbers[at : at + BATCH]


def curvature_of(
    layer: Layer, name: str, states: Sequence[Tensor], biases: Sequence[Tensor], masks: Sequence[Tensor]
) -> Tensor:
    """The mean outer product of what a matrix sees [inputs, inputs], padding left out."""
    seen: list[Tensor] = []
    matrix = getattr(layer, name)
    handle = matrix.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    total, tokens = torch.zeros(matrix.in_features, matrix.in_features), 0
    for state, bias, mask in zip(states, biases, masks, strict=True):
        layer(state, bias)
        inputs = seen.pop()[mask].float()
        total += inputs.T @ inputs
        tokens += len(inputs)
    handle.remove()
    return total / tokens


def round_matrix(matrix: nn.Linear, curvature: Tensor, dithered: bool = False) -> Rounded:
    """Round one matrix in place."""
    weights = matrix.weight.detach().clone().float()
    damped = curvature + torch.eye(len(curvature)) * (DAMPING * curvature.diagonal().mean())
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper = torch.linalg.cholesky(inverse, upper=True)
    outputs, inputs = weights.shape
    codes = torch.zeros(outputs, inputs)
    scales, zeros = torch.zeros(outputs, inputs // BLOCK), torch.zeros(outputs, inputs // BLOCK)
    for block in range(inputs // BLOCK):
        first, last = block * BLOCK, (block + 1) * BLOCK
        scale, zero = best_grid(weights[:, first:last], curvature.diagonal()[first:last])
        scales[:, block], zeros[:, block] = scale, zero
        errors = torch.zeros(outputs, BLOCK)
        for column in range(first, last):
            threshold = torch.rand(outputs) if dithered else 0.5
            code = (weights[:, column] / scale + zero + threshold).floor().clamp(0, LEVELS)
            codes[:, column] = code
            error = (weights[:, column] - (code - zero) * scale) / upper[column, column]
            weights[:, column:last] -= error[:, None] * upper[column, column:last]
            errors[:, column - first] = error
        weights[:, last:] -= errors @ upper[first:last, last:]
    spread_scales, spread_zeros = (one.repeat_interleave(BLOCK, 1) for one in (scales, zeros))
    matrix.weight.copy_((codes - spread_zeros) * spread_scales)
    return Rounded(codes.byte().numpy(), scales.numpy(), zeros.byte().numpy())


def best_grid(weights: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and zero point [outputs] of a block [outputs, 128], of the ranges tried those with the least weighted error."""
    low, high = weights.min(1).values.clamp(max=0), weights.max(1).values.clamp(min=0)
    best = torch.full_like(low, torch.inf)
    scale, zero = torch.ones_like(low), torch.zeros_like(low)
    for shrink in SHRINKS:
        tried = ((high - low) * shrink / LEVELS).clamp(min=1e-8)
        at = (-low * shrink / tried).round().clamp(0, LEVELS)
        codes = (weights / tried[:, None] + at[:, None]).round().clamp(0, LEVELS)
        error = ((weights - (codes - at[:, None]) * tried[:, None]).square() * importance).sum(1)
        better = error < best
        best, scale, zero = (torch.where(better, a, b) for a, b in ((error, best), (tried, scale), (at, zero)))
    return scale, zero
