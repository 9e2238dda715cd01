"""The topics of the bus, one for each aggregate: who writes it, which events, who reads it, how long it keeps what."""

from dataclasses import dataclass
from typing import Final, Literal

from crm_shared.service_registry import SERVICES

SNAPSHOT: Final = "snapshot"
ERASED: Final = "erased"

CleanupPolicy = Literal["compact", "compact,delete", "delete"]

DAY_MS: Final = 24 * 60 * 60 * 1000

# Long enough that a year's report can be rebuilt by replay alone; `republish` covers what is older.
HISTORY_RETENTION_MS: Final = 400 * DAY_MS

# A dead letter waits for a person to correct and redrive it; erased personal data must not lie in it for ever.
DEAD_LETTER_RETENTION_MS: Final = 30 * DAY_MS


# How long a compacted topic may keep what a newer record has replaced. A third of a day: after the second and the third
# telling of what was erased (crm_shared.features.erasure.reannouncing) a person is out of every topic within a day.
COMPACTION_LAG_S: Final = 8 * 60 * 60


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """An aggregate's topic: `service` alone writes it, `readers` are services that consume it.

    `verbs` are those of its events, the creation first.
    """

    aggregate: str
    service: str
    readers: tuple[str, ...]
    verbs: tuple[str, ...]
    cleanup_policy: CleanupPolicy = "compact"
    retention_ms: int | None = None

    @property
    def name(self) -> str:
        return f"crm.{self.aggregate}"

    @property
    def source(self) -> str:
        """The `ce_source` of every event on this topic."""
        return f"/crm/{self.service}"

    @property
    def is_compacted(self) -> bool:
        """Does Kafka drop a record once a newer one of its key is there? It then takes no record without a key."""
        return self.cleanup_policy != "delete"

    @property
    def configs(self) -> dict[str, str]:
        """The broker's settings for this topic, by Kafka's names."""
        configs: dict[str, str] = {"cleanup.policy": self.cleanup_policy}
        if self.retention_ms is not None:
            configs["retention.ms"] = str(self.retention_ms)
        return configs


# `snapshot` repeats the present version for readers that rebuild.
_SPECS: Final = (
    TopicSpec(
        "tenant",
        service="contacts",
        readers=tuple(name for name in SERVICES if name != "contacts"),
        verbs=("created", "updated", SNAPSHOT),
    ),
    TopicSpec("user", service="contacts", readers=SERVICES, verbs=("created", "updated", "deactivated", SNAPSHOT)),
    TopicSpec(
        "company",
        service="contacts",
        readers=("deals", "activities", "search"),
        verbs=("created", "updated", "deleted", "restored", SNAPSHOT),
    ),
    TopicSpec(
        "contact",
        service="contacts",
        readers=("contacts", "deals", "activities", "search", "reporting"),
        verbs=(
            *("created", "updated", "deleted", "restored", "shared", "unshared", "merged", "unmerged", ERASED),
            SNAPSHOT,
        ),
    ),
    TopicSpec(
        "pipeline",
        service="deals",
        readers=("deals", "search", "reporting"),
        verbs=("created", "updated", "archived", SNAPSHOT),
    ),
    TopicSpec(
        "deal",
        service="deals",
        readers=("activities", "deals", "search", "reporting"),
        verbs=("created", "updated", "stage_changed", "won", "lost", "reopened", "deleted", "restored", SNAPSHOT),
        cleanup_policy="delete",
        retention_ms=HISTORY_RETENTION_MS,
    ),
    TopicSpec("webhook", service="deals", readers=(), verbs=("created", "updated", "disabled", "deleted", SNAPSHOT)),
    # Compacted, unlike deals: nobody counts an activity's versions, and erased texts must go (decision 8).
    TopicSpec(
        "activity",
        service="activities",
        readers=("deals", "search", "reporting"),
        verbs=("logged", "updated", "completed", "reopened", "deleted", "restored", "reminded", SNAPSHOT),
        cleanup_policy="compact,delete",
        retention_ms=HISTORY_RETENTION_MS,
    ),
)

TOPICS: Final[dict[str, TopicSpec]] = {spec.name: spec for spec in _SPECS}
TOPIC_OF_AGGREGATE: Final[dict[str, TopicSpec]] = {spec.aggregate: spec for spec in _SPECS}


def topic_of(aggregate: str) -> str:
    """Name the topic of an aggregate ("deal" -> "crm.deal"). Raises KeyError for an aggregate nobody publishes."""
    return TOPIC_OF_AGGREGATE[aggregate].name


def is_compacted(topic: str) -> bool:
    """Is this a topic of ours that Kafka compacts? So are its dead-letter topics then."""
    return topic in TOPICS and TOPICS[topic].is_compacted


def dead_letter_topic(topic: str, group_id: str) -> str:
    """Name the topic that takes what `group_id` could not read from `topic`."""
    return f"{topic}.{group_id}.dlq"
