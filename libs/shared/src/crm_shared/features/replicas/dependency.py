"""Hands the reference lookup to routes, and makes it once a process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import Request

from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.features.replicas.references import References
from crm_shared.http.context import ProcessContext, RequestContext
from crm_shared.telemetry.health import Check


class ReferenceParts:
    """The `parts` of a service that refers to other services' records. Their absence makes it no less ready."""

    def __init__(self, owner_api: OwnerApi) -> None:
        self._owner_api = owner_api

    @asynccontextmanager
    async def __call__(self, app: FastAPI, process: ProcessContext) -> AsyncIterator[Mapping[str, Check]]:
        app.state.references = References(process.database, self._owner_api)
        try:
            yield {}
        finally:
            await self._owner_api.close()


async def _references_of(request: Request) -> References:
    references: References = request.app.state.references
    return references


def find_references(context: RequestContext) -> References:
    """Return the process's lookup, where no endpoint takes it."""
    references: References = context.request.app.state.references
    return references


ReferenceLookup = Annotated[References, Depends(_references_of)]
