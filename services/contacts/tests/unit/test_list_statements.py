"""The SQL of each list, to be read in `golden/`."""

from datetime import datetime
from typing import Any

from crm_contacts.companies import queries as companies
from crm_contacts.companies.filters import to_filters as to_company_filters
from crm_contacts.companies.routes import SORTS as COMPANY_SORTS
from crm_contacts.companies.schemas import CompanyList
from crm_contacts.contacts import queries as contacts
from crm_contacts.contacts.filters import to_filters
from crm_contacts.contacts.routes import SORTS
from crm_contacts.contacts.schemas import ContactList
from crm_contacts.directory.queries import select_users
from crm_contacts.directory.routes import SORTS as USER_SORTS
from crm_contacts.duplicates import routes as duplicates
from crm_contacts.duplicates.domain import Band, Status
from crm_contacts.duplicates.queries import select_candidates
from crm_contacts.merges import routes as merges
from crm_contacts.merges.queries import select_merges
from crm_contacts.sharing import routes as sharing
from crm_contacts.sharing.queries import select_shares
from crm_contacts.tag_filters import TagReading
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.features.custom_fields import EntityType, FieldType
from crm_shared.features.custom_fields.sorting import find_order
from crm_shared.features.imports import routes as imports
from crm_shared.features.imports.queries import select_imports
from crm_shared.http.cursors import parse_order
from crm_shared.listing import ListStatement, Order, Page
from crm_testing.golden import (
    ADMIN,
    MANAGER,
    MOMENT,
    OTHER,
    RECORD,
    REP,
    SHARED_WITH,
    TENANT,
    Golden,
    after,
    define,
    first,
)

FIELDS = {"tier": FieldType.TEXT, "score": FieldType.NUMBER}


def order_of(sort: str | None = None) -> Order:
    return find_order(define(EntityType.CONTACT, FIELDS), sort) or parse_order(sort, SORTS, id_column="c.id")


def select_contacts(
    caller: Caller, page: Page, reading: TagReading = TagReading.BY_ORDER, **asked: Any
) -> ListStatement:
    filters = to_filters(ContactList.model_validate(asked), caller, region="DE")
    return contacts.select_contacts(caller, filters, page, reading)


def test_contacts(golden: Golden) -> None:
    by_name, by_score = order_of("name"), order_of("-cf_score")
    golden.compare(
        "contacts",
        {
            "ADMIN": select_contacts(ADMIN, first(order_of())),
            "ADMIN, sort=name, a later page": select_contacts(ADMIN, after(by_name, "ann")),
            "REP, sort=name": select_contacts(REP, first(by_name)),
            "REP with shares": select_contacts(SHARED_WITH, first(order_of())),
            "MANAGER, sort=name, a later page": select_contacts(MANAGER, after(by_name, "ann")),
            "MANAGER, company_id=…": select_contacts(MANAGER, first(order_of()), company_id=RECORD),
            "ADMIN, owner_id=…&owner_id=…": select_contacts(ADMIN, first(order_of()), owner_id=[RECORD, OTHER]),
            "REP, q=ann": select_contacts(REP, first(order_of()), q="ann"),
            "REP, deleted=true": select_contacts(REP, first(order_of()), TagReading.OF_DELETED, deleted=True),
            "REP, tag=vip&tag=new, of a rare tag": select_contacts(
                REP, first(order_of()), TagReading.BY_TAG, tag=["vip", "new"]
            ),
            "REP, tag=vip, sort=name, of a common tag": select_contacts(REP, first(by_name), tag=["vip"]),
            "REP with shares, sort=-cf_score": select_contacts(SHARED_WITH, first(by_score)),
            "ADMIN, sort=cf_tier, a later page": select_contacts(ADMIN, after(order_of("cf_tier"), "gold")),
            "ADMIN, sort=-cf_score, a page of those without a score": select_contacts(ADMIN, after(by_score, None)),
        },
    )


def test_companies(golden: Golden) -> None:
    def select(caller: Caller, page: Page, reading: TagReading = TagReading.BY_ORDER, **asked: Any) -> ListStatement:
        filters = to_company_filters(CompanyList.model_validate(asked), caller)
        return companies.select_companies(caller, filters, page, reading)

    order = parse_order(None, COMPANY_SORTS, id_column="c.id")
    golden.compare(
        "companies",
        {
            "ADMIN": select(ADMIN, first(order)),
            "REP, a later page": select(REP, after(order)),
            "MANAGER": select(MANAGER, first(order)),
            "REP, tag=vip, of a rare tag": select(REP, first(order), TagReading.BY_TAG, tag=["vip"]),
        },
    )


def test_users(golden: Golden) -> None:
    by_name = parse_order("full_name", USER_SORTS, id_column="u.id")
    where = Where(TENANT)
    golden.compare(
        "users",
        {
            "sort=full_name": select_users(where, first(by_name)),
            "sort=full_name, a later page": select_users(where, after(by_name, "Ann")),
        },
    )


def test_shares(golden: Golden) -> None:
    golden.compare("shares", {"a later page": select_shares(REP, RECORD, after(sharing.ORDER))})


def test_merges(golden: Golden) -> None:
    def select(caller: Caller, page: Page, updated_since: datetime | None = None) -> ListStatement:
        return select_merges(caller, page, contact_id=None, updated_since=updated_since)

    golden.compare(
        "merges",
        {
            "ADMIN, updated_since=…": select(ADMIN, first(merges.ORDER), MOMENT),
            "MANAGER, a later page": select(MANAGER, after(merges.ORDER)),
            "REP with shares": select(SHARED_WITH, first(merges.ORDER)),
        },
    )


def test_candidates(golden: Golden) -> None:
    def select(caller: Caller, page: Page) -> ListStatement:
        return select_candidates(caller, page, status=Status.OPEN, band=Band.SUGGEST, contact_id=RECORD)

    golden.compare(
        "candidates",
        {
            "ADMIN": select(ADMIN, first(duplicates.ORDER)),
            "REP with shares, a later page": select(SHARED_WITH, after(duplicates.ORDER)),
        },
    )


def test_imports(golden: Golden) -> None:
    golden.compare(
        "imports",
        {
            "ADMIN": select_imports(ADMIN, first(imports.ORDER), status=None, entity_type=None),
            "REP, status=FAILED, a later page": select_imports(
                REP, after(imports.ORDER), status="FAILED", entity_type=None
            ),
        },
    )
