"""Compares two JSON Schemas in one direction: what is sent to the new API, or what it answers."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

from crm_testing.baseline.folder import Shape

_MOST: Final = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LEAST: Final = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_FORMS: Final = ("pattern", "format", "multipleOf", "uniqueItems")


class Comparison(ABC):
    """`released` and `present` are the whole documents, into which `$ref`s point."""

    def __init__(self, released: Shape, present: Shape) -> None:
        self._released, self._present = released, present
        self._under_way: set[tuple[str, str]] = set()

    def compare(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        """Yield each break as `place/field: what`."""
        references = (str(old.get("$ref")), str(new.get("$ref")))
        if references in self._under_way:
            return  # a type within itself: compared further up
        if references != ("None", "None"):
            self._under_way.add(references)
        yield from self._compare_variants(
            _list_variants(self._released, old), _list_variants(self._present, new), place
        )
        self._under_way.discard(references)

    def _compare_variants(self, old: list[Shape], new: list[Shape], place: str) -> Iterator[str]:
        if len(old) == len(new) == 1:
            yield from self._compare_one(old[0], new[0], place)
            return
        asking, offered = self.order(old, new)
        for variant in asking:
            found = [list(self._compare_one(*self.order(variant, other), place)) for other in offered]
            if [] in found:
                continue
            alike = [
                lines for lines, other in zip(found, offered, strict=True) if _list_types(variant) & _list_types(other)
            ]
            yield from min(alike, key=len, default=[f"{place}: {_name(variant)} {self.lacks}"])

    def _compare_one(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        yield from self._compare_types(old, new, place)
        for value in sorted(_list_values(old) - _list_values(new)):
            if _list_values(new) or self.lists_all_values:
                yield f"{place}: value {value} taken away"
        yield from self.compare_limits(old, new, place)
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        for name, field in old_fields.items():
            if name in new_fields:
                yield from self.compare(field, new_fields[name], f"{place}/{name}")
            else:
                yield f"{place}/{name}: field taken away"
        yield from self.compare_required(old, new, place)
        for keyword in ("items", "additionalProperties"):
            fits, into = self.order(old.get(keyword), new.get(keyword))
            if isinstance(fits, dict) and isinstance(into, dict):
                yield from self.compare(old[keyword], new[keyword], f"{place}/{keyword}")
            elif isinstance(into, dict) and _may_hold_any(fits, keyword, self.order(old, new)[0]):
                yield f"{place}/{keyword}: {self.loses}"

    def _compare_types(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        asking, offered = self.order(_list_types(old), _list_types(new))
        if "number" in offered:
            offered = offered | {"integer"}
        if offered and (not asking or asking - offered):
            yield f"{place}: was {_name(old)}, is {_name(new)}"

    lacks: str
    loses: str
    lists_all_values: bool

    @abstractmethod
    def order(self, old: Any, new: Any) -> tuple[Any, Any]:
        """Return first what must fit, then what it must fit into; the same call puts them back."""

    @abstractmethod
    def compare_required(self, old: Shape, new: Shape, place: str) -> Iterator[str]: ...

    @abstractmethod
    def compare_limits(self, old: Shape, new: Shape, place: str) -> Iterator[str]: ...


class Sent(Comparison):
    """What old clients send, the new API must take."""

    lacks, loses, lists_all_values = "taken no more", "not just anything is taken now", False

    def compare(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        """Yield each break, and what is taken for a value that is left out."""
        was, now = json.dumps(old.get("default")), json.dumps(new.get("default"))
        if was != now:
            yield f"{place}: default was {was}, is {now}"
        yield from super().compare(old, new, place)

    def order(self, old: Any, new: Any) -> tuple[Any, Any]:
        return old, new

    def compare_required(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{place}/{name}: field required now"

    def compare_limits(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        if _list_values(new) and not _list_values(old):
            yield f"{place}: takes some values alone now"
        for keyword in (*_MOST, *_LEAST):
            if keyword not in new:
                continue
            sign = 1 if keyword in _MOST else -1
            if keyword not in old or sign * new[keyword] < sign * old[keyword]:
                yield f"{place}: {keyword} was {old.get(keyword)}, is {new[keyword]}"
        for keyword in _FORMS:
            if keyword in new and new[keyword] != old.get(keyword):
                yield f"{place}: {keyword} was {old.get(keyword)!r}, is {new[keyword]!r}"
        if old.get("additionalProperties", True) is not False and new.get("additionalProperties") is False:
            yield f"{place}: takes no further fields now"


class Answered(Comparison):
    """What the new API answers, old clients must be able to read; a further value of a list they pass over."""

    lacks, loses, lists_all_values = "may be answered now", "anything may be answered now", True

    def order(self, old: Any, new: Any) -> tuple[Any, Any]:
        return new, old

    def compare_required(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        lost = set(old.get("required", ())) - set(new.get("required", ()))
        for name in sorted(lost & new.get("properties", {}).keys()):
            yield f"{place}/{name}: field may be missing now"

    def compare_limits(self, old: Shape, new: Shape, place: str) -> Iterator[str]:
        if old.get("format") != new.get("format"):
            yield f"{place}: format was {old.get('format')!r}, is {new.get('format')!r}"


def _list_variants(document: Shape, schema: Shape) -> list[Shape]:
    schema = _resolve(document, schema)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return [variant for one in schema[keyword] for variant in _list_variants(document, one)]
    return [schema]


def _resolve(document: Shape, schema: Shape) -> Shape:
    if isinstance(reference := schema.get("$ref"), str):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        return _resolve(document, target)
    if "allOf" not in schema:
        return schema
    parts = [_resolve(document, part) for part in schema["allOf"]]
    merged: dict[str, Any] = {name: value for part in (*parts, schema) for name, value in part.items()}
    merged["properties"] = {name: field for part in parts for name, field in part.get("properties", {}).items()}
    merged["required"] = [name for part in parts for name in part.get("required", ())]
    return merged


def _may_hold_any(within: object, keyword: str, schema: Shape) -> bool:
    """Return whether arrays or objects of `schema` may hold whatever there is: nothing is said `within` them."""
    return within in (None, True) and ("array" if keyword == "items" else "object") in _list_types(schema)


def _list_types(schema: Shape) -> set[str]:
    found = schema.get("type", [])
    return {found} if isinstance(found, str) else set(found)


def _list_values(schema: Shape) -> set[str]:
    values = [schema["const"]] if "const" in schema else schema.get("enum", ())
    return {json.dumps(value) for value in values}


def _name(schema: Shape) -> str:
    return " or ".join(sorted(_list_types(schema))) or "anything"
