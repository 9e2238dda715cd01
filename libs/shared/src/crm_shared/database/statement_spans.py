"""A statement's span: what it does and to which table first. Its text is not told, and its values never are."""

import re
from functools import lru_cache
from typing import Final

from crm_shared.telemetry.spans import Attributes

_OPERATION: Final = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|MERGE)\b")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE) +(?:ONLY +)?([a-z_]{1,63})\b")
READ_CHARS: Final = 4096


@lru_cache(maxsize=1024)
def describe_statement(query: str) -> tuple[str, Attributes]:
    """Return the span's name, such as `UPDATE deals`, and its attributes. Statements are few and come again."""
    text = query[:READ_CHARS]
    operation, table = _OPERATION.search(text), _TABLE.search(text)
    attributes = {"db.system.name": "postgresql"}
    if operation is not None:
        attributes["db.operation.name"] = operation[1]
    if table is not None:
        attributes["db.collection.name"] = table[1]
    summary = " ".join(found[1] for found in (operation, table) if found is not None) or "statement"
    return summary, {**attributes, "db.query.summary": summary}
