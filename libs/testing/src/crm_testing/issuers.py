"""An issuer of tokens for one test run: a key pair in memory, its public half as a JWKS file."""

import json
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ALGORITHM: Final = "ES256"
KEY_ID: Final = "throw-away"


class ThrowAwayIssuer:
    """Signs tokens that a service takes when its settings name `jwks_url`, `issuer` and `audience`."""

    issuer: Final = "crm-test"
    audience: Final = "crm"

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._file = folder / "jwks.json"
        self._file.write_text(json.dumps({"keys": [{**public, "kid": KEY_ID, "alg": ALGORITHM, "use": "sig"}]}))

    @property
    def jwks_url(self) -> str:
        return self._file.as_uri()

    def sign(self, tenant_id: UUID, user_id: UUID, *, ttl_s: int = 3600, **claims: Any) -> str:
        """Return a token. `claims` replace the usual ones: `aud="else"` makes one that is refused."""
        usual = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "tid": str(tenant_id),
            "exp": int(time.time()) + ttl_s,
        }
        return jwt.encode({**usual, **claims}, self._key, algorithm=ALGORITHM, headers={"kid": KEY_ID})
