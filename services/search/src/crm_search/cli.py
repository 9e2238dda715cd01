"""crm-search api | worker | migrate | redrive. It publishes nothing, so it has neither relay nor republish."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.types import ASGIApp

from crm_search.settings import SearchSettings
from crm_shared.bus.subscription import Consumer
from crm_shared.command_line import Consuming, ServiceParts, make_cli


def _make_app(settings: SearchSettings) -> ASGIApp:
    from crm_search.app import make_app

    return make_app(settings)


def _consumers() -> Sequence[Consumer[...]]:
    from crm_search.worker import CONSUMERS

    return CONSUMERS


def _consuming(settings: SearchSettings) -> AbstractAsyncContextManager[Consuming]:
    from crm_search.worker import consuming

    return consuming(settings)


async def _prepare(settings: SearchSettings) -> None:
    from crm_search.index import open_client, prepare_index

    async with open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s) as client:
        await prepare_index(client, settings)


main = make_cli(
    "search",
    ServiceParts(
        settings=SearchSettings,
        migrations=Path(__file__).parents[2] / "migrations" / "versions",
        make_app=_make_app,
        consumers=_consumers,
        consuming=_consuming,
        prepare=_prepare,
    ),
)

if __name__ == "__main__":
    main()
