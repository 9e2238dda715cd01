"""The local issuer of tokens, for development alone: a key pair in CRM_HOME, its public half as a JWKS file.

A suite that is told another issuer (CRM_AUTH_JWKS_URL) knows nothing of this one's keys.
"""

import os
from pathlib import Path
from uuid import UUID

from crm_issuer.keys import load_key, make_key
from crm_issuer.tokens import sign
from crm_local.home import Home
from crm_local.plan import AUDIENCE, ISSUER


class ExternalIssuer(Exception):
    """Tokens come from elsewhere: the suite would not take one of ours."""


def make_keys(home: Home) -> None:
    """Make the key pair and its JWKS file unless they are there."""
    make_key(_private_file(home), home.jwks_file)


def issue(home: Home, *, tenant_id: UUID, user_id: UUID, ttl_s: int) -> str:
    """Sign a token for a user of a tenant. Raises ExternalIssuer; FileNotFoundError before the first `crm up`."""
    if external := external_jwks_url(home):
        raise ExternalIssuer(f"this suite takes the tokens of another issuer: CRM_AUTH_JWKS_URL={external}")
    key = load_key(_private_file(home))
    return sign(key, issuer=ISSUER, audience=AUDIENCE, tenant_id=tenant_id, user_id=user_id, ttl_s=ttl_s)


def external_jwks_url(home: Home) -> str | None:
    """Return CRM_AUTH_JWKS_URL, ours now or the running suite's, where it names another issuer's keys."""
    state = home.read_state() or {}
    for url in (os.environ.get("CRM_AUTH_JWKS_URL"), state.get("jwks_url")):
        if url and url != home.jwks_file.as_uri():
            return str(url)
    return None


def _private_file(home: Home) -> Path:
    return home.secrets / "issuer.pem"
