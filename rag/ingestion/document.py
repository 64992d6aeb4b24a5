"""What a reader of documents gives: the fields of one article, and where each of them came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vectorstore.values import GUESSED, Origin


@dataclass(frozen=True, slots=True)
class DocumentFields:
    """An article's fields as text, by our names for them (article_fields.py); times in ISO 8601.

    origins: for each of the fields but `text` where it came from. remarks: what could not be read, each the end of a
    sentence.
    """

    fields: Mapping[str, str]
    origins: Mapping[str, Origin] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class FieldsFound:
    """Collects fields while a document is read. The first value of a field counts; an empty one is none."""

    fields: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def note(self, name: str, value: str, origin: Origin = GUESSED) -> None:
        if value.strip() and name not in self.fields:
            self.fields[name], self.origins[name] = value.strip(), origin

    def with_text(self, text: str, *remarks: str) -> DocumentFields:
        return DocumentFields({**self.fields, "text": text}, self.origins, remarks)
