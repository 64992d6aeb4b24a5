"""Which words a text must hold for a pattern of rag/data/prompt_injection.toml to match it at all, read off the pattern itself.

    PYTHONPATH=. python training/instruction_words.py

writes rag/data/prompt_injection_words.json; a test holds it to the patterns. Most sentences of news hold none of what most
patterns need, and looking for a word is a hundred times as cheap as looking for a pattern.
"""

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from rag.prompt_injection import BEGIN, CASELESS, NOT_ASCII, Needs, pattern_data, whole_pattern

WORDS_FILE = Path(__file__).parent.parent / "rag" / "data" / "prompt_injection_words.json"
FEWEST_LETTERS = 2
"""A shorter word is in nearly every sentence."""
MOST_CHOICES = 24
"""Of words of which one is needed: the more there are, the more often one is there."""

Step = tuple[object, object]


class RegularExpressions(Protocol):
    """What is used of the standard library's own parser, which it keeps to itself: the program never loads it."""

    def parse(self, pattern: str) -> Sequence[Step]: ...


def needs_of(pattern: str) -> Needs:
    """Groups of words in lower case: whatever the pattern matches holds a word of each group."""
    parser = cast("RegularExpressions", import_module("re._parser"))
    useful = {group for group in needed(parser.parse(pattern)) if is_useful(group)}
    # A group that another one is part of says nothing more.
    least = [group for group in useful if not any(other < group for other in useful)]
    return tuple(tuple(sorted(group)) for group in sorted(least, key=lambda group: (cost(group), sorted(group))))


def is_useful(group: frozenset[str]) -> bool:
    return len(group) <= MOST_CHOICES and all(len(word) >= FEWEST_LETTERS or word == NOT_ASCII for word in group)


def needed(steps: Sequence[Step]) -> Iterator[frozenset[str]]:
    """The groups that a sequence of steps of a pattern needs; what it does not know needs nothing."""
    run = ""
    for step, value in steps:
        name = str(step)
        if name == "LITERAL":
            run += chr(cast("int", value))
        elif name != "AT":
            yield from words_of_run(run)
            run = ""
            yield from needed_by(name, value)
    yield from words_of_run(run)


def needed_by(name: str, value: object) -> Iterator[frozenset[str]]:
    """The same of one step that is no letter."""
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        least, _, repeated = cast("tuple[int, int, Sequence[Step]]", value)
        if least:
            yield from needed(repeated)
    elif name == "SUBPATTERN":
        yield from needed(cast("tuple[object, object, object, Sequence[Step]]", value)[3])
    elif name == "ASSERT":
        # What stands before or behind the match stands in the text as well.
        yield from needed(cast("tuple[int, Sequence[Step]]", value)[1])
    elif name == "BRANCH":
        branches = cast("tuple[object, Sequence[Sequence[Step]]]", value)[1]
        best = [min(filter(is_useful, needed(branch)), key=cost, default=None) for branch in branches]
        if all(group is not None for group in best):
            yield frozenset().union(*(group for group in best if group is not None))


def cost(group: frozenset[str]) -> float:
    """How often a word of the group may be met: the shorter it is, the more often."""
    return sum(2.0 ** -len(word.strip()) for word in group)


def words_of_run(run: str) -> Iterator[frozenset[str]]:
    """Letters in a row: the longest row of ASCII, and that there is something else where there is."""
    plain = "".join(one if one.isascii() else "\n" for one in run.translate(CASELESS).lower()).split("\n")
    if word := max(plain, key=len):
        yield frozenset((word,))
    if len(plain) > 1:
        yield frozenset((NOT_ASCII,))


def all_needs() -> dict[str, list[Needs]]:
    """For each family, what its patterns need, in their order."""
    return {
        name: [needs_of(whole_pattern(pattern.removeprefix(BEGIN))) for pattern in family["patterns"]]
        for name, family in pattern_data()["families"].items()
    }


if __name__ == "__main__":
    lines = (
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(needs) for needs in patterns) + "\n]"
        for name, patterns in all_needs().items()
    )
    WORDS_FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
