"""The topics of the bus: who writes each, who reads it, and how long it keeps what."""

from dataclasses import dataclass
from typing import Final, Literal

from crm_shared.service_registry import SERVICES

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
    """One topic: `name` is `crm.<aggregate>`; `service` alone writes it, `readers` are services that consume it."""

    name: str
    aggregate: str
    service: str
    cleanup_policy: CleanupPolicy
    readers: tuple[str, ...]
    retention_ms: int | None = None

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


_SPECS: Final = (
    TopicSpec("crm.tenant", "tenant", "contacts", "compact", tuple(name for name in SERVICES if name != "contacts")),
    TopicSpec("crm.user", "user", "contacts", "compact", SERVICES),
    TopicSpec("crm.company", "company", "contacts", "compact", ("deals", "activities", "search")),
    TopicSpec(
        "crm.contact", "contact", "contacts", "compact", ("contacts", "deals", "activities", "search", "reporting")
    ),
    TopicSpec("crm.pipeline", "pipeline", "deals", "compact", ("deals", "search", "reporting")),
    TopicSpec(
        "crm.deal", "deal", "deals", "delete", ("activities", "deals", "search", "reporting"), HISTORY_RETENTION_MS
    ),
    TopicSpec("crm.webhook", "webhook", "deals", "compact", ()),
    # Compacted, unlike deals: nobody counts an activity's versions, and erased texts must go (decision 8).
    TopicSpec(
        "crm.activity",
        "activity",
        "activities",
        "compact,delete",
        ("deals", "search", "reporting"),
        HISTORY_RETENTION_MS,
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
