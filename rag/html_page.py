"""Pages that need no network: a template of ours, filled with anybody's text. Everything is escaped, and a content security
policy lets only the page's own script run."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files


def html_page(template: str, values: Mapping[str, object]) -> str:
    """The page of a template beside its style and, where it has one, its script: "rag.evaluation/report" without suffixes."""
    from jinja2 import Environment, StrictUndefined

    package, _, name = template.partition("/")
    folder = files(package)
    script_file = folder.joinpath(f"{name}.js")
    script = script_file.read_text("utf-8") if script_file.is_file() else ""
    style = files("rag").joinpath("html_page.css").read_text("utf-8") + folder.joinpath(f"{name}.css").read_text(
        "utf-8"
    )
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"script": script, "script_digest": digest, "style": style}
    return page.from_string(folder.joinpath(f"{name}.html.j2").read_text("utf-8")).render({**values, **own})


def tick(value: float) -> str:
    """A number at an axis."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
