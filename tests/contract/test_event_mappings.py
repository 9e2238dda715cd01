"""What each service publishes has a name on the wire for every class, and a class for every name in the contract."""

from types import UnionType
from typing import Any, get_args

import pytest

from crm_activities.activities import events as activities
from crm_activities.activities.domain import ActivityEvent
from crm_contacts.companies import events as companies
from crm_contacts.companies.domain import CompanyEvent
from crm_contacts.contacts import events as contacts
from crm_contacts.contacts.domain import ContactEvent
from crm_contacts.directory import events as directory
from crm_contacts.directory.domain import TenantEvent, UserEvent
from crm_deals.deals import events as deals
from crm_deals.deals.domain import DealEvent
from crm_deals.pipelines import events as pipelines
from crm_deals.pipelines.domain import PipelineEvent
from crm_deals.webhooks import events as webhooks
from crm_deals.webhooks.domain import WebhookEvent
from crm_shared.contracts import SNAPSHOT, VERBS, EventMapping

MAPPINGS: dict[str, tuple[EventMapping[Any, Any], UnionType]] = {
    "activity": (activities.MAPPING, ActivityEvent),
    "company": (companies.MAPPING, CompanyEvent),
    "contact": (contacts.MAPPING, ContactEvent),
    "tenant": (directory.TENANT_MAPPING, TenantEvent),
    "user": (directory.USER_MAPPING, UserEvent),
    "deal": (deals.MAPPING, DealEvent),
    "pipeline": (pipelines.MAPPING, PipelineEvent),
    "webhook": (webhooks.MAPPING, WebhookEvent),
}
# Named by what the event holds: tests of the aggregate's rules have each of them.
CHOSEN_VERBS = {"activity": {"completed", "reopened"}, "deal": {"won", "lost", "reopened"}}


def test_each_aggregate_has_its_mapping() -> None:
    assert {aggregate: mapping.aggregate for aggregate, (mapping, _) in MAPPINGS.items()} == {
        name: name for name in VERBS
    }


@pytest.mark.parametrize("aggregate", MAPPINGS)
def test_every_event_of_the_domain_has_a_verb(aggregate: str) -> None:
    mapping, events = MAPPINGS[aggregate]
    assert set(mapping.verbs) == set(get_args(events))


@pytest.mark.parametrize("aggregate", MAPPINGS)
def test_the_verbs_are_those_of_the_contract(aggregate: str) -> None:
    mapping, _ = MAPPINGS[aggregate]
    named = {verb for verb in mapping.verbs.values() if isinstance(verb, str)}
    assert named | CHOSEN_VERBS.get(aggregate, set()) | {SNAPSHOT} == set(VERBS[aggregate])
