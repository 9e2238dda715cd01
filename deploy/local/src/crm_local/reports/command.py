"""What `crm report` does: whom to ask as, what to ask for, how to print it."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from crm_local.accounts import UnknownUser, find_admin_id, find_user_id, list_tenants
from crm_local.demo_tenant import find_tenant_id
from crm_local.issuer import ExternalIssuer, issue
from crm_local.plan import Plan
from crm_local.reports.asking import Asker, Parameters, ReportRefused
from crm_local.reports.catalogue import ReportName
from crm_local.reports.sheets import Sheet, to_sheet
from crm_local.reports.terminal import open_console, print_sheet

TOKEN_TTL_S = 300
SOURCE_HEADER = "Crm-Source"
UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Request:
    """`tenant_id` and `user`: None for the usual ones. `owners` by id or e-mail address."""

    name: ReportName
    parameters: Parameters
    tenant_id: UUID | None
    user: str | None
    owners: Sequence[str]


def show(plan: Plan, request: Request, *, width: int | None) -> None:
    """Print the report as a table and a chart. Raises ReportRefused."""
    asker, parameters = _open(plan, request)
    answer = asker.ask(request.name, parameters, accept="application/json")
    try:
        report = json.loads(answer.text)
        sheet: Sheet = to_sheet(request.name, report, asker.name_ids(report), source=answer.headers.get(SOURCE_HEADER))
    except UNREADABLE as error:
        raise ReportRefused(f"the answer is not as this command knows it: --json shows it ({error!r})") from error
    print_sheet(sheet, open_console(sys.stdout, width))


def fetch(plan: Plan, request: Request, *, accept: str) -> bytes:
    """Return the report as the API writes it. Raises ReportRefused."""
    asker, parameters = _open(plan, request)
    return asker.ask(request.name, parameters, accept=accept).content


def _open(plan: Plan, request: Request) -> tuple[Asker, Parameters]:
    try:
        tenant_id = request.tenant_id or _choose_tenant(plan)
        if request.user is None:
            user_id = find_admin_id(plan, tenant_id)
        else:
            user_id = find_user_id(plan, tenant_id, request.user)
        owners = [str(find_user_id(plan, tenant_id, owner)) for owner in request.owners]
        token = issue(plan.home, tenant_id=tenant_id, user_id=user_id, ttl_s=TOKEN_TTL_S)
    except (UnknownUser, ExternalIssuer) as error:
        raise ReportRefused(" ".join(str(error).split())) from error
    return Asker(plan, token), {**request.parameters, **({"owner_id": owners} if owners else {})}


def _choose_tenant(plan: Plan) -> UUID:
    demo = find_tenant_id(plan.home)
    if demo is not None:
        return demo
    tenants = list_tenants(plan)
    if not tenants:
        raise ReportRefused("there is no tenant yet: crm demo, or crm tenant create --help")
    if len(tenants) > 1:
        raise ReportRefused(f"there are {len(tenants)} tenants: choose one by --tenant ID (crm tenant list)")
    return tenants[0].tenant_id
