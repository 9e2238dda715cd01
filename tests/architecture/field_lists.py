"""What `test_record_fields` compares: the lists that a record's fields stand in, and what a field is missing from."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from crm_search.projections import to_document
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.states import STATE_MODELS
from crm_shared.record_fields import field_names
from crm_testing.published_records import make_empty

ROOT: Final = Path(__file__).parents[2]

ALWAYS_OURS: Final = "id version created_at updated_at"
OURS: Final = ALWAYS_OURS + " deleted_at"
"""What the service itself keeps of every record; without the last, of what is never deleted."""


@dataclass(frozen=True)
class FieldList:
    """One list of a record's fields. `left_out`: those that it has not, as words separated by spaces, by reason."""

    where: str
    names: Collection[str]
    left_out: Mapping[str, str] = field(default_factory=dict)


def find_gaps(record: type[Any], lists: Collection[FieldList]) -> Iterator[str]:
    """Yield a line for each field that a list neither has nor leaves out, and for each reason that no longer holds."""
    fields = field_names(record)
    for one in lists:
        left_out = " ".join(one.left_out.values()).split()
        yield from (f"{name} is missing from {one.where}" for name in fields if name not in {*one.names, *left_out})
        yield from (f"{name} is in {one.where} after all" for name in left_out if name in one.names)
        yield from (f"{name}, left out of {one.where}, is no field" for name in left_out if name not in fields)


FORMS: Final[Mapping[str, Any]] = {
    "tags": ["marked"],
    "custom_data": {"key": "marked"},
    "attachments": [{"name": "marked"}],
    "contact_ids": ["marked"],
}
"""How a word stands in the fields that are no text."""


def words(aggregate: str, left_out: Mapping[str, str]) -> list[FieldList]:
    """Return the list of what search finds a record by, out of the fields that may hold words at all.

    And that of what it shows the words in: whatever field it finds a record by has to be there.
    """
    found = _list_marked(aggregate, lambda document: [document[part] for part in ("title", "details", "body")])
    shown = _list_marked(aggregate, lambda document: document["shown"]["passages"])
    return [
        FieldList("record_words.py (search)", found | _list_wordless(aggregate), left_out),
        FieldList("passages.py (search)", shown | (set(STATE_MODELS[aggregate].model_fields) - found)),
    ]


def _list_marked(aggregate: str, read: Callable[[Mapping[str, Any]], Iterable[str]]) -> set[str]:
    """Return the fields whose text stands in what `read` takes of the document: each is tried by itself."""
    nothing = {**dict.fromkeys(STATE_MODELS[aggregate].model_fields), **make_empty(aggregate)}
    found = set()
    for name in nothing.keys() - {"shares"}:
        text: Any = FORMS.get(name, "marked")
        document = to_document(aggregate, UUID(int=2), UUID(int=1), {**nothing, name: text}, {})
        if any("marked" in part.split() for part in read(document)):
            found.add(name)
    return found


def _list_wordless(aggregate: str) -> set[str]:
    """Return the fields that hold no free text: ids, choices, numbers, flags, days and moments."""
    properties = STATE_MODELS[aggregate].model_json_schema()["properties"]
    return {name for name, schema in properties.items() if not any(map(_may_hold_words, schema.get("anyOf", [schema])))}


def _may_hold_words(schema: Mapping[str, Any]) -> bool:
    if schema.get("type") == "string":
        return not schema.keys() & {"enum", "const", "format", "pattern"}
    return schema.get("type") in {"array", "object"} or "$ref" in schema


def list_checked(service: str, pattern: str) -> set[str]:
    """Return the words of the constraints that `pattern` finds in a service's migrations."""
    texts = (path.read_text("utf-8") for path in (ROOT / "services" / service / "migrations/versions").glob("*.py"))
    checks = (check for text in texts for check in re.findall(pattern, text, re.DOTALL))
    return {word for check in checks for word in re.findall(r"\w+", check)}


def published(aggregate: str, left_out: Mapping[str, str] | None = None) -> list[FieldList]:
    """Return the two lists of what an event carries."""
    example = build_example(f"crm.{aggregate}.snapshot")["value"][aggregate]
    return [
        FieldList("contracts/states.py", STATE_MODELS[aggregate].model_fields, left_out or {}),
        FieldList("contracts/example_records.py", example, left_out or {}),
    ]
