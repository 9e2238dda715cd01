"""Takes erased records out of the answers that are stored for repeated requests."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json

from crm_shared.database import Transaction
from crm_shared.json_text import to_json

# Erasures are seldom and answers are kept for a day, so each is read through once: some 10 us for one record's.
FIND_ANSWERS: Final = """
    SELECT k.user_id, k.method, k.path, k.key, k.body
      FROM idempotency_keys k
     WHERE k.tenant_id = $1
       AND EXISTS (SELECT
                     FROM regexp_matches(convert_from(k.body, 'UTF8'), '"id":"([0-9a-f-]{36})"', 'g') AS found (ids)
                    WHERE found.ids[1] = ANY ($2::text[]))
       FOR UPDATE OF k
"""

REWRITE: Final = """
    UPDATE idempotency_keys SET body = $6
     WHERE tenant_id = $1 AND user_id = $2 AND method = $3 AND path = $4 AND key = $5
"""


async def rewrite_answers(transaction: Transaction, tenant_id: UUID, erased: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Put the erased states, by id, in the place of what stored answers say of these records.

    The answers stay, so that a request that comes again still acts only once.
    """
    states = {str(record_id): state for record_id, state in erased.items()}
    rows = await transaction.fetch(FIND_ANSWERS, tenant_id, list(states))
    for row in rows:
        answer = from_json(row["body"])
        scope = (tenant_id, row["user_id"], row["method"], row["path"], row["key"])
        await transaction.execute(REWRITE, *scope, to_json(replace_records(answer, states)))


def replace_records(answer: Any, states: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return `answer` with each record in it, at any depth, that has an id of `states` replaced by that state.

    A record is an object with `id` and `version`: a batch's line with an id alone says nothing of it.
    """
    if isinstance(answer, list):
        return [replace_records(item, states) for item in answer]
    if not isinstance(answer, dict):
        return answer
    record_id = answer.get("id")
    if isinstance(record_id, str) and "version" in answer and record_id in states:
        return states[record_id]
    return {name: replace_records(value, states) for name, value in answer.items()}
