"""HTTP of companies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.companies import commands, queries
from crm_contacts.companies.filters import to_where
from crm_contacts.companies.schemas import (
    CompanyList,
    CompanyPage,
    CreateCompanyRequest,
    EditCompanyRequest,
    to_delete,
)
from crm_contacts.sorting import NAME_KEY, reply_sorted
from crm_shared.contracts.states import CompanyState
from crm_shared.http.context import Context
from crm_shared.http.cursors import SortField, parse_order
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/companies", tags=["companies"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("c.created_at", datetime),
    "updated_at": SortField("c.updated_at", datetime),
    "name": SortField("c.name_key", str),
}
