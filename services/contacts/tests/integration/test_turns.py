"""What is done to hundreds of records at once is told in pieces, so that others have their turn between them."""

import pytest

from crm_contacts import consumers
from crm_contacts.settings import ContactsSettings
from crm_shared.clock import SystemClock
from crm_shared.contracts import mapping
from crm_testing.answers import require_ok
from crm_testing.loop_rounds import LoopRounds
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_a_hand_over_tells_of_contacts_and_companies_in_pieces(
    contacts: ServiceKit[ContactsSettings], tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    rep, admin = contacts.client(tenant.rep), contacts.client(tenant.admin)
    for number in range(5):
        require_ok(await rep.post("/v1/contacts", json={"first_name": f"Zoë {number}"}), 201)
        require_ok(await rep.post("/v1/companies", json={"name": f"Zebra {number}"}), 201)
    leaving = {"active": False, "successor_id": str(tenant.other_rep.id)}
    require_ok(await admin.patch(f"/v1/users/{tenant.rep.id}", json=leaving))
    [left] = [event for event in await contacts.take_events(tenant.id) if event.aggregate == "user"]

    rounds = LoopRounds()
    monkeypatch.setattr(mapping, "PIECE_EVENTS", 2)
    rounds.watch_in(monkeypatch, mapping, "new_event")
    await consumers.hand_over([left], contacts.database, SystemClock())
    assert (rounds.calls, rounds.most) == (10, 2)
