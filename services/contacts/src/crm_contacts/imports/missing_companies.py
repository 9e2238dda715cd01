"""Companies that a file of contacts names and nobody has made yet: made, left out, or against the row."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_contacts.companies import queries
from crm_contacts.companies.batch import CompanyBatch
from crm_contacts.companies.commands import CreateCompany
from crm_contacts.companies.domain import NewCompany
from crm_contacts.imports.company_names import find_companies, to_spaced
from crm_shared.access import Caller
from crm_shared.clock import Clock, FixedClock
from crm_shared.database import Database, Transaction, UnitOfWork
from crm_shared.features.batches import BatchItem, write_batch
from crm_shared.features.imports import repository
from crm_shared.features.imports.domain import Import, ImportedType
from crm_shared.features.imports.references import NO_COMPANY, NameKey
from crm_shared.features.imports.values import read_short_text
from crm_shared.refusals import Refusal

# A name may be had by several companies, so no constraint keeps two imports from making one each.
LOCK_COMPANIES: Final = "SELECT pg_advisory_xact_lock(hashtextextended('imported companies ' || $1::uuid, 0))"


async def create_companies(
    database: Database, caller: Caller, missing: Sequence[NameKey], job: Import, clock: Clock
) -> Mapping[NameKey, UUID | str | None]:
    """Make what nobody has made meanwhile, in a transaction of its own. Returns an id, or why there can be none."""
    now = FixedClock(clock.now())
    async with database.begin(job.tenant_id) as transaction:
        found, created = await find_or_create(transaction, caller, missing, now)
        # The chunk before this one may be written meanwhile: it holds the import, and both number what they wrote.
        await repository.load_for_update(transaction, job.tenant_id, job.id)
        await repository.add_chunk(
            transaction, job, written_at=now.at, created_ids=created, updated=(), entity_type=ImportedType.COMPANY
        )
    return found


@dataclass(frozen=True, slots=True)
class NamedCompanies:
    """`found`: a company's id, or why there can be none, by name; `states`: as GET answers them, by id."""

    found: Mapping[NameKey, UUID | str | None]
    created: Sequence[UUID]
    states: Mapping[UUID, Mapping[str, Any]]


async def name_companies(
    caller: Caller, names: Collection[NameKey], unit_of_work: UnitOfWork, clock: Clock
) -> NamedCompanies:
    """Find the caller's companies by their names, and make those that are not there."""
    async with unit_of_work.begin(caller) as transaction:
        found, created = await find_or_create(transaction, caller, names, FixedClock(clock.now()))
        ids = {company for company in found.values() if isinstance(company, UUID)}
        return NamedCompanies(found, created, await queries.load_companies(transaction, caller, ids))


async def find_or_create(
    transaction: Transaction, caller: Caller, names: Iterable[NameKey], clock: Clock
) -> tuple[dict[NameKey, UUID | str | None], list[UUID]]:
    """Find the caller's companies by domain, else by name, and make one for each that none of them is.

    However a name's letters' case and spaces are, and however a domain is written: as a page's address too. Gives an
    id for each name, or why there can be none, and which were made.
    """
    await transaction.execute(LOCK_COMPANIES, caller.tenant_id)
    found = await find_companies(transaction, caller, names)
    items: list[BatchItem[CreateCompany]] = []
    numbers: dict[tuple[str | None, str], int] = {}
    for key, company in found.items():
        if company != NO_COMPANY:
            continue
        try:
            name = _read_name(key)
        except ValueError as error:
            found[key] = f"can't be made: {error}"
            continue
        if (identity := _identify(key, name)) not in numbers:
            numbers[identity] = len(items)
            new = NewCompany(name=name, domain=key[1], owner_id=caller.user_id)
            items.append(BatchItem(len(items), new=CreateCompany(caller, new)))
    outcomes = await write_batch(transaction, CompanyBatch(caller, clock), items)
    for key, company in found.items():
        if company == NO_COMPANY:
            outcome = outcomes[numbers[_identify(key, _read_name(key))]]
            found[key] = f"can't be made: {outcome.detail}" if isinstance(outcome, Refusal) else outcome.id
    return found, [one.id for one in outcomes.values() if not isinstance(one, Refusal)]


def _read_name(key: NameKey) -> str:
    name = read_short_text(to_spaced(str(key[0])))
    if not name:
        raise ValueError("holds spaces only")
    return name


def _identify(key: NameKey, name: str) -> tuple[str | None, str]:
    """Return what those share that mean one company: the domain, as only one company has it, else the name."""
    return (key[1], "") if key[1] else (None, name.casefold())
