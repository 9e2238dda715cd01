"""A field of a record stands in every list that decides over fields, or is left out there for a reason written here.

Columns, INSERT, UPDATE and the import's staging table are made from the record's class. What remains are lists that
somebody must decide on: may it be filtered by, is it erased, whose value survives a merge? This names each of them that
a new field is missing from.
"""

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import Any, Final

import pytest
from architecture.activity_fields import ACTIVITY
from architecture.field_lists import ALWAYS_OURS, OURS, FieldList, find_gaps, list_checked, published, words

from crm_activities.activities.activity import Activity
from crm_contacts.companies import filters as company_filters
from crm_contacts.companies.domain import Company, NewCompany
from crm_contacts.companies.schemas import CompanyFields
from crm_contacts.contacts import filters as contact_filters
from crm_contacts.contacts.domain import NOTHING_PERSONAL, Contact, NewContact
from crm_contacts.contacts.schemas import ContactFields
from crm_contacts.directory.domain import Tenant, User
from crm_contacts.directory.schemas import CreateUserRequest, EditTenantRequest, EditUserRequest
from crm_contacts.exports import files as exports
from crm_contacts.imports.names import EXACT
from crm_contacts.imports.values import READERS
from crm_contacts.merges.domain import MERGED_FIELDS
from crm_deals.deals import filters as deal_filters
from crm_deals.deals.domain import Deal, NewDeal
from crm_deals.deals.schemas import CreateDealRequest, EditDealRequest
from crm_deals.exports import files as deal_exports
from crm_deals.pipelines.domain import Pipeline
from crm_deals.webhooks.domain import Webhook
from crm_search.projections import SHOWN_FIELDS
from crm_shared.contracts.examples import build_example
from crm_shared.record_fields import field_names

