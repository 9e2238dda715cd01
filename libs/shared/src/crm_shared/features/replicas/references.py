"""Checks references: a record must exist and be in the caller's sight, by the replica first, then by its owner."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, LiteralString
from uuid import UUID

from pydantic import ValidationError

from crm_shared.access.active_users import find_active
from crm_shared.access.caller import Caller
from crm_shared.access.visibility import add_visible, governed_by
from crm_shared.contracts.states import STATE_MODELS, CompanyState, UserState
from crm_shared.database import Connection, Database, Where
from crm_shared.features.replicas.owner_api import UNREADABLE, OwnerApi
from crm_shared.features.replicas.records import ReplicaRecord, from_state, save_records
from crm_shared.permissions import Permission
from crm_shared.refusals import FieldProblem, Forbidden, Unavailable, UnknownReference

FIND_RECORDS = """
    SELECT r.tenant_id, r.aggregate, r.id, r.version, r.name, r.owner_id, r.company_id, r.contact_id, r.is_deleted
      FROM replica_records r
      JOIN unnest($1::text[], $2::uuid[]) AS wanted (aggregate, id) USING (aggregate, id)
     WHERE r.tenant_id = $3 AND NOT r.is_deleted AND """

# The contact whose share lets a record be seen: a contact itself, or a deal's.
CONTACT_OF_RECORD: LiteralString = "CASE r.aggregate WHEN 'contact' THEN r.id ELSE r.contact_id END"

FIND_READ_ONLY = """
    SELECT r.aggregate, r.id
      FROM replica_records r
      JOIN unnest($1::text[], $2::uuid[]) AS wanted (aggregate, id) USING (aggregate, id)
      JOIN contact_shares s ON s.tenant_id = $3 AND s.user_id = $4
                           AND s.contact_id = CASE r.aggregate WHEN 'contact' THEN r.id ELSE r.contact_id END
     WHERE r.tenant_id = $3 AND s.permission = 'READ' AND NOT """

MOST_NAMES = 1_000
"""Of companies in one question."""

ASKED_AT_ONCE = 8
"""Questions to an owner at one time, for a batch whose records the replica has not heard of."""

FIND_USERS = "SELECT id, active FROM directory_users WHERE tenant_id = $1 AND id = ANY($2)"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to check: `pointer` is the field that holds it (`/contact_id`).

    `may_have_left`: a user who is not active any more will do too.
    """

    pointer: str
    aggregate: str
    id: UUID
    may_have_left: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What there is for the caller: records by (aggregate, id), and users who are active.

    `unasked`: of these, by (aggregate, id), nobody knows here, and their owner was not asked.
    """

    records: Mapping[tuple[str, UUID], ReplicaRecord]
    user_ids: frozenset[UUID]
    unasked: frozenset[tuple[str, UUID]] = frozenset()


class References:
    """Made once a process. Ask before the transaction begins: an owner's answer may take its time."""

    def __init__(self, database: Database, owner_api: OwnerApi) -> None:
        self.database = database
        self._owner_api = owner_api

    async def require(self, caller: Caller, *wanted: Reference) -> Mapping[str, ReplicaRecord]:
        """Return the records by pointer. Raises UnknownReference naming each that is not there, or Unavailable."""
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

    async def find(self, caller: Caller, wanted: Collection[Reference], *, most_asked: int | None = None) -> Found:
        """Look many up at once; what is not there is missing. Raises Unavailable.

        `most_asked`: records that the replica has not heard of and that are asked for, the first; None: all.
        """
        named = {(reference.aggregate, reference.id): reference for reference in wanted}
        records = [reference for reference in named.values() if reference.aggregate != "user"]
        users = [reference for reference in named.values() if reference.aggregate == "user"]
        found: dict[tuple[str, UUID], ReplicaRecord] = {}
        if records:
            async with self.database.read(caller.tenant_id) as connection:
                found = await _find_records(connection, caller, records)
        missing = [reference for reference in records if (reference.aggregate, reference.id) not in found]
        at_once = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(reference: Reference) -> ReplicaRecord | None:
            async with at_once:
                return await self._ask_owner(caller, reference)

        asked = await asyncio.gather(*(ask(reference) for reference in missing[:most_asked]))
        unasked = () if most_asked is None else missing[most_asked:]
        found |= {(record.aggregate, record.id): record for record in asked if record is not None}
        unknown = {reference.id for reference in await self._list_unknown_users(caller, users)}
        return Found(
            found,
            frozenset(reference.id for reference in users if reference.id not in unknown),
            frozenset((reference.aggregate, reference.id) for reference in unasked),
        )

    async def find_or_create_companies(
        self, caller: Caller, names: Collection[str]
    ) -> Mapping[str, tuple[UUID, bool] | str]:
        """Return of each name the caller's company and whether it was made just now, or why there can be none.

        By domain, else by name; as often as it is asked, each is made once. What contacts says is kept, so that rows
        may refer to it at once. Raises Unavailable.
        """
        settled: dict[str, tuple[UUID, bool] | str] = {}
        wanted = list(names)
        for some in (wanted[at : at + MOST_NAMES] for at in range(0, len(wanted), MOST_NAMES)):
            answers = await self._owner_api.find_or_create_companies(some, caller.token)
            try:
                for answer in answers:
                    name = some[answer["index"]]
                    if answer.get("company") is None:
                        settled[name] = _read_reason(answer["problem"])
                    else:
                        settled[name] = UUID(answer["company"]["id"]), answer["status"] == HTTPStatus.CREATED
                companies = [one["company"] for one in answers if one.get("company") is not None]
                records = [from_state(caller.tenant_id, CompanyState.model_validate(one)) for one in companies]
            except (KeyError, IndexError, TypeError, ValueError):
                raise Unavailable(UNREADABLE) from None
            if not settled.keys() >= set(some):
                raise Unavailable(UNREADABLE)
            async with self.database.begin(caller.tenant_id) as transaction:
                await save_records(transaction, records)
        return settled

    async def require_writable(self, caller: Caller, records: Mapping[str, ReplicaRecord]) -> None:
        """Refuse, by pointer, what is in the caller's sight through a share to read alone. Raises Forbidden."""
        refused = await self.find_read_only(caller, records.values())
        refuse_read_only({pointer: (one.aggregate, one.id) for pointer, one in records.items()}, refused)

    async def find_read_only(self, caller: Caller, records: Collection[ReplicaRecord]) -> frozenset[tuple[str, UUID]]:
        """Return those, by (aggregate, id), that the caller sees through a share to read alone."""
        if not _list_foreign(caller, records):  # a connection costs a tenth of a short write
            return frozenset()
        async with self.database.read(caller.tenant_id) as connection:
            return await find_read_only(connection, caller, records)

    async def _ask_owner(self, caller: Caller, reference: Reference) -> ReplicaRecord | None:
        """Ask the owner, who applies the caller's sight itself. What it says is kept, so that it is asked once."""
        answer = await self._owner_api.find(reference.aggregate, reference.id, caller.token)
        if answer is None:
            return None
        try:
            record = from_state(caller.tenant_id, STATE_MODELS[reference.aggregate].model_validate(answer))
        except ValidationError:
            raise Unavailable(UNREADABLE) from None
        async with self.database.begin(caller.tenant_id) as transaction:
            await save_records(transaction, [record])
        return record

    async def _list_unknown_users(self, caller: Caller, users: list[Reference]) -> list[Reference]:
        others = [reference for reference in users if reference.id != caller.user_id]
        if not others:
            return []
        async with self.database.read(caller.tenant_id) as connection:
            rows = await connection.fetch(FIND_USERS, caller.tenant_id, [reference.id for reference in others])
        known = {row["id"]: row["active"] for row in rows}
        return [reference for reference in others if not await self._is_known(caller, reference, known)]

    async def _is_known(self, caller: Caller, reference: Reference, known: Mapping[UUID, bool]) -> bool:
        if reference.id in known:
            return known[reference.id] or reference.may_have_left
        answer = await self._owner_api.find("user", reference.id, caller.token)
        try:
            return answer is not None and (UserState.model_validate(answer).active or reference.may_have_left)
        except ValidationError:
            raise Unavailable(UNREADABLE) from None


