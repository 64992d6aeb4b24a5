"""Steps of a benchmark in processes of their own, so that their memory is their own."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent


def run_step(script: Path, step: str, home: Path, *options: str) -> dict[str, float]:
    """What a benchmark prints when it is called for one step."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(script), step, str(home), *options]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def peak_megabytes() -> float:
    """The highest resident memory of this process. Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
