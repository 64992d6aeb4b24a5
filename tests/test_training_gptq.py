"""Matrices rounded to 4 bits: what the runtime makes of the packed codes, and that rounding by what is seen pays."""

import numpy as np
import pytest

from rag.models.onnx import open_session

torch = pytest.importorskip("torch", reason="training needs torch")
onnx = pytest.importorskip("onnx", reason="training needs onnx")
gptq = pytest.importorskip("training.gptq")

INPUTS, OUTPUTS = 3 * gptq.BLOCK, 64


def matrix_and_inputs() -> tuple[torch.nn.Linear, torch.Tensor]:
    """A matrix, and inputs that depend on each other as a layer's do."""
    chance = torch.Generator().manual_seed(3)
    matrix = torch.nn.Linear(INPUTS, OUTPUTS, bias=False)
    with torch.no_grad():
        matrix.weight.copy_(torch.randn(OUTPUTS, INPUTS, generator=chance))
    mixing = torch.randn(40, INPUTS, generator=chance)
    return matrix, torch.randn(2_000, 40, generator=chance) @ mixing + 0.1 * torch.randn(
        2_000, INPUTS, generator=chance
    )


def test_the_runtime_computes_with_the_rounded_matrix() -> None:
    matrix, seen = matrix_and_inputs()
    with torch.no_grad():
        rounded = gptq.round_matrix(matrix, seen.T @ seen / len(seen))
        expected = matrix(seen[:5]).numpy()
    names = ("codes", "scales", "zeros")
    node = onnx.helper.make_node(
        "MatMulNBits", ["x", *names], ["y"], domain="com.microsoft", K=INPUTS, N=OUTPUTS, bits=4, block_size=gptq.BLOCK
    )
    stored = [onnx.numpy_helper.from_array(values, name) for name, values in zip(names, rounded.packed(), strict=True)]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [5, size])
        for name, size in (("x", INPUTS), ("y", OUTPUTS))
    ]
    graph = onnx.helper.make_graph([node], "matrix", ends[:1], ends[1:], stored)
    versions = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=versions, ir_version=9)
    (computed,) = open_session(model.SerializeToString(), 1).run(None, {"x": seen[:5].numpy()})
    np.testing.assert_allclose(computed, expected, rtol=1e-3, atol=1e-3)


def test_rounding_by_what_is_seen_loses_less_than_rounding_each_weight() -> None:
    matrix, seen = matrix_and_inputs()
    whole = matrix.weight.detach().clone()
    with torch.no_grad():
        gptq.round_matrix(matrix, seen.T @ seen / len(seen))
        plain = torch.empty_like(whole)
        for first in range(0, INPUTS, gptq.BLOCK):
            block = whole[:, first : first + gptq.BLOCK]
            scale, zero = gptq.best_grid(block, torch.ones(gptq.BLOCK))
            codes = (block / scale[:, None] + zero[:, None]).round().clamp(0, gptq.LEVELS)
            plain[:, first : first + gptq.BLOCK] = (codes - zero[:, None]) * scale[:, None]
        exact = seen @ whole.T
        lost, lost_plainly = (((seen @ one.T) - exact).square().mean() for one in (matrix.weight, plain))
    assert lost < 0.5 * lost_plainly


def test_what_a_matrix_has_learned_since_it_was_rounded_is_kept_by_dithering_alone() -> None:
    matrix, seen = matrix_and_inputs()
    curvature = seen.T @ seen / len(seen)
    direction = seen[0].sign() * 0.02
    with torch.no_grad():
        gptq.round_matrix(matrix, curvature)
        before = matrix.weight.clone()
        kept = {}
        for dithered in (False, True):
            torch.manual_seed(gptq.SEED)
            # Each weight moves by a twentieth of a step, all of them so that one input is answered otherwise.
            matrix.weight.copy_(before + direction)
            gptq.round_matrix(matrix, torch.eye(INPUTS), dithered)
            kept[dithered] = float(((matrix.weight - before) @ seen[0]).mean() / (direction @ seen[0]))
    assert kept[False] < 0.1
    assert 0.7 < kept[True] < 1.3
