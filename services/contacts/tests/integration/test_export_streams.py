"""An export ends, visibly unfinished, when its caller is shut out or sees other records than at its beginning."""

import asyncio

import pytest
from services.contacts.tests.integration.importing import Kit
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_contacts.app import make_app
from crm_contacts.exports import routes
from crm_shared.database import Database
from crm_shared.http.direct import entrance
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.raw_http import read_to_end, serving_on_socket, status_of

pytestmark = pytest.mark.engines

PAGES, ROWS = 4, 10
LAST_CHUNK = b"0\r\n\r\n"


class ChangingMeanwhile:
    """Carries a change out once the second piece of an answer's body is on its way."""

    def __init__(self, app: ASGIApp, dsn: str, change: str, person: Person) -> None:
        self._app, self._dsn, self._change, self._person = app, dsn, change, person

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces = 0

        async def send_on(message: Message) -> None:
            nonlocal pieces
            await send(message)
            pieces += bool(message.get("body"))
            if pieces == 2 and message.get("body"):
                async with (
                    Database.opened(self._dsn, max_size=1) as database,
                    database.begin_as_worker() as transaction,
                ):
                    await transaction.execute(self._change, self._person.id)

        await self._app(scope, receive, send_on)


async def export(contacts: Kit, person: Person, change: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(routes, "PAGE_ROWS", ROWS)
    app = entrance(make_app(contacts.settings))
    dsn = contacts.settings.worker_dsn.get_secret_value()
    token = contacts.client(person).headers["authorization"]
    request = f"GET /v1/exports/contacts.csv HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"

    def ask() -> bytes:
        with serving_on_socket(ChangingMeanwhile(app, dsn, change, person), contacts.settings) as served:
            connection = served.connect()
            connection.sendall(request.encode())
            return read_to_end(connection)

    return await asyncio.to_thread(ask)


async def create(contacts: Kit, person: Person) -> None:
    items = [{"first_name": f"Number {number}"} for number in range(PAGES * ROWS)]
    body = {"mode": "create", "items": items}
    require_ok(await contacts.client(person).post("/v1/contacts/batch", json=body), 207)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE directory_users SET active = false WHERE id = $1",
        "UPDATE directory_users SET role = 'REP' WHERE id = $1",
        "DELETE FROM visible_owners WHERE viewer_id = $1",
    ],
    ids=["shut out", "another role", "a team less"],
)
async def test_an_export_ends_unfinished_when_its_callers_rights_change(
    contacts: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await create(contacts, tenant.manager)
    answer = await export(contacts, tenant.manager, change, monkeypatch)
    assert status_of(answer) == 200
    assert ROWS <= answer.count(b"Number ") < PAGES * ROWS
    assert not answer.endswith(LAST_CHUNK)


async def test_an_export_whose_caller_stays_is_whole(
    contacts: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(contacts, tenant.manager)
    answer = await export(contacts, tenant.manager, "SELECT $1::uuid", monkeypatch)
    assert answer.count(b"Number ") == PAGES * ROWS
    assert answer.endswith(LAST_CHUNK)
