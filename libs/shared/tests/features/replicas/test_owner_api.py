"""A record's owner is asked again where a connection ended under the question, as when its process is replaced."""

from uuid import UUID

import httpx
import pytest

from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.refusals import Unavailable
from crm_testing.raw_http import edge_settings

CONTACT = UUID("019a42f0-7c00-7000-8000-000000000005")
ENDED = httpx.RemoteProtocolError("Server disconnected without sending a response.")
AWAY = httpx.ConnectError("nobody listens")


def make_owner(*answers: httpx.Response | Exception) -> OwnerApi:
    """Return an owner that answers so, in turn; asked once more, it fails the test."""
    left = [*answers]

    def answer(_request: httpx.Request) -> httpx.Response:
        present = left.pop(0)
        if isinstance(present, Exception):
            raise present
        return present

    return OwnerApi(edge_settings(), transport=httpx.MockTransport(answer))


async def test_a_connection_that_ended_is_asked_again_on_another() -> None:
    owner = make_owner(ENDED, httpx.Response(200, json={"id": str(CONTACT)}))
    assert await owner.find("contact", CONTACT, "token") == {"id": str(CONTACT)}
    await owner.close()


@pytest.mark.parametrize("answers", [[AWAY], [ENDED, ENDED]], ids=["nobody listens", "ended twice"])
async def test_an_owner_that_is_away_is_not_asked_without_end(answers: list[Exception]) -> None:
    owner = make_owner(*answers)
    with pytest.raises(Unavailable):
        await owner.find("contact", CONTACT, "token")
    await owner.close()
