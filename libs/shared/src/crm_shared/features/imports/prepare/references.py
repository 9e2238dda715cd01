"""Answers what one chunk's rows refer to, in the sight of the import's user."""

from dataclasses import replace
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import Database
from crm_shared.features.imports import repository
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import
from crm_shared.features.imports.prepare.matching import find_matches, load_present
from crm_shared.features.imports.references import Found, Wanted


async def find_all(
    database: Database, caller: Caller, wanted: Wanted, job: Import, kind: AnyAdapter, clock: Clock
) -> Found:
    """Answer what is wanted; companies that are not there become what the import says."""
    async with database.read(caller.tenant_id) as connection:
        definitions = await kind.load_definitions(connection, caller.tenant_id)
        matches = await find_matches(connection, caller, wanted.keys, kind)
        matched = {one for one in matches.values() if isinstance(one, UUID)}
        looked_up = await kind.look_up(connection, caller, wanted)
        found = Found(
            now=clock.now(),
            definitions=definitions,
            fields=frozenset(name for name in job.fields if name is not None),
            ids=looked_up.ids,
            named=looked_up.named,
            row_context=looked_up.row_context,
            matches=matches,
            present=await load_present(connection, caller, matched, kind, definitions),
        )
    if wanted.failed_rows:
        async with database.read(job.tenant_id) as connection:
            found = replace(found, taken=await repository.find_taken(connection, job, wanted.failed_rows))
    return await kind.resolve_missing(database, caller, wanted, found, job, clock)
