"""Questions of a case set as hasty people type them, as a case set of its own: one or two slips of the fingers in each.

    python benchmarks/make_typos.py tests/cases/cases.jsonl > typos.jsonl
    dateline evaluate typos.jsonl --corpus tests/cases/newsroom.jsonl --corpus seeds

Always the same ones. A slip leaves a letter out, doubles it, swaps it with the next one or hits the key beside it, within a
word of at least four letters and not at its first. With --as-typed the same questions come without slips.
"""

import json
import random
import re
import sys
from pathlib import Path

QUESTIONS = 60
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
BESIDE = {
    key: row[max(place - 1, 0) : place] + row[place + 1 : place + 2] for row in KEYS for place, key in enumerate(row)
}
TYPED = re.compile(r"[A-Za-z]{4,}")


def slip(word: str, chance: random.Random) -> str:
    """The word with one letter mistyped."""
    place = chance.randrange(1, len(word))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    kind = chance.choice(("left out", "doubled", "swapped", "key beside"))
    if kind == "left out":
        return before + after
    if kind == "swapped" and after:
        return before + after[0] + letter + after[1:]
    if kind == "key beside" and letter in BESIDE:
        return before + chance.choice(BESIDE[letter]) + after
    return before + letter + letter + after


def mistyped(question: str, chance: random.Random) -> str:
    """The question with slips in one word of it, or in two where it has four that are long enough."""
    words = list(TYPED.finditer(question))
    for match in sorted(chance.sample(words, 2 if len(words) >= 4 else 1), key=lambda match: -match.start()):
        question = question[: match.start()] + slip(match[0], chance) + question[match.end() :]
    return question


def main(path: Path, as_typed: bool) -> None:
    """Print the cases."""
    cases = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    # Follow-ups have little to mistype, and other languages are not corrected.
    plain = [
        case
        for case in cases
        if case["expect"] == "answer"
        and not case["history"]
        and "other-language" not in case["tags"]
        and TYPED.search(case["question"])
    ]
    chance = random.Random(16)
    for case in chance.sample(plain, QUESTIONS):
        typed = mistyped(case["question"], chance)
        print(json.dumps(case | {"question": case["question"] if as_typed else typed}, ensure_ascii=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--as-typed" in sys.argv)
