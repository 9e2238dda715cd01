"""Idempotency-Key: the first answer is stored in the command's own transaction, so a crash leaves both or neither.

A key's scope is tenant, user, method and path. Refused calls roll back, and are not remembered. An answer is given
again to whoever may still do all that they might then, and without what is shown once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from crm_shared.access.caller import Caller
from crm_shared.database import Database, Transaction
from crm_shared.database.rls import protect
from crm_shared.permissions import Role, covers
from crm_shared.refusals import Conflict, Forbidden, InvalidField, Refusal

MAX_KEY_LENGTH = 255
ROLE = "role"
"""Stands beside the answer's headers in their column: the caller's role when it was given."""

REPLAYED_HEADERS = ("etag", "location", "crm-position", "content-type")


class KeyInUse(Conflict):
    slug, title = "idempotency-key-in-use", "The first request with this key is still running"
    retry_after_s = 1


class KeyReused(Refusal):
    status, slug, title = 422, "idempotency-key-reused", "This key came with another body before"


def idempotency_ddl(service: str) -> str:
    """Return the SQL for the first migration of `service`."""
    return """
        CREATE TABLE idempotency_keys (
            tenant_id   uuid NOT NULL,
            user_id     uuid NOT NULL,
            method      text NOT NULL,
            path        text NOT NULL,
            key         text NOT NULL,
            fingerprint bytea NOT NULL,
            status      integer NOT NULL,
            headers     jsonb NOT NULL,
            body        bytea NOT NULL,
            created_at  timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant_id, user_id, method, path, key)
        );
        CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
    """ + protect("idempotency_keys", service=service)


FIND = """
    SELECT fingerprint, status, headers, body
      FROM idempotency_keys
     WHERE tenant_id = $1 AND user_id = $2 AND method = $3 AND path = $4 AND key = $5
       AND created_at > now() - make_interval(hours => $6)
"""

LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"

STORE = """
    INSERT INTO idempotency_keys AS k (tenant_id, user_id, method, path, key, fingerprint, status, headers, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant_id, user_id, method, path, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
           body = excluded.body, created_at = now()
"""

FORGET = "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1)"


class ShownOnce(Response):
    """An answer with a secret in it. `kept_body` is what a repeated request gets instead of its body."""

    def __init__(self, content: bytes, kept_body: bytes, *, status_code: int, headers: Mapping[str, str]) -> None:
        super().__init__(content, status_code=status_code, media_type="application/json", headers=dict(headers))
        self.kept_body = kept_body


class AnsweredMeanwhile(Exception):
    """Another request with the key committed between our look and our lock."""


@dataclass(slots=True)
class IdempotencyKey:
    """One request's claim on its key. Takes part in the unit of work: enters its transaction, holds its commit."""

    caller: Caller
    method: str
    path: str
    key: str
    fingerprint: bytes
    keep_h: int
    _held: Transaction | None = field(default=None, init=False)

    @classmethod
    def claim(cls, caller: Caller, *, method: str, path: str, key: str, body: bytes, keep_h: int) -> "IdempotencyKey":
        """Take the key in. Raises InvalidField for one that is empty, over long or not printable ASCII."""
        if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
            raise InvalidField.at("Idempotency-Key", f"takes 1 to {MAX_KEY_LENGTH} printable ASCII characters")
        return cls(caller, method, path, key, hashlib.sha256(body).digest(), keep_h)

    async def find_answer(self, database: Database) -> Response | None:
        """Return the first answer again, or None.

        Raises KeyReused when it was to another body, and Forbidden when the caller's role may less than it might then:
        it may tell what they may no longer know. Whoever was promoted in between repeats in safety.
        """
        async with database.read(self.caller.tenant_id) as connection:
            row = await connection.fetchrow(FIND, *self._scope, self.keep_h)
        if row is None:
            return None
        if row["fingerprint"] != self.fingerprint:
            raise KeyReused("Use a new Idempotency-Key for a new request.")
        headers = {**row["headers"], "Idempotency-Replayed": "true"}
        role = Role(headers.pop(ROLE, self.caller.role))
        if not covers(self.caller.role, role):
            raise Forbidden("Your role may less than it might at the first request with this key. Use a new one.")
        return Response(row["body"], status_code=row["status"], headers=headers)

    async def enter(self, transaction: Transaction) -> None:
        """Take the key for this transaction. Raises KeyInUse, or AnsweredMeanwhile."""
        if self._held is not None:
            raise RuntimeError("one request, one unit of work")
        if not await transaction.fetchval(LOCK, "\x1f".join(str(part) for part in self._scope)):
            raise KeyInUse("Wait for its answer, then ask again.")
        if await transaction.fetchrow(FIND, *self._scope, self.keep_h) is not None:
            raise AnsweredMeanwhile

    def hold(self, transaction: Transaction) -> None:
        self._held = transaction

    async def conclude(self, response: Response) -> None:
        """Store the answer and commit, together with what the command wrote."""
        if self._held is None:
            return  # nothing was written, so asking again is harmless
        held, self._held = self._held, None
        try:
            headers = {name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}
            headers[ROLE] = self.caller.role
            body = response.kept_body if isinstance(response, ShownOnce) else response.body
            await held.execute(STORE, *self._scope, self.fingerprint, response.status_code, headers, body)
        except BaseException:
            await held.rollback()
            raise
        await held.commit()

    async def abandon(self) -> None:
        """Roll back what is held, if anything: the answer could not be made."""
        if self._held is not None:
            held, self._held = self._held, None
            await held.rollback()

    @property
    def _scope(self) -> tuple[object, ...]:
        return (self.caller.tenant_id, self.caller.user_id, self.method, self.path, self.key)
