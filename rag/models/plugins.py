"""Build a part that the settings name by a dotted path: any LlamaIndex embedding or node postprocessor."""

from collections.abc import Mapping
from importlib import import_module

from rag.errors import SettingsError


def build_from_path(path: str, options: Mapping[str, object], setting: str) -> object:
    """An instance of the class at `path`, of whatever kind it is. Raises SettingsError naming the setting."""
    module_name, _, class_name = path.rpartition(".")
    try:
        if not module_name:
            raise ImportError("not a dotted path")
        made: object = getattr(import_module(module_name), class_name)(**options)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"{setting}={path} cannot be imported ({error}): install it, or correct the path."
        ) from error
    except Exception as error:
        raise SettingsError(f"{setting}={path} cannot be built with {dict(options)} ({error}).") from error
    return made
