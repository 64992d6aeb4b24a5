"""What changed between two texts of one article: sentences that were added and removed. Pure."""

import difflib
from dataclasses import dataclass

from rag.sentences import sentence_spans

MAX_SENTENCES_COMPARED = 2_000
"""Sentences compared in order, a long book chapter; of longer texts only which sentences are in both is looked at."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Sentences in reading order."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


def changed_sentences(before: str, after: str) -> Changes:
    """What a reader of the later text has to know who read the earlier one."""
    old, new = sentences_of(before), sentences_of(after)
    if len(old) > MAX_SENTENCES_COMPARED or len(new) > MAX_SENTENCES_COMPARED:
        in_old, in_new = set(old), set(new)
        return Changes(tuple(s for s in new if s not in in_old), tuple(s for s in old if s not in in_new))
    added: list[str] = []
    removed: list[str] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for operation, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if operation != "equal":
            removed += old[old_start:old_end]
            added += new[new_start:new_end]
    return Changes(tuple(added), tuple(removed))


def sentences_of(text: str) -> list[str]:
    """The sentences, each with single spaces: a line that breaks elsewhere is no change."""
    return [" ".join(text[start:end].split()) for start, end in sentence_spans(text)]
