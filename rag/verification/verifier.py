"""What the large network says of a claim and a quote: one log-odds.

It understands other wording and denials, and overlooks numbers and names in another's place; so it has a veto and a vote beside
the words, and code has the last word on facts.
"""

from collections.abc import Sequence

from rag.models.passage_network import PassageNetwork, ReaderPassage, encode

SUPPORTED = 2
"""The place of "supported" among the network's scores of a passage."""
DENIES = -2.5
"""Log-odds below which the quote says otherwise, whatever their words have in common."""
AFFIRMS = 1.5
"""Log-odds from which the quote says it in other words. Both measured by benchmarks/measure_proof.py: docs/quality.md."""


class Verifier:
    """Judges claims against quotes with one network. The same inputs together give the same numbers."""

    def __init__(self, network: PassageNetwork) -> None:
        self.network = network

    def log_odds(self, claim: str, quotes: Sequence[str]) -> list[float]:
        """That each quote supports the claim, in the order given."""
        tokenizer = self.network.tokenizer
        read = [encode(tokenizer, claim, ReaderPassage(quote.strip(), "", ())) for quote in quotes]
        return [float(scores.passage[SUPPORTED]) for scores in self.network.run(read)]

    def denies(self, claim: str, quote: str) -> bool:
        """True if the quote says otherwise."""
        return self.log_odds(claim, [quote])[0] < DENIES

    def affirmed(self, claim: str, quotes: Sequence[str]) -> int | None:
        """The place of the quote that says the claim most surely in other words; None where none does."""
        scores = self.log_odds(claim, quotes)
        best = max(range(len(scores)), key=scores.__getitem__, default=None)
        return best if best is not None and scores[best] >= AFFIRMS else None
