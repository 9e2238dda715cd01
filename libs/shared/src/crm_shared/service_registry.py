"""The services of the suite, once: whoever goes through them all reads this. Imports nothing of ours.

Files that can't read it, such as docker-bake.hcl, get the names by `make services`, or are held against them by tests:
CONTRIBUTING.md, "Add a service".
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Service:
    """`publishes`: it owns topics, so it has an outbox and a relay. All use PostgreSQL, and workers Kafka.

    Its package is `crm_<name>`, its command and image `crm-<name>`, its database `crm_<name>`.
    """

    name: str
    publishes: bool = False
    indexes_custom_fields: bool = False
    """Its worker builds indexes on custom fields, which PostgreSQL lets nobody but a table's owner do."""

    has_bi_views: bool = False
    """Its database has views for BI tools, whose logins are members of a role `<service>_bi`."""

    uses_elasticsearch: bool = False
    asks: tuple[str, ...] = ()
    """Services whose APIs its own calls, with its caller's token."""

    api_asks_kafka: bool = False
    """Its API tells how far its consumers are behind."""

    delivers_webhooks: bool = False
    """Its worker opens connections to the internet."""

    @property
    def package(self) -> str:
        return f"crm_{self.name}"

    @property
    def image(self) -> str:
        return f"crm-{self.name}"


REGISTRY: Final = (
    Service("contacts", publishes=True, indexes_custom_fields=True),
    Service("deals", publishes=True, indexes_custom_fields=True, asks=("contacts",), delivers_webhooks=True),
    Service("activities", publishes=True, asks=("contacts", "deals")),
    Service("search", uses_elasticsearch=True, asks=("contacts",)),
    Service("reporting", has_bi_views=True, asks=("contacts",), api_asks_kafka=True),
)
"""In the order of their ports: `crm up` gives the first one 8001."""

_BY_NAME: Final = {service.name: service for service in REGISTRY}
SERVICES: Final = tuple(_BY_NAME)
PUBLISHERS: Final = tuple(service.name for service in REGISTRY if service.publishes)


def find_service(name: str) -> Service:
    """Return the service of this name; one that is not of the suite, such as a test's own, has nothing special."""
    return _BY_NAME.get(name) or Service(name)
