"""Checks references: a record must exist and be in the caller's sight, by the replica first, then by its owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError

from crm_shared.access.caller import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.contracts.states import STATE_MODELS, UserState
from crm_shared.database import Connection, Database, Where
from crm_shared.refusals import FieldProblem, Unavailable, UnknownReference
from crm_shared.replicas.owner_api import UNREADABLE, OwnerApi
from crm_shared.replicas.records import ReplicaRecord, from_state, save_records

FIND_RECORDS = """
    SELECT r.tenant_id, r.aggregate, r.id, r.version, r.name, r.owner_id, r.company_id, r.contact_id, r.is_deleted
      FROM replica_records r
      JOIN unnest($1::text[], $2::uuid[]) AS wanted (aggregate, id) USING (aggregate, id)
     WHERE r.tenant_id = $3 AND NOT r.is_deleted AND """

FIND_USERS = "SELECT id, active FROM directory_users WHERE tenant_id = $1 AND id = ANY($2)"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to check: `pointer` is the field that holds it (`/contact_id`)."""

    pointer: str
    aggregate: str
    id: UUID


class References:
    """Made once a process. Ask before the transaction begins: an owner's answer may take its time."""

    def __init__(self, database: Database, owner_api: OwnerApi) -> None:
        self.database = database
        self._owner_api = owner_api

    async def require(self, caller: Caller, *wanted: Reference) -> Mapping[str, ReplicaRecord]:
        """Give the records by pointer. Raises UnknownReference naming each that is not there, or Unavailable."""
        records = [reference for reference in wanted if reference.aggregate != "user"]
        found: dict[str, ReplicaRecord] = {}
        unknown: list[Reference] = []
        if records:
            async with self.database.read(caller.tenant_id) as connection:
                rows = await _find_records(connection, caller, records)
            for reference in records:
                # The replica may be a moment behind, so a "no" is asked again of the owner, a "yes" is enough.
                record = rows.get((reference.aggregate, reference.id)) or await self._ask_owner(caller, reference)
                if record is None:
                    unknown.append(reference)
                else:
                    found[reference.pointer] = record
        unknown += await self._list_unknown_users(caller, [r for r in wanted if r.aggregate == "user"])
        if unknown:
            problems = [FieldProblem(r.pointer, f"there is no such {r.aggregate}") for r in unknown]
            raise UnknownReference("; ".join(f"{p.pointer}: {p.detail}" for p in problems), errors=problems)
        return found

    async def _ask_owner(self, caller: Caller, reference: Reference) -> ReplicaRecord | None:
        """Ask the owner, who applies the caller's sight itself. What it says is kept, so that it is asked once."""
        answer = await self._owner_api.find(reference.aggregate, reference.id, caller.token)
        if answer is None:
            return None
        try:
            record = from_state(caller.tenant_id, STATE_MODELS[reference.aggregate].model_validate(answer))
        except ValidationError:
            raise Unavailable(UNREADABLE) from None
        async with self.database.read(caller.tenant_id) as connection:
            await save_records(connection, [record])
        return record

    async def _list_unknown_users(self, caller: Caller, users: list[Reference]) -> list[Reference]:
        others = [reference for reference in users if reference.id != caller.user_id]
        if not others:
            return []
        async with self.database.read(caller.tenant_id) as connection:
            rows = await connection.fetch(FIND_USERS, caller.tenant_id, [reference.id for reference in others])
        known = {row["id"]: row["active"] for row in rows}
        return [reference for reference in others if not await self._is_active(caller, reference, known)]

    async def _is_active(self, caller: Caller, reference: Reference, known: Mapping[UUID, bool]) -> bool:
        if reference.id in known:
            return known[reference.id]
        answer = await self._owner_api.find("user", reference.id, caller.token)
        try:
            return answer is not None and UserState.model_validate(answer).active
        except ValidationError:
            raise Unavailable(UNREADABLE) from None


async def _find_records(
    connection: Connection, caller: Caller, wanted: list[Reference]
) -> dict[tuple[str, UUID], ReplicaRecord]:
    """Give what the replica has and the caller sees."""
    where = Where([r.aggregate for r in wanted], [r.id for r in wanted], caller.tenant_id)
    add_visible(where, caller, "r.owner_id")
    rows = await connection.fetch(FIND_RECORDS + where.sql, *where.parameters)
    return {(row["aggregate"], row["id"]): ReplicaRecord(**row) for row in rows}
