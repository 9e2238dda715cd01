"""Elasticsearch's side of indexes: makes them, puts one in another's place, and takes them away."""

from http import HTTPStatus
from typing import Final

import structlog
from elasticsearch import ApiError, AsyncElasticsearch, BadRequestError, NotFoundError

from crm_search.bulk import IndexMissing, to_away
from crm_search.index import DROPPING, MAPPING, to_index_settings
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore, to_filling_alias
from crm_shared.bus import DependencyUnavailable

logger = structlog.get_logger(__name__)

SWAP_TIMEOUT_S: Final = 60.0


class IndexCluster:
    """The indexes of one prefix.

    Its methods raise what the client raises while the cluster is away, and DependencyUnavailable.
    """

    def __init__(self, client: AsyncElasticsearch, settings: SearchSettings) -> None:
        self._client = client
        self._settings = settings
        self.alias = settings.index_prefix
        self.store = DocumentStore(client, self.alias)

    @property
    def client(self) -> AsyncElasticsearch:
        return self._client

    async def list_live(self) -> list[str]:
        """List the indexes behind the alias: one, or none before `migrate` has made it."""
        try:
            return sorted((await self._client.indices.get_alias(name=self.alias)).body)
        except NotFoundError:
            return []
        except ApiError as error:
            raise to_away(error) from None

    async def find_live(self) -> str:
        """Name the live index. Raises DependencyUnavailable while there is none."""
        live = await self.list_live()
        if not live:
            raise DependencyUnavailable(f"there is no alias {self.alias}: run `crm-search migrate`")
        return live[0]

    async def read_form(self, name: str) -> int:
        """Return the form of the documents that an index was made for."""
        try:
            mapping = (await self._client.indices.get_mapping(index=name)).body[name]["mappings"]
        except NotFoundError:
            raise IndexMissing(f"there is no index {name}") from None
        except ApiError as error:
            raise to_away(error) from None
        return int(mapping.get("_meta", {}).get("version", 0))

    async def create(self, name: str) -> None:
        """Make the index that is filled beside the live one; nothing if it is there."""
        try:
            await self._client.indices.create(
                index=name, mappings=MAPPING, settings={**to_index_settings(self._settings), **DROPPING}
            )
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise to_away(error) from None
        # Whoever was written beside the live one before gives up its place in the same call.
        await self._move_alias(to_filling_alias(self.alias), name)

    async def swap(self, name: str) -> list[str]:
        """Put the index in the place of the live one, in one call; return which it replaces, none at a second call.

        It keeps its other alias: a write that is under way to both finds both.
        """
        former = [live for live in await self.list_live() if live != name]
        await self._move_alias(self.alias, name)
        return former

    async def _move_alias(self, alias: str, name: str) -> None:
        try:
            held = sorted((await self._client.indices.get_alias(name=alias)).body)
        except NotFoundError:
            held = []
        actions: list[dict[str, dict[str, object]]] = [
            {"remove": {"index": other, "alias": alias}} for other in held if other != name
        ]
        actions.append({"add": {"index": name, "alias": alias, "is_write_index": True}})
        try:
            await self._client.indices.update_aliases(actions=actions, timeout=f"{SWAP_TIMEOUT_S:.0f}s")
        except ApiError as error:
            raise to_away(error) from None

    async def remove(self, name: str) -> bool:
        """Delete an index that is not behind the alias; tell whether it is gone. One that is gone already is."""
        if name in await self.list_live():
            logger.warning("an index that was replaced is live again, so it stays", index=name)
            return False
        try:
            await self._client.indices.delete(index=name)
        except NotFoundError:
            pass
        except ApiError as error:
            if error.status_code == HTTPStatus.BAD_REQUEST:  # a snapshot of it is being taken
                raise to_away(error) from None
            raise
        return True
