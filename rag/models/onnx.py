"""How this program runs a network: onnxruntime on the CPU, sparing in threads and memory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray


def open_session(
    model: Path | bytes, threads: int, weights: "Mapping[str, NDArray[Any]] | None" = None
) -> "onnxruntime.InferenceSession":
    """A session for a model in a file or in memory. weights: those that lie outside of it, by name."""
    # Imported without this, onnxruntime 1.32 makes an id for the machine in the user's folder and reports to its vendor.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Memory would otherwise grow to the largest batch ever seen, and stay.
    options.enable_cpu_mem_arena = False
    # Idle threads would spin waiting for the next batch and keep the cores from whatever else
    # wants them: Chroma's search right after an embedding, or another program (docs/quality.md has the times).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        options.add_external_initializers(list(weights), values)
    given = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
