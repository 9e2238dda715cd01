"""How webhooks are signed."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

from crm_deals.webhooks import domain, signing

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def _sign(secrets: list[str]) -> dict[str, str]:
    return signing.sign(b"{}", message_id="m", at=NOW, secrets_=secrets)


def test_each_valid_secret_signs() -> None:
    secret = signing.make_secret()
    headers = _sign([secret, "plain"])
    keys = [base64.b64decode(secret.removeprefix("whsec_")), b"plain"]
    signed = f"m.{int(NOW.timestamp())}.{{}}".encode()
    expected = ["v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    assert headers["webhook-signature"].split(" ") == expected
    assert signing.to_key("whsec_ü") == "whsec_ü".encode()  # no base64: the text itself


def test_a_replaced_secret_signs_until_its_time_is_over() -> None:
    webhook = domain.create(
        UUID(int=1), url="https://erp.example/", event_types=("crm.deal.won",), secret="old", now=NOW
    ).webhook
    event = domain.edit(webhook, {"secret": "new"}, overlap=timedelta(hours=24), now=NOW)
    assert event is not None
    assert domain.list_secrets(event.webhook, now=NOW + timedelta(hours=23)) == ["new", "old"]
    assert domain.list_secrets(event.webhook, now=NOW + timedelta(hours=24)) == ["new"]
    assert domain.edit(event.webhook, {"secret": "new"}, overlap=timedelta(hours=24), now=NOW) is None
