"""Write a taught network as ONNX with its weights in 8 bits, and say what that cost.

    PYTHONPATH=. python training/export.py WORK/student --output WORK/reader.onnx --method dynamic
    PYTHONPATH=. python training/export.py WORK/student --output WORK/reader.onnx --method blocks --bits 8
    PYTHONPATH=. python training/export.py WORK/teacher --output WORK/verifier.onnx --method gptq --rows WORK/rows.npz

dynamic: weights in 8 bits a channel, activations quantised as they come: fastest, and costs large encoders accuracy.
blocks: weights in blocks of 128 (MatMulNBits), activations as they are: exact to four digits at 8 bits, slower. In 4 bits a zero
point a block pays: the passage outputs correlate with fp32 .989, without it .978; blocks of 64 .990, HQQ .990, too large.
gptq: the same blocks in 4 bits, rounded as training/gptq.py does, on rows that are shown to it; .994. What was unpacked from
4 bits and taught further wants --dithered: to the nearest it falls back to what it was.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from torch import Tensor, nn

from rag.answering.reader import REREAD_TOKENS
from training.arrays import PackedRows
from training.gptq import Rounded, round_network
from training.network import MPNET, Network
from training.train import open_network

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("token_scores", "passage_scores")
COMPARED_ROWS = 160
BLOCK = 128


class Exported(nn.Module):
    """The network with the program's inputs: integers, as rag/models/passage_network.py gives them."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        scores: tuple[Tensor, Tensor] = self.network(input_ids, attention_mask > 0, token_type_ids)
        return scores


def export(network: Network, path: Path) -> None:
    """The graph in fp32; any number of rows and tokens."""
    example = torch.ones(2, 16, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "tokens"} for name in (*INPUTS, "token_scores")} | {"passage_scores": {0: "batch"}}
    torch.onnx.export(
        Exported(network.eval()),
        (example, example, example * 0),
        str(path),
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def quantise(full: Path, small: Path, method: str, bits: int, rounded: Mapping[str, Rounded]) -> None:
    """From the fp32 graph to a smaller one; matrices that are rounded already keep their codes."""
    if method == "dynamic":
        quantize_dynamic(full, small, per_channel=True, reduce_range=False, weight_type=QuantType.QInt8)
        return
    blocks = MatMulNBitsQuantizer(onnx.load(full), block_size=BLOCK, is_symmetric=False, accuracy_level=4, bits=bits)
    blocks.process()
    use_codes(blocks.model.model.graph, rounded)
    onnx.save(blocks.model.model, small.with_suffix(".blocks.onnx"))
    # The word embeddings, and the small layers before the outputs, go to 8 bits a row by the other method.
    quantize_dynamic(
        small.with_suffix(".blocks.onnx"),
        small,
        op_types_to_quantize=["Gather", "MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def use_codes(graph: onnx.GraphProto, rounded: Mapping[str, Rounded]) -> None:
    """Put the codes of rounded matrices in the place of those that the quantiser chose for the same matrices."""
    stored = {one.name: one for one in graph.initializer}
    missing = dict(rounded)
    for node in graph.node:
        # "/network/layers.0/query/MatMul_Q4" is the matrix "layers.0.query".
        found = re.search(r"(layers\.\d+)/(\w+)/MatMul", node.name)
        if node.op_type == "MatMulNBits" and found and (matrix := missing.pop(f"{found[1]}.{found[2]}", None)):
            for name, values in zip(node.input[1:4], matrix.packed(), strict=True):
                shape = tuple(stored[name].dims)
                stored[name].CopyFrom(onnx.numpy_helper.from_array(values.reshape(shape), name))
    if missing:
        raise SystemExit(f"The graph has no {', '.join(sorted(missing)[:3])}: its nodes go by other names.")


def compare(full: Path, small: Path, rows: PackedRows) -> None:
    """How the passage outputs of both agree on rows spread over all sets."""
    numbers = np.linspace(0, len(rows) - 1, COMPARED_ROWS).astype(int)
    outputs = []
    for path in (full, small):
        session = onnxruntime.InferenceSession(str(path))
        found = []
        for at in range(0, len(numbers), 16):
            batch = rows.batch(numbers[at : at + 16])
            inputs = dict(zip(INPUTS, (batch.ids.numpy(), batch.mask.long().numpy(), batch.types.numpy()), strict=True))
            # MPNet has no segment types: its graph has no such input.
            taken = {one.name: inputs[one.name] for one in session.get_inputs()}
            found.append(session.run([OUTPUTS[1]], taken)[0])
        outputs.append(np.concatenate(found))
    for place, name in enumerate(("none", "answers", "supported")):
        correlation = np.corrcoef(outputs[0][:, place], outputs[1][:, place])[0, 1]
        print(
            f"{name:10} correlation {correlation:.4f}  largest difference {np.abs(outputs[0] - outputs[1])[:, place].max():.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path, help="a folder of kept weights")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--method", choices=("dynamic", "blocks", "gptq"), default="dynamic")
    parser.add_argument("--bits", type=int, choices=(4, 8), default=8)
    parser.add_argument("--dithered", action="store_true", help="with gptq: of weights that were in 4 bits before")
    parser.add_argument("--rows", type=Path, help="rows.npz to compare the graphs on")
    options = parser.parse_args()
    full, network = options.output.with_suffix(".fp32.onnx"), open_network(options.network, MPNET)
    export(network, full)
    rounded: dict[str, Rounded] = {}
    source = full
    if options.method == "gptq":
        if options.rows is None or options.bits != 4:
            parser.error("--method gptq rounds to 4 bits (--bits 4) on rows (--rows)")
        rounded = round_network(network, PackedRows(options.rows, REREAD_TOKENS), options.dithered)
        source = options.output.with_suffix(".rounded.onnx")
        export(network, source)
    quantise(source, options.output, options.method, options.bits, rounded)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")
    if options.rows:
        compare(full, options.output, PackedRows(options.rows))


if __name__ == "__main__":
    main()
