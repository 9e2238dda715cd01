"""What a bulk request is made of, and what its answer says of each document."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from elasticsearch import ApiError

from crm_shared.bus import DependencyUnavailable
from crm_shared.json_text import JsonText, to_json


class IndexMissing(DependencyUnavailable):
    """There is no index behind the alias."""


def to_away(error: ApiError) -> DependencyUnavailable:
    """Return what a refused request is to who waits for the cluster: a missing index, or one that can't do it now."""
    kind = IndexMissing if error.status_code == HTTPStatus.NOT_FOUND else DependencyUnavailable
    return kind(describe(error))


def describe(error: ApiError) -> str:
    """Name an error by status and type. Its message holds what was asked, and logs are read by more people."""
    kind = str(error.error)
    return f"{error.status_code}: {kind if kind.isidentifier() else 'no type'}"


def address_of(tenant_id: UUID, record_type: str, record_id: UUID) -> str:
    """Return the id that a record's document has in every index."""
    return f"{tenant_id}:{record_type}:{record_id}"


@dataclass(frozen=True, slots=True)
class Write:
    """One document's newest form, None where it is to go. `revision` is its external version, `digest` its text's.

    What is to go leaves a tombstone, which no query finds as it has no tenant. Elasticsearch forgets what it deleted
    after a minute, and at a node's restart: an older write that was under way would bring the document back.
    """

    key: str
    revision: int
    document: JsonText | Mapping[str, Any] | None
    digest: str | None = None


def to_portions(writes: Sequence[Write], max_bytes: int, version_type: str) -> list[list[bytes]]:
    """Write the requests' lines, each request no longer than `max_bytes` unless one document is."""
    portions: list[list[bytes]] = []
    lines: list[bytes] = []
    size = 0
    for write in writes:
        document = {"gone_at": int(time.time() * 1000)} if write.document is None else write.document
        own = [
            to_json({"index": {"_id": write.key, "version": write.revision, "version_type": version_type}}),
            document if isinstance(document, JsonText) else to_json(document),
        ]
        own_size = sum(len(line) + 1 for line in own)
        if lines and size + own_size > max_bytes:
            portions.append(lines)
            lines, size = [], 0
        lines += own
        size += own_size
    if lines:
        portions.append(lines)
    return portions


def read_rejection(item: Mapping[str, Any]) -> str | None:
    status, error = item["status"], item.get("error")
    if error is None or status == HTTPStatus.CONFLICT:  # 409: the index has this revision or a newer one
        return None
    # Without the preview of the value, which is somebody's text: this goes to logs and dead letters.
    reason = f"{error['type']}: {error['reason'].partition(' Preview of field')[0]}"
    if status == HTTPStatus.NOT_FOUND:
        raise IndexMissing(reason)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise DependencyUnavailable(reason)
    if error["type"] in {"cluster_block_exception", "index_closed_exception"}:
        raise DependencyUnavailable(reason)
    return reason
