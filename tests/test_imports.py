"""Everything that the program imports is declared: nothing arrives by accident through another package."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
OURS = {"bot", "rag", "vectorstore"}


EXTRAS = {"bot/mcp/": "mcp"}
"""Folders whose code runs only where that extra is installed."""


def test_every_imported_library_is_a_declared_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    shipped_by = packages_distributions()
    for package in sorted(OURS):
        for path in (REPOSITORY / package).rglob("*.py"):
            file = path.relative_to(REPOSITORY).as_posix()
            requirements = list(project["dependencies"])
            for folder, extra in EXTRAS.items():
                requirements += project["optional-dependencies"][extra] if file.startswith(folder) else []
            declared = {normal(re.split(r"[<>=\[; ]", requirement)[0]) for requirement in requirements}
            for name in imported(path) - OURS - set(sys.stdlib_module_names):
                distributions = {normal(one) for one in shipped_by.get(name, [])}
                assert distributions & declared, f"{file} imports {name}, which is not declared"


def imported(path: Path) -> set[str]:
    """The top-level names of a file's imports, those within functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def normal(name: str) -> str:
    """A distribution's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
