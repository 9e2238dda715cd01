"""What each service publishes has a name on the wire for every class, and a class for every name in the contract."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, get_args

import pytest

from crm_shared.contracts import SNAPSHOT, VERBS, EventMapping
from crm_shared.service_registry import PUBLISHERS


def find_mappings() -> Iterator[tuple[str, EventMapping[Any, Any], tuple[type, ...]]]:
    """Yield every aggregate's mapping with the classes of its domain's `…Event`, in whichever `events.py` it is."""
    for service in PUBLISHERS:
        for found in walk_packages(import_module(f"crm_{service}").__path__, f"crm_{service}."):
            if found.name.endswith(".events"):
                for mapping in vars(import_module(found.name)).values():
                    if isinstance(mapping, EventMapping):
                        domain = import_module(found.name.removesuffix("events") + "domain")
                        events = getattr(domain, f"{mapping.aggregate.title()}Event")
                        yield mapping.aggregate, mapping, get_args(events) or (events,)


MAPPINGS = {aggregate: (mapping, events) for aggregate, mapping, events in find_mappings()}
# Named by what the event holds: tests of the aggregate's rules have each of them.
CHOSEN_VERBS = {"activity": {"completed", "reopened"}, "deal": {"won", "lost", "reopened"}}


def test_each_aggregate_has_its_mapping() -> None:
    assert sorted(MAPPINGS) == sorted(VERBS)


@pytest.mark.parametrize("aggregate", VERBS)
def test_every_event_of_the_domain_has_a_verb(aggregate: str) -> None:
    mapping, events = MAPPINGS[aggregate]
    assert set(mapping.verbs) == set(events)


@pytest.mark.parametrize("aggregate", VERBS)
def test_the_verbs_are_those_of_the_contract(aggregate: str) -> None:
    mapping, _ = MAPPINGS[aggregate]
    named = {verb for verb in mapping.verbs.values() if isinstance(verb, str)}
    assert named | CHOSEN_VERBS.get(aggregate, set()) | {SNAPSHOT} == set(VERBS[aggregate])
