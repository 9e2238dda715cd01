"""From a record's cells to a row for COPY, and its event: the same bytes as a single POST publishes."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import uuid_utils

from crm_shared.contracts.writing import require_readable, to_value
from crm_shared.features.imports.adapter import ChunkRows
from crm_shared.json_text import to_json

_ARRAY_NEEDS_ESCAPE: Final = re.compile(r'["\\]')
_COPY_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class StagedRows(ChunkRows):
    """Writes the rows of one chunk: all are published at the same moment, by the same user.

    `template` is the state of a record with nothing in it.
    """

    def __init__(
        self,
        aggregate: str,
        staged: Sequence[str],
        template: Mapping[str, Any],
        actor_id: UUID,
    ) -> None:
        super().__init__()
        self._aggregate = aggregate
        self._staged = staged
        self._owner = str(actor_id)
        self._lines: list[str] = []
        # What is the same in every row is written once: ids and instants cost more than all texts together.
        # Once for all rows: what these bring in is text, ids and custom fields, each as its own reader has let it in.
        require_readable(aggregate, template)
        self._template = {
            name: str(value) if isinstance(value, UUID) else _to_json_text(value) if name.endswith("_at") else value
            for name, value in template.items()
        }
        self._actor = actor_id

    def take(self) -> bytes:
        return "".join(self._lines).encode()

    def add(
        self, values: dict[str, Any], custom_data: Mapping[str, Any], refusal: str | None, *, is_new: bool = True
    ) -> None:
        """Add one line of COPY's text format, NULL as nothing."""
        record_id = str(values.pop("id", None) or uuid_utils.uuid7())  # the file's own, where records are found by it
        if is_new:
            values.setdefault("owner_id", self._owner)
        state = {**self._template, **values, "id": record_id, "custom_data": custom_data}
        payload = to_json(to_value(self._aggregate, state, changed=None, actor_id=self._actor)).decode()
        fields = [str(len(self._lines)), record_id]
        for name in self._staged:
            value = values.get(name)
            if value is None:
                fields.append("{}" if name == "tags" else "")
            else:
                fields.append(_to_array(value) if name == "tags" else str(value))
        fields += [to_json(custom_data).decode() if custom_data else "{}", refusal or "", payload]
        line = "\t".join(fields)
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != len(fields) - 1:
            line = "\t".join(field.translate(_COPY_ESCAPES) for field in fields)
        self._lines.append(line + "\n")


def _to_json_text(value: object) -> object:
    """Return an instant as JSON has it."""
    return None if value is None else to_json(value).decode().strip('"')


@lru_cache(maxsize=4096)
def _to_array(texts: tuple[str, ...]) -> str:
    """Write a PostgreSQL array."""
    return "{" + ",".join('"' + _ARRAY_NEEDS_ESCAPE.sub(r"\\\g<0>", text) + '"' for text in texts) + "}"
