"""How many everyday news sentences are taken for instructions, and how many injected texts are: pass by pass.

    PYTHONPATH=. python benchmarks/measure_instructions.py [ARTICLES.jsonl ...]

With article files, how many of their sentences could not be quoted. To measure earlier patterns, point PYTHONPATH at a
work tree of that commit.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rag.prompt_injection import flagged_by_paragraph, is_instruction
from rag.sentences import sentence_spans

DATA = Path(__file__).parent.parent / "tests" / "data"


def rates(path: Path) -> Iterator[str]:
    """One line a pass: how many lines there are and how many are flagged."""
    name = ""
    counted: dict[str, tuple[int, int]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# "):
            name = line.removeprefix("# ").partition(" pass:")[0] if " pass: " in line else name
        elif line:
            flagged, lines = counted.get(name, (0, 0))
            counted[name] = (flagged + is_instruction(line), lines + 1)
    for name, (flagged, lines) in counted.items():
        yield f"{path.stem:<16} {name:<7} {flagged:>3} of {lines:>3} flagged   {flagged / lines:.3f}"


def unquotable(path: Path) -> str:
    """How many sentences of a file of articles are flagged, alone or with their paragraph."""
    flagged = sentences = 0
    for line in path.read_text("utf-8").splitlines():
        text = json.loads(line)["text"]
        spans = sentence_spans(text)
        ends = [start for start, _ in spans[1:]] + [len(text)]
        found = flagged_by_paragraph([text[start:end] for (start, _), end in zip(spans, ends, strict=True)])
        flagged, sentences = flagged + sum(found), sentences + len(found)
    return f"{path}   {flagged} of {sentences:,} sentences flagged"


if __name__ == "__main__":
    for file in ("news_sentences.txt", "injection_texts.txt"):
        print(*rates(DATA / file), sep="\n")
    for argument in sys.argv[1:]:
        print(unquotable(Path(argument)))
