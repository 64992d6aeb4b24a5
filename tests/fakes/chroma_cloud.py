"""Chroma Cloud's sparse vectors before a real `chroma run`, which has none: what it says of them is what its source and docs say.

The index weighs a question's stems by ln(1 + (n - f + .5) / (f + .5)) over all records, and its distance is 1 less the product.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web

from tests.fakes.chroma_server import Gate

LARGEST_VALUE = 8_182
"""Bytes of one field of a record, by Cloud's quotas."""
SEARCHED = "stems"


@dataclass
class ChromaCloud(Gate):
    """The gate of Cloud, which keeps sparse vectors by itself and lets everything else through."""

    indexed: set[str] = field(default_factory=set)
    sparse: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    searches: list[dict[str, Any]] = field(default_factory=list)
    failure: tuple[int, str] | None = None
    """Status and kind of error of its next searches, None while they are answered."""

    async def answer(self, method: str, path: str, content: bytes) -> web.Response:
        *_, collection, verb = path.partition("?")[0].split("/")
        said = json.loads(content) if content else {}
        if method == "POST" and verb == "collections":
            return await self.make(path, said)
        if verb == "upsert":
            self.keep(collection, said)
        elif verb == "delete":
            for chunk_id in said["ids"]:
                self.sparse.get(collection, {}).pop(chunk_id, None)
        elif verb == "search":
            return await self.search(path, collection, said)
        answer = await super().answer(method, path, json.dumps(said).encode() if said else content)
        return self.with_sparse(collection, answer) if verb == "get" and answer.status == 200 else answer

    async def make(self, path: str, said: dict[str, Any]) -> web.Response:
        """What is indexed of a collection is what was said when it was made."""
        wanted = ((said.get("schema") or {}).get("keys") or {}).pop(SEARCHED, None)
        if wanted is not None:
            index = wanted["sparse_vector"]["sparse_vector_index"]
            assert (index["enabled"], index["config"]["bm25"]) == (True, True)
            assert said["schema"]["keys"]["#embedding"]["float_list"]["vector_index"]["config"]["space"] == "cosine"
        made = json.loads((await super().answer("POST", path, json.dumps(said).encode())).body or b"")
        if made["id"] not in self.sparse:
            self.sparse[made["id"]] = {}
            if wanted is not None:
                self.indexed.add(made["id"])
        if made["id"] in self.indexed:
            index = {"enabled": True, "config": {"bm25": True, "embedding_function": {"type": "unknown"}}}
            made["schema"]["keys"][SEARCHED] = {"sparse_vector": {"sparse_vector_index": index}}
        return web.json_response(made)

    def keep(self, collection: str, said: dict[str, Any]) -> None:
        for chunk_id, fields in zip(said["ids"], said["metadatas"], strict=True):
            value = fields.pop(SEARCHED, None)
            self.sparse[collection].pop(chunk_id, None)
            if value is not None:
                assert value["#type"] == "sparse_vector"
                assert all(number < 1 << 32 for number in value["indices"])
                assert 8 * len(value["indices"]) <= LARGEST_VALUE
                single = np.array(value["values"], dtype=np.float32)
                self.sparse[collection][chunk_id] = {**value, "values": single.tolist()}

    def with_sparse(self, collection: str, answer: web.Response) -> web.Response:
        found = json.loads(answer.body or b"")
        for chunk_id, fields in zip(found["ids"], found.get("metadatas") or [], strict=False):
            if chunk_id in self.sparse.get(collection, {}):
                fields[SEARCHED] = self.sparse[collection][chunk_id]
        return web.json_response(found)

    async def search(self, path: str, collection: str, said: dict[str, Any]) -> web.Response:
        """One search by one sparse vector, under a filter that the server behind applies."""
        (asked,) = said["searches"]
        self.searches.append(asked)
        if self.failure is not None:
            status, kind = self.failure
            return web.json_response({"error": kind, "message": "not now"}, status=status)
        knn = asked["rank"]["$knn"]
        assert knn["key"] == SEARCHED
        assert asked["select"]["keys"] == ["#score"]
        if collection not in self.indexed:
            text = f"Cannot search key {SEARCHED!r}: it has no sparse vector index"
            return web.json_response({"error": "InvalidArgumentError", "message": text}, status=400)
        stored = self.sparse[collection]
        frequency = Counter(number for value in stored.values() for number in value["indices"])
        weights = {
            number: weight * math.log1p((len(stored) - frequency[number] + 0.5) / (frequency[number] + 0.5))
            for number, weight in zip(knn["query"]["indices"], knn["query"]["values"], strict=True)
        }
        allowed = await self.allowed(path, asked["filter"]) if asked.get("filter") else stored
        products = {
            chunk_id: sum(
                weights.get(number, 0.0) * weight
                for number, weight in zip(stored[chunk_id]["indices"], stored[chunk_id]["values"], strict=True)
            )
            for chunk_id in allowed
            if chunk_id in stored and not weights.keys().isdisjoint(stored[chunk_id]["indices"])
        }
        best = sorted(products, key=lambda chunk_id: -products[chunk_id])[: min(knn["limit"], asked["limit"]["limit"])]
        rows = {"ids": [best], "scores": [[1.0 - products[chunk_id] for chunk_id in best]], "select": [["#score"]]}
        return web.json_response({**rows, "documents": [None], "embeddings": [None], "metadatas": [None]})

    async def allowed(self, path: str, where: dict[str, Any]) -> list[str]:
        body = json.dumps({"where": where, "include": []}).encode()
        got = await super().answer("POST", path.replace("/search", "/get"), body)
        assert got.status == 200, got.body
        return list(json.loads(got.body or b"")["ids"])
