"""What a schema may not do to the one released before it, so that every reader reads every event, old or new.

Allowed: optional fields are added, words are changed. All else breaks someone: a field that becomes required is lacking
in old events; one that goes, turns optional, or changes its type or limits surprises old readers. An added enum value
is refused too: a reader built before it would dead-letter the record. A set that is to grow is published as a plain
string. What may follow what is thus a partial order, so comparing with the last release alone is full-transitive.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from crm_shared.contracts.schema import Schema

# Words for people, and what is compared by rules of its own.
_ANNOTATIONS: Final = {"title", "description", "default", "examples", "$schema", "$comment", "deprecated", "$defs"}
_RULED: Final = {"properties", "required", "items", "anyOf", "enum", "additionalProperties"}


def find_lost_types(released: Mapping[str, Schema], present: Mapping[str, Schema]) -> list[str]:
    """Name the released event types that are no longer published, which is a break as well."""
    return sorted(released.keys() - present.keys())


def find_breaks(released: Schema, present: Schema) -> list[str]:
    """List what in `present` breaks readers or events of `released`, each as `/place: what`. Empty when compatible."""
    return list(_Comparison(released, present).compare(released, present, ""))


class _Comparison:
    def __init__(self, released: Schema, present: Schema) -> None:
        self._released = released
        self._present = present
        self._under_way: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        references = (str(old.get("$ref")), str(new.get("$ref")))
        if references != ("None", "None"):
            if references in self._under_way:
                return  # a type within itself, such as any JSON value: compared further up
            self._under_way.add(references)
        old, new = _resolve(old, self._released), _resolve(new, self._present)
        yield from _compare_limits(old, new, place)
        yield from _compare_enum(old, new, place)
        yield from self._compare_fields(old, new, place)
        yield from self._compare_parts(old, new, place)
        self._under_way.discard(references)

    def _compare_fields(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        for name, field in old_fields.items():
            if name in new_fields:
                yield from self.compare(field, new_fields[name], f"{place}/{name}")
            else:
                yield f"{place}/{name}: field removed or renamed"
        old_required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(new_required - old_required):
            yield f"{place}/{name}: required now, but older events lack it (mark it added_in)"
        for name in sorted((old_required - new_required) & new_fields.keys()):
            yield f"{place}/{name}: no longer required, but older readers need it"

    def _compare_parts(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        for keyword in ("items", "additionalProperties"):
            old_part, new_part = _as_schema(old.get(keyword)), _as_schema(new.get(keyword))
            if old_part is None or new_part is None:
                if old_part is not new_part:
                    yield f"{place}: {keyword} opened or closed"
            elif old_part or new_part:
                yield from self.compare(old_part, new_part, f"{place}/{keyword}")
        old_choices = self._sort_choices(old, self._released)
        new_choices = self._sort_choices(new, self._present)
        if len(old_choices) != len(new_choices):
            yield f"{place}: type narrowed or widened (another number of choices)"
            return
        for old_choice, new_choice in zip(old_choices, new_choices, strict=True):
            yield from self.compare(old_choice, new_choice, place)

    def _sort_choices(self, schema: Schema, root: Schema) -> list[Schema]:
        """Put `string | null` and `null | string` in one order, so that like is compared with like."""
        return sorted(schema.get("anyOf", ()), key=lambda choice: json.dumps(_resolve(choice, root).get("type")))


def _compare_limits(old: Schema, new: Schema, place: str) -> Iterator[str]:
    ignored = _ANNOTATIONS | _RULED
    for keyword in sorted((old.keys() | new.keys()) - ignored):
        if not keyword.startswith("x-") and old.get(keyword) != new.get(keyword):
            yield f"{place}: {keyword} was {old.get(keyword)!r}, is {new.get(keyword)!r}"


def _compare_enum(old: Schema, new: Schema, place: str) -> Iterator[str]:
    old_values, new_values = _enum_of(old), _enum_of(new)
    for value in sorted(old_values - new_values):
        yield f"{place}: enum value {value} removed"
    for value in sorted(new_values - old_values):
        yield f"{place}: enum value {value} added, which older readers refuse"


def _enum_of(schema: Schema) -> set[str]:
    return {json.dumps(value) for value in schema.get("enum", ())}


def _as_schema(part: object) -> Schema | None:
    """Read a missing part and `true` as the schema that takes anything; None for `false`, which takes nothing."""
    if part is None or part is True:
        return {}
    return part if isinstance(part, dict) else None


def _resolve(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    target = root
    for step in reference.removeprefix("#/").split("/"):
        target = target[step]
    rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
    return _resolve(target, root) | rest
