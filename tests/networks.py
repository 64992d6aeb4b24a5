"""The shipped networks, loaded once for all tests of a process."""

from functools import lru_cache

from rag.answering.reader import Reader
from rag.models.passage_network import READER, VERIFIER, PassageNetwork
from rag.verification.verifier import Verifier


@lru_cache(maxsize=1)
def large_network() -> PassageNetwork:
    return PassageNetwork(VERIFIER)


@lru_cache(maxsize=1)
def small_network() -> PassageNetwork:
    return PassageNetwork(READER)


@lru_cache(maxsize=1)
def shipped_reader() -> Reader:
    return Reader(small_network(), large_network())


@lru_cache(maxsize=1)
def shipped_verifier() -> Verifier:
    return Verifier(large_network(), small_network())
