"""The demo tenant: who works there and what they sell. Made through the HTTP APIs alone, as any client would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from crm_local.demo_suites import DemoFailed, DemoSuite
from crm_local.home import Home, write_private

TENANT_NAME = "Demo"
TIME_ZONE = "Europe/Berlin"
ADMIN_EMAIL = "admin@demo.example"
MANAGER = {"email": "mara@demo.example", "full_name": "Mara Lindqvist", "role": "MANAGER"}
REPS = (
    {"email": "ravi@demo.example", "full_name": "Ravi Patel", "role": "REP"},
    {"email": "rosa@demo.example", "full_name": "Rosa Jiménez", "role": "REP"},
)
COMPANIES = (
    {"name": "Acme Robotics", "domain": "acme.example", "industry": "Manufacturing"},
    {"name": "Nordwind Logistik", "domain": "nordwind.example", "industry": "Logistics"},
    {"name": "Café Solène", "domain": "solene.example", "industry": "Hospitality"},
)
# (first name, last name, company, phone)
CONTACTS = (
    ("Ada", "Okafor", 0, "+49 30 901820"),
    ("Björn", "Hansen", 1, "+49 40 428280"),
    ("Zoë", "Lefèvre", 2, "+33 1 40205050"),
    ("Mei", "Tanaka", 0, "+81 3 32110000"),
)
# (name, contact, amount, close date): the first is the one that the demo moves.
DEALS = (
    ("Acme renewal", 0, "12500.00", "2026-12-18"),
    ("Nordwind fleet tracking", 1, "48000.00", "2027-01-29"),
    ("Solène loyalty cards", 2, "3200.00", "2026-12-04"),
    ("Acme spare parts portal", 3, "21750.00", "2027-02-26"),
)


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """Ids of what the demo works with. `token` is the first rep's, who owns the deals."""

    tenant_id: UUID
    admin_id: UUID
    rep_id: UUID
    deal_id: UUID
    token: str


class DemoClient:
    """Calls of one user. Every POST carries a key of its own, so that an interrupted load can be run again."""

    def __init__(self, suite: DemoSuite, token: str) -> None:
        self.suite = suite
        self._http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=10, verify=suite.verify)

    def get(self, service: str, path: str, **parameters: str) -> Any:
        return self._read(self._http.get(self.suite.api_url(service) + path, params=parameters))

    def post(self, service: str, path: str, body: dict[str, Any], *, key: str) -> Any:
        headers = {"Idempotency-Key": key}
        return self._read(self._http.post(self.suite.api_url(service) + path, json=body, headers=headers))

    def put(self, service: str, path: str, body: dict[str, Any]) -> Any:
        return self._read(self._http.put(self.suite.api_url(service) + path, json=body))

    def patch(self, service: str, path: str, body: dict[str, Any]) -> Any:
        return self._read(self._http.patch(self.suite.api_url(service) + path, json=body))

    def delete(self, service: str, path: str) -> None:
        """Delete what is there; what is not may stay away."""
        answer = self._http.delete(self.suite.api_url(service) + path)
        if answer.status_code not in {httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND}:
            self._read(answer)

    def status(self, service: str, path: str) -> int:
        return self._http.get(self.suite.api_url(service) + path).status_code

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        if answer.is_error:
            raise DemoFailed(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
        return answer.json()


def find_tenant_id(home: Home) -> UUID | None:
    """Return the demo tenant's id, None before it was loaded."""
    known = read_known(home)
    return UUID(known["tenant_id"]) if known else None


def ensure_tenant(suite: DemoSuite) -> DemoTenant:
    """Return the suite's demo tenant, made and filled now unless that was done and is there. Raises DemoFailed."""
    known = read_known(suite.home)
    if "tenant_id" in known and _is_gone(suite, known):
        forget(suite.home)
        known = {}
    if "tenant_id" not in known:
        known = remember(suite.home, **_create_tenant(suite))
    if "deal_id" not in known:
        known = remember(suite.home, **_fill(suite, UUID(known["tenant_id"]), UUID(known["admin_id"])))
    ids = {name: UUID(known[name]) for name in ("tenant_id", "admin_id", "rep_id", "deal_id")}
    return DemoTenant(**ids, token=suite.token(ids["tenant_id"], ids["rep_id"]))


def read_known(home: Home) -> dict[str, str]:
    """Return what this suite's demo has made so far."""
    file = home.path / "demo.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return known


def remember(home: Home, **made: str) -> dict[str, str]:
    """Keep what was made, for the next run. Returns all that is known."""
    known = read_known(home) | made
    write_private(home.path / "demo.json", json.dumps(known))
    return known


def forget(home: Home) -> None:
    """Begin anew at the next run."""
    (home.path / "demo.json").unlink()


def _is_gone(suite: DemoSuite, known: Mapping[str, str]) -> bool:
    """Return whether the suite has lost its data since, as containers do whose volumes were removed."""
    admin = DemoClient(suite, suite.token(UUID(known["tenant_id"]), UUID(known["admin_id"])))
    return admin.status("contacts", "/v1/me") == httpx.codes.UNAUTHORIZED


def _create_tenant(suite: DemoSuite) -> dict[str, str]:
    return suite.create_tenant(
        "--name", TENANT_NAME, "--admin-email", ADMIN_EMAIL, "--currency", "EUR", "--time-zone", TIME_ZONE
    )


def _fill(suite: DemoSuite, tenant_id: UUID, admin_id: UUID) -> dict[str, str]:
    admin = DemoClient(suite, suite.token(tenant_id, admin_id))
    manager = admin.post("contacts", "/v1/users", MANAGER, key="demo-manager")
    reps = [
        admin.post("contacts", "/v1/users", {**rep, "manager_id": manager["id"]}, key=f"demo-{rep['email']}")
        for rep in REPS
    ]
    rep = DemoClient(suite, suite.token(tenant_id, UUID(reps[0]["id"])))
    companies = [
        rep.post("contacts", "/v1/companies", company, key=f"demo-company-{at}") for at, company in enumerate(COMPANIES)
    ]
    contacts = [
        rep.post("contacts", "/v1/contacts", _contact(companies, at), key=f"demo-contact-{at}")
        for at in range(len(CONTACTS))
    ]
    deals = [_create_deal(rep, contacts, at) for at in range(len(DEALS))]
    return {"rep_id": reps[0]["id"], "deal_id": deals[0]["id"]}


def contact_email(at: int) -> str:
    first_name, _, company, _ = CONTACTS[at]
    return f"{first_name.lower()}@{COMPANIES[company]['domain']}".replace("ö", "oe").replace("ë", "e")


def _contact(companies: list[Any], at: int) -> dict[str, Any]:
    first_name, last_name, company, phone = CONTACTS[at]
    return {
        "first_name": first_name,
        "last_name": last_name,
        "email": contact_email(at),
        "phone": phone,
        "company_id": companies[company]["id"],
        "source": "INBOUND",
    }


def _create_deal(rep: DemoClient, contacts: list[Any], at: int) -> Any:
    name, contact, amount, close_date = DEALS[at]
    body = {
        "name": name,
        "contact_id": contacts[contact]["id"],
        "company_id": contacts[contact]["company_id"],
        "amount": amount,
        "currency": "EUR",
        "close_date": close_date,
    }
    return rep.post("deals", "/v1/deals", body, key=f"demo-deal-{at}")
