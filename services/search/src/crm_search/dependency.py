"""Opens the document store once a process, and hands it to routes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import Request

from crm_search.index import open_client
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.http.context import ProcessContext
from crm_shared.telemetry.health import Check


class SearchParts:
    """What only this service has: the Elasticsearch client, and the way to contacts for callers not known yet."""

    def __init__(self, settings: SearchSettings, owner_api: OwnerApi) -> None:
        self._settings = settings
        self._owner_api = owner_api

    @asynccontextmanager
    async def __call__(self, app: FastAPI, _process: ProcessContext) -> AsyncIterator[Mapping[str, Check]]:
        client = open_client(self._settings, timeout_s=self._settings.elasticsearch_timeout_s)
        store = DocumentStore(client, self._settings.index_prefix)
        app.state.store = store
        try:
            yield {"elasticsearch": store.ping}
        finally:
            await client.close()
            await self._owner_api.close()


async def _store_of(request: Request) -> DocumentStore:
    store: DocumentStore = request.app.state.store
    return store


Store = Annotated[DocumentStore, Depends(_store_of)]
