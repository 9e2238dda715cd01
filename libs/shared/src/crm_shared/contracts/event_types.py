"""The event types that exist: `crm.<aggregate>.<verb>`."""

from typing import Any, Final, TypedDict

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
SNAPSHOT: Final = "snapshot"
DELETED: Final = "deleted"
ERASED: Final = "erased"

# The verbs of each aggregate, its creation first. `snapshot` repeats the present version for readers that rebuild.
VERBS: Final[dict[str, tuple[str, ...]]] = {
    "tenant": ("created", "updated", SNAPSHOT),
    "user": ("created", "updated", "deactivated", SNAPSHOT),
    "company": ("created", "updated", "deleted", "restored", SNAPSHOT),
    "contact": (
        *("created", "updated", "deleted", "restored", "shared", "unshared", "merged", "unmerged", ERASED),
        SNAPSHOT,
    ),
    "pipeline": ("created", "updated", "archived", SNAPSHOT),
    "deal": ("created", "updated", "stage_changed", "won", "lost", "reopened", "deleted", "restored", SNAPSHOT),
    "webhook": ("created", "updated", "disabled", "deleted", SNAPSHOT),
    "activity": ("logged", "updated", "completed", "reopened", "deleted", "restored", "reminded", SNAPSHOT),
}
EVENT_TYPES: Final[tuple[str, ...]] = tuple(
    f"crm.{aggregate}.{verb}" for aggregate, verbs in VERBS.items() for verb in verbs
)

Change = TypedDict("Change", {"from": Any, "to": Any})


def dataschema_of(event_type: str) -> str:
    """Return a type's `ce_dataschema`: a relative URI whose last part counts breaking changes, of which none is."""
    return f"/schemas/{event_type}/1"
