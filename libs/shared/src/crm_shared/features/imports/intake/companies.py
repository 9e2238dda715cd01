"""Companies that a file names and that another service keeps: found or made by the caller's own right.

While the file is taken in, as nobody has the caller's token later: the worker that writes the rows acts for them by the
directory, which counts within its own service alone (decision 74).
"""

from asyncio import Lock, Semaphore
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import Database
from crm_shared.features.imports import repository
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import, OnMissingCompany, add_warnings
from crm_shared.features.imports.prepare.references import find_all
from crm_shared.features.imports.prepare.side_process import PreparingDied, preparing_beside
from crm_shared.features.imports.prepare.survey import Surveyed
from crm_shared.features.imports.problems import Warned
from crm_shared.features.imports.references import COMPANY, MAX_COMPANY_TEXT, NO_COMPANY, Found, Wanted
from crm_shared.refusals import InvalidField, Unavailable

MAX_COMPANIES: Final = 5_000
"""That one file may have made; more would hold the request for minutes."""
CHUNK_ROWS: Final = 1_000
SHOWN_NAMES: Final = 5
AT_ONCE: Final = 2


class CompanyKeeper(Protocol):
    """The service that keeps companies, asked in the caller's name."""

    async def find_or_create_companies(
        self, caller: Caller, names: Collection[str]
    ) -> Mapping[str, tuple[UUID, bool] | str]:
        """Return of each name the company's id and whether it was made just now, or why there can be none.

        Raises Unavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class CompanySettling:
    """Made once a process. Two files at once are read through, of two tenants: each takes a process of 100 MiB."""

    _turns: Semaphore = field(default_factory=lambda: Semaphore(AT_ONCE))
    _tenants: WeakValueDictionary[UUID, Lock] = field(default_factory=WeakValueDictionary)

    async def settle(
        self, job: Import, kind: AnyAdapter, caller: Caller, database: Database, keeper: CompanyKeeper, clock: Clock
    ) -> Import:
        """Have the companies made that the file's rows name and nobody has; give the import that says so.

        Raises InvalidField for a file that names too many, and Unavailable; what was made by then is found next time.
        """
        header = next((header for header, name in job.columns if name == COMPANY), None)
        if header is None or job.dry_run or job.options.on_missing_company is not OnMissingCompany.CREATE:
            return job
        tenant = self._tenants.setdefault(job.tenant_id, Lock())
        async with tenant, self._turns:
            names = await _list_missing(job, kind, caller, database, clock)
        if not names:
            return job
        settled = await keeper.find_or_create_companies(caller, names)
        made = [name for name in names if isinstance(company := settled[name], tuple) and company[1]]
        unknown = await _list_unknown(kind, caller, database, names)
        companies = {
            name: company if isinstance(company := settled[name], str) else str(company[0]) for name in unknown
        }
        warned = [Warned(header, _describe(made))] if made else []
        options = replace(job.options, companies=companies)
        return replace(job, options=options, warnings=add_warnings(job.warnings, warned))


async def _list_missing(job: Import, kind: AnyAdapter, caller: Caller, database: Database, clock: Clock) -> list[str]:
    """Return the names of companies that the rows want and that are not there, in the file's order."""
    missing: dict[str, None] = {}
    looking = replace(job, options=replace(job.options, on_missing_company=OnMissingCompany.FAIL))

    async def load_piece(number: int) -> bytes:
        async with database.read(job.tenant_id) as connection:
            return await repository.load_piece(connection, job.tenant_id, job.id, number)

    async def find(wanted: Wanted) -> Found:
        named = Wanted(keys=wanted.keys, names={COMPANY: wanted.names.get(COMPANY, {})})
        found = await find_all(database, caller, named, looking, kind, clock)
        texts = (str(key[0]) for key in found.list_missing_companies(named))
        # A longer one can name none, and thousands of them would be more than a request may hold.
        missing.update(dict.fromkeys(text for text in texts if len(text) <= MAX_COMPANY_TEXT))
        if len(missing) > MAX_COMPANIES:
            raise InvalidField.at(
                "/on_missing_company",
                f"the file names more than {MAX_COMPANIES:,} companies that are not there: import them first",
            )
        return found

    async def note(surveyed: Surveyed) -> Import:
        raise NotImplementedError(surveyed)  # nothing is read of the rows but their names

    try:
        async with preparing_beside(looking, kind, chunk_rows=CHUNK_ROWS, names_alone=True) as side:
            async for _ in side.chunks(load_piece, find, note):
                pass
    except PreparingDied:
        raise Unavailable("The file could not be read through right now.") from None
    return list(missing)


async def _list_unknown(kind: AnyAdapter, caller: Caller, database: Database, names: Collection[str]) -> list[str]:
    """Return those names that find no company here even now."""
    async with database.read(caller.tenant_id) as connection:
        wanted = Wanted(names={COMPANY: {(name,): None for name in names}})
        found = (await kind.look_up(connection, caller, wanted)).named[COMPANY]
    return [name for name in names if found[(name,)] == NO_COMPANY]


def _describe(made: list[str]) -> str:
    shown = ", ".join(made[:SHOWN_NAMES]) + (", \N{HORIZONTAL ELLIPSIS}" if len(made) > SHOWN_NAMES else "")
    return f"companies that were not there were made ({len(made):,}): {shown}"
