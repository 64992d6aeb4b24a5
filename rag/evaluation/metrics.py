"""How good one answer is, in numbers: pure functions, each with its definition and source. Set-level ones are below."""

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

Columns = NDArray[np.float64]
"""Scores with one row for each resample and one column for each case; NaN where a case has no such score."""

THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Han, kana, Hangul and Thai write words without spaces: each character counts as a word.
SCORED_WORD = re.compile(r"\d+\.\d+|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
MARKER = re.compile(r"\s*\[\d+\]")
ARTICLES = {"a", "an", "the"}
ENOUGH_OVERLAP = 0.5


def words(text: str) -> list[str]:
    """The words of a text for comparing: case folded, compatible forms unified, punctuation and English articles gone.

    "1,200" is one word, "1200"; "3.5" is one word. SQuAD's normalisation, extended to other punctuation and scripts.
    """
    folded = THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold())
    return [word for word in SCORED_WORD.findall(folded) if word not in ARTICLES]


def contains_alias(text_words: Sequence[str], alias: str) -> bool:
    """Whether the words of `alias` stand in the text next to each other, in order. Without words it never does."""
    sought = words(alias)
    last = len(text_words) - len(sought)
    return bool(sought) and any(list(text_words[at : at + len(sought)]) == sought for at in range(last + 1))


def groups_present(texts: Sequence[str], groups: Sequence[Sequence[str]]) -> bool:
    """Whether one alias of every group appears in one of the texts (short-answer recall as in NQ and TriviaQA)."""
    split = [words(text) for text in texts]
    return all(any(contains_alias(text_words, alias) for text_words in split for alias in group) for group in groups)


def squad_words(text: str) -> list[str]:
    """SQuAD's own normalisation: lower case, ASCII punctuation and a/an/the removed (Rajpurkar et al. 2016)."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return [word for word in kept.split() if word not in ARTICLES]


def exact_match(answer: str, aliases: Sequence[str]) -> float:
    """1 when the answer equals one of the aliases after SQuAD's normalisation, else 0."""
    return float(any(squad_words(answer) == squad_words(alias) for alias in aliases))


def token_f1(answer: str, aliases: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of the answer's words, best over the aliases (SQuAD's rules)."""
    return max((words_f1(squad_words(answer), squad_words(alias)) for alias in aliases), default=0.0)


def words_f1(given: Sequence[str], expected: Sequence[str]) -> float:
    """F1 of two bags of words; 1 when both are empty."""
    if not given or not expected:
        return float(given == expected)
    shared = sum((Counter(given) & Counter(expected)).values())
    return 2 * shared / (len(given) + len(expected))


def without_markers(text: str) -> str:
    return MARKER.sub("", text)


def recall_at(ranking: Sequence[Collection[str]], gold: Collection[str], limit: int) -> float:
    """Share of the gold articles among the first `limit` ranks.

    A rank holds an article and its syndicated copies, so that collapsing copies costs nothing.
    """
    found = {article for rank in ranking[:limit] for article in rank}
    return len(found & set(gold)) / len(set(gold))


def reciprocal_rank(ranking: Sequence[Collection[str]], gold: Collection[str]) -> float:
    """1 / rank of the first gold article, 0 when there is none. Its mean is the MRR (Voorhees, TREC-8)."""
    ranks = (rank for rank, articles in enumerate(ranking, start=1) if set(articles) & set(gold))
    return 1 / next(ranks, math.inf)


def ndcg_at(ranking: Sequence[Collection[str]], gold: Collection[str], limit: int = 10) -> float:
    """Normalised discounted cumulative gain with binary relevance and log2 discount (Jarvelin and Kekalainen 2002).

    Gold articles that share a rank, being copies of each other, count once, in the ideal ranking too.
    """
    remaining = set(gold)
    gain = 0.0
    collapsed = 0
    for rank, articles in enumerate(ranking[:limit], start=1):
        found = remaining & set(articles)
        if found:
            gain += 1 / math.log2(rank + 1)
            collapsed += len(found) - 1
            remaining -= found
    most = min(len(set(gold)) - collapsed, limit)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, most + 1))


def overlap(gold_words: Sequence[str], quote_words: Sequence[str]) -> int:
    """Length of the longest run of words that both share. Two pieces of one text overlap in exactly such a run."""
    matcher = SequenceMatcher(None, list(gold_words), list(quote_words), autojunk=False)
    return matcher.find_longest_match().size


def quote_found(gold_quote: str, quotes: Sequence[str]) -> bool:
    """Whether a citation's quote contains the gold quote or overlaps it.

    Overlap: the longest run of words they share is at least half of the gold quote's words.
    """
    gold_words = words(gold_quote)
    return any(
        gold_quote in quote or overlap(gold_words, words(quote)) >= ENOUGH_OVERLAP * max(1, len(gold_words))
        for quote in quotes
    )


def quote_supports(quote: str, gold_quotes: Sequence[str]) -> bool:
    """Whether a citation's quote is gold: it finds a gold quote, or half of its own words are a piece of one."""
    quote_words = words(quote)
    return any(
        quote_found(gold, [quote]) or overlap(quote_words, words(gold)) >= ENOUGH_OVERLAP * max(1, len(quote_words))
        for gold in gold_quotes
    )


