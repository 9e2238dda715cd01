"""Holds every refusal that a test sees against the OpenAPI document: a route answers what it declares, and no more."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import httpx
from fastapi import FastAPI

from crm_shared.http.problems import MEDIA_TYPE

_PARAMETER = re.compile(r"\{[^}]*\}")


class DeclaredProblems:
    """One application's. `check` stands in a client's event hooks; it lets pass what is no path of the document."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def check(self, response: httpx.Response) -> None:
        """Fail for a problem that its operation does not declare."""
        if response.headers.get("content-type") != MEDIA_TYPE or response.request.method == "HEAD":
            return
        operation = self._find(response.request.method.lower(), response.request.url.path)
        if operation is None:
            return
        await response.aread()
        slug, declared = response.json()["type"], self._list_types(operation, response.status_code)
        place = f"{response.request.method} {response.request.url.path}: {response.status_code}"
        assert slug in declared, f"{place} {slug} is not declared; there are {declared}"

    def _find(self, method: str, path: str) -> Mapping[str, Any] | None:
        for pattern, operations in self._paths:
            if fnmatchcase(path, pattern):
                found: Mapping[str, Any] | None = operations.get(method)
                return found
        return None

    def _list_types(self, operation: Mapping[str, Any], status: int) -> list[str]:
        reference = operation["responses"].get(str(status), {}).get("$ref")
        if reference is None:
            return []
        response = self._app.openapi()["components"]["responses"][reference.rpartition("/")[2]]
        types: list[str] = response["content"][MEDIA_TYPE]["schema"]["allOf"][1]["properties"]["type"]["enum"]
        return types

    @cached_property
    def _paths(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The most steps first, as a parameter may hold slashes; words before parameters, as routes are matched."""
        paths = self._app.openapi()["paths"]
        steps = {path: ["{" in step for step in path.split("/")] for path in paths}
        ordered = sorted(paths, key=lambda path: (-len(steps[path]), steps[path]))
        return [(_PARAMETER.sub("?*", path), paths[path]) for path in ordered]
