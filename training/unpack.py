"""Turn the shipped large network back into weights that training goes on from: `export.py --method gptq` backwards.

    PYTHONPATH=. python training/unpack.py rag/data/verifier.onnx --keep WORK/verifier

Its matrices are those that the 4 and 8 bits stand for, so that the network computes what the graph does but for the
rounding of activations. The small network's weights before rounding are kept by train.py.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from training.network import MPNET, Network, load, save_packed

PREFIX = "network."


def weights_of(graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Every weight by its name in `Network`."""
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    found: dict[str, NDArray[np.generic]] = {}
    for name, value in stored.items():
        if name.startswith(PREFIX) and name.endswith((".weight", ".bias")):
            found[name] = value
        elif name.endswith("_quantized"):
            base = name.removesuffix("_quantized")
            scale, zero = stored[f"{base}_scale"], stored[f"{base}_zero_point"]
            whole = (value.astype(np.float32) - zero) * scale
            found[base.removesuffix("_Transposed")] = whole.T if base.endswith("_Transposed") else whole
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            place = re.sub(r"/MatMul\w*$", "", node.name).strip("/").replace("/", ".")
            found[f"{place}.weight"] = unpacked(*(stored[name] for name in node.input[1:4]))
    return {
        name.removeprefix(PREFIX): torch.from_numpy(np.array(value, np.float32, order="C"))
        for name, value in found.items()
    }


def unpacked(codes: NDArray[np.uint8], scales: NDArray[np.float32], zeros: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The matrix [outputs, inputs] that MatMulNBits holds in 4 bits: two codes a byte, the first in its lower half."""
    outputs, blocks, _ = codes.shape
    nibbles = np.stack((codes & 15, codes >> 4), -1).reshape(outputs, blocks, -1).astype(np.float32)
    packed = zeros.reshape(outputs, -1)
    each = np.stack((packed & 15, packed >> 4), -1).reshape(outputs, -1)[:, :blocks]
    whole: NDArray[np.float32] = (nibbles - each[..., None]) * scales.reshape(outputs, blocks, 1)
    return whole.reshape(outputs, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    options = parser.parse_args()
    network = Network(MPNET)
    weights = weights_of(onnx.load(options.graph).graph)
    if missing := sorted(set(network.state_dict()) - set(weights)):
        raise SystemExit(f"The graph has no {', '.join(missing[:3])}: it was exported otherwise.")
    load(network, weights)
    save_packed(network, options.keep, "part")


if __name__ == "__main__":
    main()
