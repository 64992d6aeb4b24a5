"""What every process gets that reads what strangers wrote: bounds, and nothing that is none of its business."""

import os
import sys
from pathlib import Path

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""All that a child gets of the environment: keys and tokens are none of its business."""


def child_environment() -> dict[str, str]:
    """The environment of a child that finds the modules that this program runs, wherever it was installed or checked out."""
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def bound_memory(most: int) -> None:
    """Let the operating system refuse this process more address space than this, where it can, and core dumps."""
    if sys.platform in ("win32", "darwin") or not most:
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