def _read_reason(problem: Mapping[str, Any]) -> str:
    """Return what is wrong with an item, without the place in a request that nobody has seen."""
    errors = problem.get("errors") or [problem]
    return str(errors[0]["detail"])


async def find_known(connection: Connection, caller: Caller, wanted: Collection[Reference]) -> Found:
    """Look many up in what is kept here, and ask nobody: for work without a caller's token."""
    records = [reference for reference in wanted if reference.aggregate != "user"]
    found = await _find_records(connection, caller, records) if records else {}
    users = {reference.id for reference in wanted if reference.aggregate == "user"}
    return Found(found, await find_active(connection, caller, users))


async def find_read_only(
    connection: Connection, caller: Caller, records: Collection[ReplicaRecord]
) -> frozenset[tuple[str, UUID]]:
    """Return those, by (aggregate, id), that the caller sees through a share to read alone."""
    others = _list_foreign(caller, records)
    if not others:
        return frozenset()
    where = Where([one.aggregate for one in others], [one.id for one in others], caller.tenant_id, caller.user_id)
    statement = FIND_READ_ONLY + governed_by(where, caller, "r.owner_id")
    rows = await connection.fetch(statement, *where.parameters)
    return frozenset((row["aggregate"], row["id"]) for row in rows)


def _list_foreign(caller: Caller, records: Collection[ReplicaRecord]) -> list[ReplicaRecord]:
    """Return those that a share may be all by which the caller sees them."""
    if caller.can(Permission.SEE_ALL):
        return []
    return [one for one in records if one.owner_id != caller.user_id]


def refuse_read_only(named: Mapping[str, tuple[str, UUID]], read_only: Collection[tuple[str, UUID]]) -> None:
    """Raise Forbidden for each pointer of `named` that names one of `read_only`."""
    problems = [
        FieldProblem(pointer, "is shared with you to read, not to write")
        for pointer, key in named.items()
        if key in read_only
    ]
    if problems:
        raise Forbidden("; ".join(f"{p.pointer}: {p.detail}" for p in problems), errors=problems)


async def _find_records(
    connection: Connection, caller: Caller, wanted: list[Reference]
) -> dict[tuple[str, UUID], ReplicaRecord]:
    """Return what the replica has and the caller sees."""
    where = Where([r.aggregate for r in wanted], [r.id for r in wanted], caller.tenant_id)
    add_visible(where, caller, "r.owner_id", contact_id=CONTACT_OF_RECORD)
    rows = await connection.fetch(FIND_RECORDS + where.sql, *where.parameters)
    return {(row["aggregate"], row["id"]): ReplicaRecord(**row) for row in rows}
