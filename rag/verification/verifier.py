"""What the networks say of a claim and a quote: the probability that the quote says it.

Two things are asked, which know different things: the large network whether the quote supports the claim (it understands other
wording and denials, and overlooks names and numbers in another's place), both whether the claim's names, numbers and
things are where the passage puts them (cloze.py). Two logistic models join them: one for claims in the quote's words,
where a name in another's place is the danger, one for claims in other words. Code has the last word on facts.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from rag.logistic import Logistic
from rag.models.passage_network import PassageNetwork, ReaderPassage, encode
from rag.verification.cloze import PERFECT, Placement, placement
from rag.verification.parsed_text import ParsedText

SUPPORTED = 2
"""The place of "supported" among the large network's scores of a passage."""
CLOSE, FREE = "close", "free"
"""The wording of a claim: its quote's, but for a few words, or its own."""
LEAST_SUPPORT = -1.0
"""Log-odds of support below which no placement makes up for it, in other words than its quote's: docs/experiments.md."""
FULL_NAME = re.compile(r"\b(?:[A-Z][\w’'-]+ )+([A-Z][\w’'-]+)")


@dataclass(frozen=True, slots=True)
class SupportModel:
    """P(supported), and from which one a claim is shown."""

    supported: Logistic
    threshold: float

    def surplus(self, support: float, placement: Placement) -> float:
        """By how much P(supported) exceeds the threshold."""
        return self.supported.probability(features_of(support, placement)) - self.threshold


def features_of(support: float, placement: Placement) -> dict[str, float]:
    """What the logistic models join, by name."""
    return {"support": support, "subject": placement.subject, "elsewhere": placement.elsewhere}


@lru_cache(maxsize=1)
def shipped_models() -> Mapping[str, SupportModel]:
    """For each wording, as rag/data/support.json has them, fitted by training/fit_support.py."""
    fields = json.loads(files("rag.data").joinpath("support.json").read_text("utf-8"))
    return {
        wording: SupportModel(
            Logistic(fields[wording]["bias"], fields[wording]["weights"]), fields[wording]["threshold"]
        )
        for wording in (CLOSE, FREE)
    }


class Verifier:
    """Judges claims against quotes. The same inputs give the same numbers."""

    def __init__(self, large: PassageNetwork, small: PassageNetwork) -> None:
        self.large, self.small = large, small

    def support(self, claim: str, quote: str) -> float:
        """Log-odds that the quote supports the claim, by the large network alone."""
        encoded = encode(self.large.tokenizer, claim, ReaderPassage(quote.strip(), "", ()))
        return float(self.large.scores(encoded).passage[SUPPORTED])

    def features(self, claim: ParsedText, quote: str, context: str) -> dict[str, float]:
        """What the model joins. context: the quote with the sentences around it, where others may stand in its place."""
        quote, context = spelled_out(quote, context), spelled_out(context, context)
        return features_of(self.support(claim.text, quote), self.placement(claim, context))

    def placement(self, claim: ParsedText, context: str) -> Placement:
        return placement((self.small, self.large), claim, context)

    def surplus(self, claim: ParsedText, quote: str, context: str, wording: str) -> float:
        """By how much the probability that the quote says the claim exceeds what this wording needs; below 0 it is not shown.

        Where no placement could make up for the support, it is not asked for: the value is then too high, and below 0 still.
        """
        model = shipped_models()[wording]
        support = self.support(claim.text, spelled_out(quote, context))
        if wording == FREE and support < LEAST_SUPPORT:
            return -model.threshold
        at_best = model.surplus(support, PERFECT)
        if at_best < 0:
            return at_best
        return model.surplus(support, self.placement(claim, spelled_out(context, context)))


def spelled_out(text: str, context: str) -> str:
    """The text with "the court" as "the International Criminal Court" where the context has one such name: the networks take
    them for two."""
    names: dict[str, set[str]] = {}
    for found in FULL_NAME.finditer(context):
        names.setdefault(found[1].lower(), set()).add(found[0])

    def name_of(described: re.Match[str]) -> str:
        known = names.get(described[2], set())
        return f"{described[1]} {next(iter(known))}" if len(known) == 1 else described[0]

    return re.sub(r"\b([Tt]he) (\w+)\b", name_of, text)
