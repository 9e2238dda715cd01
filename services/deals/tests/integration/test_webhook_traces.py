"""An attempt to deliver is seen in the trace of the request whose event it carries, failed ones too."""

from typing import Final

import pytest
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import Dispatching, has_attempts, open_erp

from crm_testing.trace_collector import collecting, recording_here
from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import Receiver, answer

pytestmark = pytest.mark.engines

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"


async def test_each_attempt_is_of_the_events_trace(
    sales: Sales, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = await open_erp(sales, receiver, "crm.deal.created")
    receiver.behave = lambda _received: answer(503)
    with collecting() as collector, recording_here(collector, monkeypatch):
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        created = await sales.admin.post("/v1/deals", json={"name": "Acme renewal"}, headers=headers)
        await erp.publish()
        async with Dispatching(sales):
            await wait_until(lambda: has_attempts(erp))
            receiver.behave = lambda _received: answer(200)
            await wait_until(erp.has_sent_all)

    assert created.status_code == 201
    [request] = [span for span in collector.spans if span.name == "POST /v1/deals"]
    attempts = sorted(
        (span for span in collector.spans if span.name == "POST"),
        key=lambda span: int(span.attributes["http.request.resend_count"]),
    )
    assert {(span.trace_id, span.parent_id, span.kind) for span in attempts} == {(TRACE, request.span_id, "client")}
    assert [span.has_failed for span in attempts] == [True] * (len(attempts) - 1) + [False]
    assert attempts[0].attributes["error.type"] == "503"
    assert attempts[-1].attributes["http.response.status_code"] == 200
    assert attempts[-1].attributes["server.address"] == "127.0.0.1"
    assert "Acme" not in str(collector.spans)
