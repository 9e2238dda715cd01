"""SQL of `search_indexes`: which indexes there are, and what each is for.

    making -> filling -> settling -> live -> kept, and then it is removed; abandoned instead, from the first two

`filling`: written by all beside the live one, and read by nobody. `settling`: in the live one's place, and compared
once more. `refilling`: live from its beginning, as there was none before. One at most is being made or filled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from crm_shared.database import Connection, Transaction


class State(StrEnum):
    MAKING = "making"
    FILLING = "filling"
    REFILLING = "refilling"
    SETTLING = "settling"
    LIVE = "live"
    KEPT = "kept"
    ABANDONED = "abandoned"


OPEN: Final = (State.MAKING, State.FILLING, State.REFILLING, State.SETTLING)
"""States in which workers have something to do."""

IS_FILLING: Final = "SELECT EXISTS (SELECT FROM search_indexes WHERE state = 'filling')"
FIND_OPEN: Final = """
    SELECT name, form, state, refusal
      FROM search_indexes
     WHERE state = ANY($1) AND ($2 OR refusal IS NULL OR changed_at < now() - make_interval(secs => $3))
     ORDER BY state IN ('making', 'filling'), name  -- what is read already comes before what is not
     LIMIT 1
"""
FIND_BESIDE: Final = "SELECT name, form, state, refusal FROM search_indexes WHERE state IN ('making', 'filling')"
FIND: Final = "SELECT name, form, state, refusal FROM search_indexes WHERE name = $1"
REGISTER: Final = """
    INSERT INTO search_indexes (name, form, state) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING
"""
CHANGE: Final = """
    UPDATE search_indexes SET state = $3, refusal = NULL, changed_at = now() WHERE name = $1 AND state = $2
"""
TRY_AGAIN: Final = "UPDATE search_indexes SET refusal = NULL WHERE name = $1"
REFUSE: Final = "UPDATE search_indexes SET refusal = $2, changed_at = now() WHERE name = $1 AND state = 'filling'"
HOLD_FILLING: Final = "SELECT name FROM search_indexes WHERE name = $1 AND state = 'filling' FOR UPDATE"
REPLACE: Final = """
    UPDATE search_indexes
       SET state = CASE WHEN name = $1 THEN 'settling' ELSE 'kept' END, refusal = NULL, changed_at = now()
     WHERE name = $1 OR starts_with(name, $2 || '-v') AND state IN ('refilling', 'settling', 'live')
"""
LIST_REMOVABLE: Final = """
    SELECT name
      FROM search_indexes
     WHERE state = 'abandoned' OR state = 'kept' AND changed_at <= now() - make_interval(secs => $1)
     ORDER BY name
"""
FORGET: Final = "DELETE FROM search_indexes WHERE name = $1 AND state IN ('kept', 'abandoned')"

RETRY_S: Final = 600.0
"""From a refusal until workers compare the index again by themselves."""


@dataclass(frozen=True, slots=True)
class Index:
    """`form` is the INDEX_VERSION that it was registered with; `refusal` why it may not replace the live one."""

    name: str
    form: int
    state: State
    refusal: str | None


async def is_filling(connection: Connection) -> bool:
    """Return whether there is an index that is to be written beside the live one."""
    return bool(await connection.fetchval(IS_FILLING))


async def find_open(connection: Connection, *, refused_too: bool = False) -> Index | None:
    """Return the index that has something to be done for it; one that was refused lately only if `refused_too`."""
    return _to_index(await connection.fetchrow(FIND_OPEN, list(OPEN), refused_too, RETRY_S))


async def find_beside(connection: Connection) -> Index | None:
    """Return the index that is made or filled beside the live one."""
    return _to_index(await connection.fetchrow(FIND_BESIDE))


async def find(connection: Connection, name: str) -> Index | None:
    return _to_index(await connection.fetchrow(FIND, name))


def _to_index(row: Mapping[str, Any] | None) -> Index | None:
    return None if row is None else Index(row["name"], row["form"], State(row["state"]), row["refusal"])


async def register(connection: Connection, name: str, form: int, state: State) -> None:
    """Note an index; one that is noted stays as it is, and so does what is being made or filled already."""
    await connection.execute(REGISTER, name, form, state)


async def change(connection: Connection, name: str, old: State, new: State) -> None:
    """Bring an index from one state to the next; nothing if somebody else has."""
    await connection.execute(CHANGE, name, old, new)


async def try_again(connection: Connection, name: str) -> None:
    """Forget why an index was refused, so that it is compared at once."""
    await connection.execute(TRY_AGAIN, name)


async def refuse(connection: Connection, name: str, reason: str) -> None:
    await connection.execute(REFUSE, name, reason)


async def hold_filling(transaction: Transaction, name: str) -> bool:
    """Hold an index as long as the transaction, if it is still one that is filled."""
    return await transaction.fetchval(HOLD_FILLING, name) is not None


async def replace(transaction: Transaction, name: str, alias: str) -> None:
    """Note that the index, which is held, stands behind the alias; those that stood there are kept."""
    await transaction.execute(REPLACE, name, alias)


async def list_removable(connection: Connection, *, kept_s: float) -> list[str]:
    """List the indexes that were abandoned, or replaced `kept_s` ago."""
    return [row["name"] for row in await connection.fetch(LIST_REMOVABLE, kept_s)]


async def forget(connection: Connection, name: str) -> None:
    await connection.execute(FORGET, name)
