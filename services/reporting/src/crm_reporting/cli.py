"""crm-reporting api | worker | migrate | redrive. It publishes nothing, so it has no relay and no republish."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.types import ASGIApp

from crm_reporting.settings import ReportingSettings
from crm_shared.bus.subscription import Consumer
from crm_shared.command_line import Consuming, ServiceParts, make_cli


def _make_app(settings: ReportingSettings) -> ASGIApp:
    from crm_reporting.app import make_app

    return make_app(settings)


def _consumers() -> Sequence[Consumer[...]]:
    from crm_reporting.worker import CONSUMERS

    return CONSUMERS


def _consuming(settings: ReportingSettings) -> AbstractAsyncContextManager[Consuming]:
    from crm_reporting.worker import consuming

    return consuming(settings)


main = make_cli(
    "reporting",
    ServiceParts(
        settings=ReportingSettings,
        migrations=Path(__file__).parents[2] / "migrations" / "versions",
        make_app=_make_app,
        consumers=_consumers,
        consuming=_consuming,
    ),
)

if __name__ == "__main__":
    main()
