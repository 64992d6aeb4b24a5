"""How this program runs a network: onnxruntime on the CPU, sparing in threads and memory."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime


BATCH = 8
"""Inputs of one run. Sorted by length, batches of 1-8 are as fast on two cores as larger ones and take far less memory."""


def open_session(model: Path | bytes, threads: int) -> "onnxruntime.InferenceSession":
    """A session for a model in a file or in memory."""
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
    given = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
