"""crm-search api | worker | migrate | redrive | repair. It publishes nothing, so it has neither relay nor republish."""

from crm_search.settings import SearchSettings
from crm_shared.command_line import make_cli


async def _prepare(settings: SearchSettings) -> None:
    from crm_search.index import open_client, prepare_index

    async with open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s) as client:
        await prepare_index(client, settings)


main = make_cli("search", SearchSettings, publishes=False, repairs=True, prepare=_prepare)

if __name__ == "__main__":
    main()
