"""Whether a share to read is all by which somebody sees a record is looked up only where it may be."""

from typing import Never, cast
from uuid import UUID

import pytest

from crm_shared.access import Caller, Role
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.features.replicas.records import ReplicaRecord
from crm_shared.features.replicas.references import References

TENANT_ID = new_id()
OWN_ID = new_id()


class Asked(Exception):
    pass


class NoDatabase:
    def read(self, _tenant_id: UUID) -> Never:
        raise Asked


def contact_of(owner_id: UUID) -> ReplicaRecord:
    return ReplicaRecord(TENANT_ID, "contact", new_id(), 1, "Ada Lovelace", owner_id, None, None, is_deleted=False)


@pytest.mark.parametrize(
    ("role", "records", "is_asked"),
    [
        (Role.REP, [], False),
        (Role.REP, [contact_of(OWN_ID)], False),
        (Role.REP, [contact_of(OWN_ID), contact_of(new_id())], True),
        (Role.MANAGER, [contact_of(new_id())], True),
        (Role.ADMIN, [contact_of(new_id())], False),
    ],
    ids=["nothing", "own", "own and another's", "a report's perhaps", "who sees all"],
)
async def test_what_is_ones_own_or_of_who_sees_all_takes_no_look(
    role: Role, records: list[ReplicaRecord], *, is_asked: bool
) -> None:
    references = References(cast(Database, NoDatabase()), cast(OwnerApi, None))
    asking = references.find_read_only(Caller(TENANT_ID, OWN_ID, role, "EUR", "UTC"), records)
    if is_asked:
        with pytest.raises(Asked):
            await asking
    else:
        assert await asking == frozenset()
