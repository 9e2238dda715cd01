"""The event types that exist: `crm.<aggregate>.<verb>`."""

from typing import Any, Final, TypedDict

from crm_shared.contracts.topics import TOPIC_OF_AGGREGATE

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
DELETED: Final = "deleted"

VERBS: Final[dict[str, tuple[str, ...]]] = {aggregate: spec.verbs for aggregate, spec in TOPIC_OF_AGGREGATE.items()}
"""The verbs of each aggregate, its creation first."""

EVENT_TYPES: Final[tuple[str, ...]] = tuple(
    f"crm.{aggregate}.{verb}" for aggregate, verbs in VERBS.items() for verb in verbs
)

Change = TypedDict("Change", {"from": Any, "to": Any})


def dataschema_of(event_type: str) -> str:
    """Return a type's `ce_dataschema`: a relative URI whose last part counts breaking changes, of which none is."""
    return f"/schemas/{event_type}/1"
