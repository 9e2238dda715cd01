"""crm-activities api | worker | relay | migrate | redrive | republish."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.types import ASGIApp

from crm_activities.settings import ActivitiesSettings
from crm_shared.bus.subscription import Consumer
from crm_shared.command_line import Consuming, ServiceParts, make_cli
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database


def _make_app(settings: ActivitiesSettings) -> ASGIApp:
    from crm_activities.app import make_app

    return make_app(settings)


def _consumers() -> Sequence[Consumer[...]]:
    from crm_activities.worker import CONSUMERS

    return CONSUMERS


def _consuming(settings: ActivitiesSettings) -> AbstractAsyncContextManager[Consuming]:
    from crm_activities.worker import consuming

    return consuming(settings)


def _snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    from crm_activities.snapshots import list_snapshots

    return list_snapshots(database)


main = make_cli(
    "activities",
    ServiceParts(
        settings=ActivitiesSettings,
        migrations=Path(__file__).parents[2] / "migrations" / "versions",
        make_app=_make_app,
        consumers=_consumers,
        consuming=_consuming,
        snapshots=_snapshots,
    ),
)

if __name__ == "__main__":
    main()