def cited_articles_precision(cited: Sequence[Collection[str]], gold: Collection[str]) -> float:
    """Share of the citations whose article (or a copy of it named with it) is a gold article."""
    return sum(bool(set(articles) & set(gold)) for articles in cited) / len(cited)


def cited_articles_recall(cited: Sequence[Collection[str]], gold: Collection[str]) -> float:
    """Share of the gold articles that are cited, or named as a copy of a cited one."""
    return len({article for articles in cited for article in articles} & set(gold)) / len(set(gold))


def mean(scores: Columns) -> Columns:
    """Mean of the cases that have the score, for each row; NaN where no case has it."""
    present = ~np.isnan(scores)
    counts = present.sum(axis=1)
    sums = np.where(present, scores, 0.0).sum(axis=1)
    return np.asarray(np.divide(sums, counts, out=np.full(len(scores), np.nan), where=counts > 0))


def percentile(scores: Columns, share: float) -> Columns:
    """Percentile of the cases that have the score, linear between neighbours; NaN where no case has it."""
    # numpy's nanpercentile takes its rows one by one, which for a thousand resamples is a hundred times slower.
    ordered = np.sort(scores, axis=1)
    last = (~np.isnan(scores)).sum(axis=1) - 1
    place = np.maximum(last, 0) * share / 100
    below = np.floor(place).astype(int)
    rows = np.arange(len(scores))
    lower, upper = ordered[rows, below], ordered[rows, np.minimum(below + 1, np.maximum(last, 0))]
    return np.asarray(lower + (upper - lower) * (place - below))


def balanced_accuracy(right_refusal: Columns, refusal_expected: Columns) -> Columns:
    """Mean of the share of refused among the unanswerable and of answered among the answerable."""
    refused = mean(np.where(refusal_expected == 1, right_refusal, np.nan))
    answered = mean(np.where(refusal_expected == 0, right_refusal, np.nan))
    return np.asarray((refused + answered) / 2)


def risk_coverage_area(probability: Columns, refusal_expected: Columns) -> Columns:
    """Area under the risk-coverage curve, lower is better (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017).

    The questions are taken in order of the engine's probability that the articles answer them. Risk at a coverage is
    the share of unanswerable ones among those taken so far; the area is the mean over all coverages.
    """
    return np.array(
        [risk_curve(*row).mean() if len(row[0]) else np.nan for row in without_unscored(probability, refusal_expected)]
    )


def risk_curve(probability: Columns, refusal_expected: Columns) -> Columns:
    """Risk after 1, 2, ... n questions, most probable first. Equals share their mean risk, whatever their order."""
    order = np.argsort(-probability, kind="stable")
    values, groups = np.unique(-probability[order], return_inverse=True)
    group_mean = np.bincount(groups, refusal_expected[order]) / np.bincount(groups, minlength=len(values))
    return np.asarray(np.cumsum(group_mean[groups]) / np.arange(1, len(order) + 1))


def answerability_auc(probability: Columns, refusal_expected: Columns) -> Columns:
    """Chance that an answerable question is more probable than an unanswerable one, ties half (Mann-Whitney U)."""
    return np.array([area_under_roc(*row) for row in without_unscored(probability, refusal_expected)])


def area_under_roc(probability: Columns, refusal_expected: Columns) -> float:
    """The same for one row; NaN when one kind of question is missing."""
    answerable, unanswerable = np.sort(probability[refusal_expected == 0]), probability[refusal_expected == 1]
    if not len(answerable) or not len(unanswerable):
        return math.nan
    below = np.searchsorted(answerable, unanswerable, side="left")
    below_or_equal = np.searchsorted(answerable, unanswerable, side="right")
    wins = len(answerable) - (below + below_or_equal) / 2
    return float(wins.sum() / (len(answerable) * len(unanswerable)))


def without_unscored(probability: Columns, refusal_expected: Columns) -> list[tuple[Columns, Columns]]:
    """Each row without the cases that have no probability."""
    rows = zip(probability, refusal_expected, strict=True)
    return [(row[~np.isnan(row)], expected[~np.isnan(row)]) for row, expected in rows]