LISTS: Final[Mapping[type[Any], list[FieldList]]] = {
    Contact: [
        *published("contact"),
        FieldList(
            "NewContact", field_names(NewContact), {"ours": OURS + " erased_at", "not said": "shares merged_into"}
        ),
        FieldList(
            "ContactFields (contacts/schemas.py)",
            ContactFields.model_fields,
            {"ours": OURS + " erased_at", "not said": "shares merged_into", "follows from phone": "phone_e164"},
        ),
        FieldList(
            "contacts/filters.py",
            {*contact_filters.COLUMNS, "tags"},
            {
                "ours; lists have updated_since": OURS + " erased_at",
                "found by q": "first_name last_name",
                "found by the filter of phone": "phone_e164",
                "filtered by each custom field's own": "custom_data",
                "what is shared is seen; merged ones are not listed": "shares merged_into",
                "not asked for": "job_title",
            },
        ),
        FieldList(
            "the import (imports/values.py)",
            {*READERS, "tags", *EXACT, *EXACT.values()},
            {
                "ours": OURS.removeprefix("id ") + " erased_at",
                "follows from phone": "phone_e164",
                "a column for each custom field": "custom_data",
                "said of contacts that are there": "shares merged_into",
            },
        ),
        FieldList(
            "the export (exports/files.py)",
            exports.CONTACT_COLUMNS,
            {
                "nothing to people": "version phone_e164 shares",
                "only living contacts are exported": "merged_into deleted_at erased_at",
                "a column for each custom field": "custom_data",
            },
        ),
        FieldList("merges/domain.py", MERGED_FIELDS, {"each keeps its own": OURS + " erased_at merged_into"}),
        FieldList(
            "NOTHING_PERSONAL (erasure)",
            NOTHING_PERSONAL,
            {"says nothing of the person": OURS + " erased_at owner_id merged_into"},
        ),
        FieldList(
            "CHECKs contacts_…erased (contacts/migrations)",
            list_checked("contacts", r"CONSTRAINT contacts\w*erased CHECK \((.*?)\) NOT VALID"),
            {"says nothing of the person": "id version created_at updated_at owner_id merged_into"},
        ),
        FieldList(
            "_ERASED (contracts/example_records.py)",
            build_example("crm.contact.erased")["value"]["changed"],
            {
                "says nothing of the person": OURS.removesuffix(" deleted_at") + " owner_id merged_into",
                "the example has none": "shares",
            },
        ),
        FieldList(
            "SHOWN_FIELDS (search)",
            SHOWN_FIELDS["contact"],
            {
                "beside every record": "id version created_at updated_at",
                "only living contacts are found": "deleted_at erased_at merged_into",
                "too long for an answer": "custom_data",
                "nobody else's business": "shares",
            },
        ),
        *words("contact", {"found by its digits": "phone_e164", "decides who finds it": "shares"}),
    ],
    Company: [
        *published("company"),
        FieldList("NewCompany", field_names(NewCompany), {"ours": OURS}),
        FieldList("CompanyFields (companies/schemas.py)", CompanyFields.model_fields, {"ours": OURS}),
        FieldList(
            "companies/filters.py",
            {*company_filters.COLUMNS, "tags"},
            {
                "ours; lists have updated_since": OURS,
                "found by q": "name",
                "filtered by each custom field's own": "custom_data",
                "not asked for": "size website",
            },
        ),
        FieldList(
            "the import (imports/values.py)",
            {*READERS, "tags", *EXACT, *EXACT.values()},
            {"ours": OURS.removeprefix("id "), "a column for each custom field": "custom_data"},
        ),
        FieldList(
            "the export (exports/files.py)",
            exports.COMPANY_COLUMNS,
            {
                "nothing to people": "version",
                "only living companies are exported": "deleted_at",
                "a column for each custom field": "custom_data",
            },
        ),
        FieldList(
            "SHOWN_FIELDS (search)",
            SHOWN_FIELDS["company"],
            {
                "beside every record": "id version created_at updated_at",
                "only living companies are found": "deleted_at",
                "too long for an answer": "custom_data",
            },
        ),
        *words("company", {"a range": "size"}),
    ],
    Deal: [
        *published("deal"),
        FieldList(
            "NewDeal",
            field_names(NewDeal),
            {
                "ours": OURS,
                "the stage's": "pipeline_id stage_id status stage_changed_at closed_at",
                "a merge's": "original_contact_id",
            },
        ),
        FieldList(
            "CreateDealRequest",
            CreateDealRequest.model_fields,
            {"ours": OURS, "the stage's": "status stage_changed_at closed_at", "a merge's": "original_contact_id"},
        ),
        FieldList(
            "EditDealRequest",
            EditDealRequest.model_fields,
            {"ours": OURS, "the stage's": "status stage_changed_at closed_at", "a merge's": "original_contact_id"},
        ),
        FieldList(
            "deals/filters.py",
            deal_filters.COLUMNS,
            {
                "ours; lists have updated_since": OURS,
                "filtered by each custom field's own": "custom_data",
                "a merge's": "original_contact_id",
                "not asked for": "name amount stage_changed_at closed_at lost_reason description",
            },
        ),
        FieldList(
            "the export (exports/files.py)",
            deal_exports.COLUMNS,
            {
                "nothing to people": "version original_contact_id",
                "only living deals are exported": "deleted_at",
                "a column for each custom field": "custom_data",
            },
        ),
        FieldList(
            "SHOWN_FIELDS (search)",
            SHOWN_FIELDS["deal"],
            {
                "beside every record": "id version created_at updated_at",
                "only living deals are found": "deleted_at",
                "too long for an answer": "custom_data description lost_reason",
                "a merge's": "original_contact_id",
                "nobody looks for it": "stage_changed_at",
            },
        ),
        *words("deal", {}),
    ],
    Activity: ACTIVITY,
    Pipeline: published("pipeline"),
    Webhook: published("webhook", {"told to nobody": "secret previous_secret"}),
    Tenant: [
        *published("tenant"),
        FieldList("EditTenantRequest (directory/schemas.py)", EditTenantRequest.model_fields, {"ours": ALWAYS_OURS}),
    ],
    User: [
        *published("user"),
        FieldList("EditUserRequest (directory/schemas.py)", EditUserRequest.model_fields, {"ours": ALWAYS_OURS}),
        FieldList(
            "CreateUserRequest (directory/schemas.py)",
            CreateUserRequest.model_fields,
            {"ours": ALWAYS_OURS, "said once they leave": "successor_id"},
        ),
    ],
}


@pytest.mark.parametrize("record", LISTS, ids=lambda record: record.__name__)
def test_each_field_is_where_fields_are_decided_on(record: type[Any]) -> None:
    gaps = list(find_gaps(record, LISTS[record]))
    assert not gaps, "\n".join(gaps)


@pytest.mark.parametrize("record", LISTS, ids=lambda record: record.__name__)
def test_a_new_field_is_named_with_every_list_that_lacks_it(record: type[Any]) -> None:
    longer = make_dataclass("Longer", [("shoe_size", int, 0)], bases=(record,), frozen=True)
    found = [gap for gap in find_gaps(longer, LISTS[record]) if gap.startswith("shoe_size ")]
    assert found == [f"shoe_size is missing from {one.where}" for one in LISTS[record]]


def test_a_reason_that_no_longer_holds_is_named() -> None:
    lists = [FieldList("the export", ["name"], {"nothing to people": "name colour"})]
    assert list(find_gaps(make_dataclass("Thing", ["name"]), lists)) == [
        "name is in the export after all",
        "colour, left out of the export, is no field",
    ]
