"""CRM_REPORTING_READ_DSN: reports read there, and their readiness depends on it."""

import pytest

from crm_reporting.app import make_app
from crm_reporting.settings import ReportingSettings
from crm_shared.testing.answers import require_ok, require_problem
from crm_shared.testing.deal_stories import ToldPipeline
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]


async def test_reports_come_from_the_database_named(
    reporting: Reporting, tenant: SeededTenant, pipeline: ToldPipeline
) -> None:
    settings = reporting.settings.model_copy(update={"read_dsn": reporting.settings.dsn})
    kit = ServiceKit(settings, make_app(settings), reporting.database, reporting.issuer)
    async with kit.app.router.lifespan_context(kit.app):
        client = kit.client(tenant.rep)
        assert require_ok(await client.get("/v1/reports/pipeline"))["pipeline_id"] == str(pipeline.id)
        assert require_ok(await client.get("/readyz"))["checks"] == {"database": "ok", "read_database": "ok"}
    await kit.close()


@pytest.mark.usefixtures("pipeline")
async def test_a_replica_that_is_away_leaves_exchange_rates_alone(reporting: Reporting, tenant: SeededTenant) -> None:
    away = type(reporting.settings.dsn)("postgresql://nobody:x@127.0.0.1:9/nowhere")
    settings = reporting.settings.model_copy(update={"read_dsn": away})
    kit = ServiceKit(settings, make_app(settings), reporting.database, reporting.issuer)
    async with kit.app.router.lifespan_context(kit.app):
        client = kit.client(tenant.rep)
        require_problem(await client.get("/v1/reports/pipeline"), 503, "unavailable")
        assert require_ok(await client.get("/v1/exchange-rates"))["items"] == []
        assert (await client.get("/readyz")).status_code == 503
    await kit.close()
