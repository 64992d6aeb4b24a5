"""A fitted logistic model of named features."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Logistic:
    """P = 1 / (1 + exp(-(bias + weights · features))). A feature without a weight is not looked at."""

    bias: float
    weights: Mapping[str, float]

    def probability(self, features: Mapping[str, float]) -> float:
        """In (0, 1)."""
        return sigmoid(self.bias + sum(weight * features[name] for name, weight in self.weights.items()))


def sigmoid(score: float) -> float:
    """The probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))
