"""Which methods each path takes: for OPTIONS, for the Allow of a 405, and so that a word is never taken for an id."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path

READS: Final = frozenset({"GET", "HEAD"})
_PARAMETER: Final = re.compile(r"\{[^}]*\}")


@dataclass(slots=True)
class _Path:
    """`shape` is the path with `{}` for each parameter: paths of one shape are one resource."""

    shape: str
    pattern: re.Pattern[str]
    methods: set[str] = field(default_factory=set)

    @property
    def order(self) -> list[bool]:
        """Sort words before parameters, step by step: the first that matches is the one that is meant."""
        return ["{}" in step for step in self.shape.split("/")]


class PathMethods:
    """Knows the routes of one application."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        paths: dict[str, _Path] = {}
        for route in iter_route_contexts(routes):  # those of routers within routers too
            if route.path and route.methods:
                shape = _PARAMETER.sub("{}", route.path)
                path = paths.setdefault(shape, _Path(shape, compile_path(route.path)[0]))
                path.methods |= route.methods
        self._paths = sorted(paths.values(), key=lambda path: path.order)
        # `/contacts/batch` also fits `/contacts/{id}`, whose PATCH would look for a contact named batch.
        self._ambiguous = [
            path
            for path in self._paths
            if any(other is not path and other.pattern.fullmatch(path.shape) for other in self._paths)
        ]

    def find(self, path: str) -> frozenset[str] | None:
        """Return the methods of a path, OPTIONS among them; None where there is nothing."""
        for each in self._paths:
            if each.pattern.fullmatch(path):
                return frozenset(each.methods | {"OPTIONS"})
        return None

    def refuses(self, path: str, method: str) -> bool:
        """Return whether this is a path of its own without that method, which another's parameter would take in."""
        for each in self._ambiguous:
            if each.pattern.fullmatch(path):
                return method not in each.methods
        return False


def to_allow(methods: Iterable[str]) -> str:
    """Write the header's value."""
    return ", ".join(sorted(methods))
