"""What an API takes away from clients of the release before: paths, methods, parameters, fields, statuses, values.

No library of Python compares OpenAPI documents (oasdiff is a program in Go). Of a request the new API must take all
that the old one took; of an answer it must show all that the old one showed. More is no break: clients are told to
pass over fields and values that they do not know (docs/operations/upgrade.md).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from crm_testing.baseline.folder import Shape
from crm_testing.baseline.schema_breaks import Answered, Sent

_PLACEHOLDER: Final = re.compile(r"\{[^}]*\}")
_METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")


def list_http_breaks(released: Shape, present: Shape) -> Iterator[str]:
    """Yield each break as `METHOD /path: what`. A placeholder's name is nobody's concern."""
    now = {_PLACEHOLDER.sub("{}", path): (path, operations) for path, operations in present["paths"].items()}
    for path, operations in released["paths"].items():
        path_now, found = now.get(_PLACEHOLDER.sub("{}", path), (path, {}))
        names = dict(zip(_PLACEHOLDER.findall(path_now), _PLACEHOLDER.findall(path), strict=True))
        for method in (name for name in _METHODS if name in operations):
            if method not in found:
                yield f"{method.upper()} {path}: taken away"
                continue
            operation = _Operation(released, present, operations[method], found[method], names)
            yield from (f"{method.upper()} {path}{line}" for line in operation.list_breaks())


class _Operation:
    """`names`: what the old path calls each placeholder of the new one, with the braces."""

    def __init__(self, released: Shape, present: Shape, old: Shape, new: Shape, names: Mapping[str, str]) -> None:
        self._released, self._present, self._old, self._new = released, present, old, new
        self._names = names

    def list_breaks(self) -> Iterator[str]:
        if self._old.get("security") == [] and self._new.get("security") != []:
            yield ": asks for a token now"
        yield from self._compare_parameters()
        yield from self._compare_bodies()
        yield from self._compare_answers()

    def _compare_parameters(self) -> Iterator[str]:
        old = dict(_list_parameters(self._released, self._old, {}))
        new = dict(_list_parameters(self._present, self._new, self._names))
        for name, parameter in old.items():
            if name not in new:
                yield f" {name}: parameter taken away"
                continue
            sent = Sent(self._released, self._present)
            yield from sent.compare(parameter.get("schema", {}), new[name].get("schema", {}), f" {name}")
        for name, parameter in new.items():
            if parameter.get("required") and not old.get(name, {}).get("required"):
                yield f" {name}: parameter required now"

    def _compare_bodies(self) -> Iterator[str]:
        old, new = self._read_body(self._released, self._old), self._read_body(self._present, self._new)
        if new.get("required") and not old.get("required"):
            yield " body: required now"
        for media_type, content in old.get("content", {}).items():
            taken = new.get("content", {}).get(media_type)
            if taken is None:
                yield f" body: {media_type} taken no more"
                continue
            sent = Sent(self._released, self._present)
            yield from sent.compare(content.get("schema", {}), taken.get("schema", {}), " body")

    @staticmethod
    def _read_body(document: Shape, operation: Shape) -> Shape:
        return follow(document, operation.get("requestBody", {}))

    def _compare_answers(self) -> Iterator[str]:
        for status, reference in self._old.get("responses", {}).items():
            if status not in self._new.get("responses", {}):
                yield f" {status}: status taken away"
                continue
            old = follow(self._released, reference)
            new = follow(self._present, self._new["responses"][status])
            for header in old.get("headers", {}).keys() - new.get("headers", {}).keys():
                yield f" {status}: header {header} taken away"
            for media_type, content in old.get("content", {}).items():
                answered = new.get("content", {}).get(media_type)
                if answered is None:
                    yield f" {status}: {media_type} taken away"
                    continue
                compared = Answered(self._released, self._present)
                yield from compared.compare(content.get("schema", {}), answered.get("schema", {}), f" {status}")


def _list_parameters(document: Shape, operation: Shape, names: Mapping[str, str]) -> Iterator[tuple[str, Shape]]:
    for reference in operation.get("parameters", ()):
        one = follow(document, reference)
        step = f"{{{one['name']}}}"
        yield f"{one['in']} {names.get(step, step)[1:-1] if one['in'] == 'path' else one['name']}", one


def follow(document: Shape, node: Shape) -> Shape:
    """Return what a `$ref` into `document` points at, or `node` itself."""
    while isinstance(reference := node.get("$ref"), str):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node
