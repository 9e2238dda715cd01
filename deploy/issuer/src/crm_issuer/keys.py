"""The issuer's one key pair: the private half as PEM, the public half as a JWKS file that the APIs read."""

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ALGORITHM = "ES256"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An elliptic curve key on P-256. `kid` is its RFC 7638 thumbprint's first 16 hexadecimal digits."""

    private: ec.EllipticCurvePrivateKey
    kid: str
    public_jwk: dict[str, str]

    def to_jwks(self) -> dict[str, list[dict[str, str]]]:
        return {"keys": [{**self.public_jwk, "kid": self.kid, "alg": ALGORITHM, "use": "sig"}]}


def make_key(private_file: Path, jwks_file: Path) -> SigningKey:
    """Return the key of `private_file`, made now unless it is there, its public half written to `jwks_file`."""
    if not private_file.exists():
        _write_private(private_file, _to_pem(ec.generate_private_key(ec.SECP256R1())))
    key = load_key(private_file)
    fresh = jwks_file.with_name(f".{jwks_file.name}.{os.getpid()}")
    fresh.write_text(json.dumps(key.to_jwks()))
    fresh.replace(jwks_file)
    return key


def load_key(private_file: Path) -> SigningKey:
    """Read the key. Raises FileNotFoundError; TypeError where the file holds another kind of key."""
    key = serialization.load_pem_private_key(private_file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{private_file} holds no elliptic curve key")
    public: dict[str, str] = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    # RFC 7638: the members that matter, sorted, without spaces.
    thumbprint = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return SigningKey(key, sha256(thumbprint.encode()).hexdigest()[:16], public)


def _to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(file: Path, content: bytes) -> None:
    """Write what nobody else may read, whole or not at all: a start that was cut off leaves no half a key."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    fresh.replace(file)
