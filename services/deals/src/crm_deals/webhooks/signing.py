"""Signs deliveries as standardwebhooks.com describes, so that receivers have libraries for it."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32
MIN_KEY_BYTES = 8
"""Of a secret that the caller brings. standardwebhooks.com asks for 24, and ours have more; what is shorter than this
is found by trying."""


def make_secret() -> str:
    """Make a secret of 256 bits in the form that the libraries read."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def to_key(secret: str) -> bytes:
    """Return the key's bytes: those behind `whsec_` in base64, else the text itself in UTF-8."""
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except ValueError:  # binascii.Error among them
            pass
    return secret.encode()


def sign(body: bytes, *, message_id: str, at: datetime, secrets_: Sequence[str]) -> dict[str, str]:
    """Return the three headers; `webhook-signature` holds one signature for each secret.

    HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`, in base64 behind `v1,`.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.new(to_key(secret), signed, hashlib.sha256).digest()).decode()
        for secret in secrets_
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
