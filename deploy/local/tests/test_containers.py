"""`make compose-up` in a clone of this checkout, on real containers: what the guide of the gateway promises holds."""

import asyncio
import json
import os
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from crm_local.compose_suite import CREATE_TENANT
from crm_shared.service_registry import SERVICES
from crm_testing.suite.tenant import eventually

ROOT: Final = Path(__file__).parents[3]
BACKUP_PAGE: Final = ROOT / "docs" / "operations" / "backup.md"
ARRIVES_WITHIN_S: Final = 120.0
PORT: Final = "9443"
PORTS: Final = {
    "CRM_GATEWAY_PORT": PORT,
    **{f"CRM_{service}_PORT": str(9301 + at) for at, service in enumerate(("CONTACTS", "DEALS", "ACTIVITIES"))},
    "CRM_SEARCH_PORT": "9304",
    "CRM_REPORTING_PORT": "9305",
    "CRM_EDGE_SUBNET": "172.31.251.0/24",
    "CRM_GATEWAY_ADDRESS": "172.31.251.250",
    "COMPOSE_PROJECT_NAME": "crm-test",
}
URL: Final = f"https://localhost:{PORT}"

LOOK: Final = """
import json, os, shutil
with open("/opt/crm/inventory/bom.cdx.json") as file:
    kinds = {part["purl"].partition("/")[0] for part in json.load(file)["components"]}
print(json.dumps({
    "user": os.getuid(),
    "builders": [tool for tool in ("pip", "pip3", "uv", "cc", "gcc", "strip", "make") if shutil.which(tool)],
    "kinds": sorted(kinds),
    "has_licences": os.path.getsize("/opt/crm/inventory/licences.md") > 1000,
}))
"""

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("CRM_TEST_CONTAINERS") != "yes",
        reason="builds and starts eighteen containers: CRM_TEST_CONTAINERS=yes where docker and the public images are",
    ),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a clone in which everything runs."""
    folder = tmp_path_factory.mktemp("clone") / "crm"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)  # noqa: S603, S607 - this checkout
    environment = {**os.environ, **PORTS}
    try:
        started = subprocess.run(
            ["make", "compose-up"],  # noqa: S607 - of the PATH
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert started.returncode == 0, started.stdout[-3000:] + started.stderr[-3000:]
        (folder / "said").write_text(started.stdout)
        yield folder
    finally:
        subprocess.run(["docker", "compose", "down", "--volumes"], cwd=folder, env=environment, check=False)  # noqa: S607


@pytest.fixture
def client(checkout: Path) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=str(checkout / ".secrets" / "tls_certificate"))
    with httpx.Client(base_url=URL, verify=trusted) as client:
        yield client


def test_a_move_arrives_everywhere_through_the_gateway(checkout: Path) -> None:
    printed = (checkout / "said").read_text()
    _, _, move = printed.partition("Acme renewal: moved from ")
    assert all(f"  {place}" in move for place in ("timeline", "search", "report"))


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/deals/metrics", "/deals/readyz", "/deals/docs", "/deals/openapi.json", "//deals/v1/deals"],
)
def test_what_is_not_of_the_api_is_not_there(client: httpx.Client, path: str) -> None:
    answer = client.get(f"{URL}{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_answers_say_each_thing_once(client: httpx.Client) -> None:
    answer = client.get("/deals/v1/deals")
    assert answer.status_code == 401
    for name in ("cache-control", "x-content-type-options", "strict-transport-security"):
        assert len(answer.headers.get_list(name)) == 1


def test_bodies_have_their_limits(client: httpx.Client) -> None:
    assert client.post("/deals/v1/deals", content=b"x" * 9_000_000).status_code == 413
    # Of a file to import it is read; who sends it is unknown.
    assert client.post("/contacts/v1/imports", content=b"x" * 9_000_000).status_code == 401


def test_without_tls_nobody_is_answered(checkout: Path) -> None:
    assert checkout.exists()
    answer = httpx.get(f"http://localhost:{PORT}/deals/v1/deals")
    assert (answer.status_code, answer.json()["detail"]) == (400, "This port speaks TLS: https://")


def sign_up(checkout: Path, client: httpx.Client, name: str) -> tuple[dict[str, str], str]:
    """Make a tenant; return the headers of its ADMIN's requests, and the ADMIN's id."""
    made = subprocess.run(  # noqa: S603 - this checkout's own command
        [*CREATE_TENANT, "--name", name, "--admin-email", f"you@{name.lower()}.example"],
        cwd=checkout,
        env={**os.environ, **PORTS},
        capture_output=True,
        check=True,
    )
    ids = httpx.Response(200, content=made.stdout).json()
    form = {"grant_type": "client_credentials", "tenant_id": ids["tenant_id"], "user_id": ids["admin_id"]}
    secret = (checkout / ".secrets" / "issuer_secret").read_text().strip()
    assert client.post("/issuer/token", data=form, auth=("crm", "guess")).status_code == 401
    token = client.post("/issuer/token", data=form, auth=("crm", secret)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}, ids["admin_id"]


def test_a_token_of_the_issuer_is_whose_it_says(checkout: Path, client: httpx.Client) -> None:
    whose, admin_id = sign_up(checkout, client, "Acme")
    assert client.get("/contacts/v1/me", headers=whose).json()["user"]["id"] == admin_id
    created = client.post("/contacts/v1/contacts", headers=whose, json={"first_name": "Zoë"})
    assert created.headers["location"] == f"/contacts/v1/contacts/{created.json()['id']}"
    assert client.get(created.headers["location"], headers=whose).status_code == 200


async def test_a_service_goes_back_by_the_lines_of_the_backup_page(checkout: Path, client: httpx.Client) -> None:
    whose, _ = sign_up(checkout, client, "Backed")
    dump, restore = [
        re.sub("^    ", "", block, flags=re.MULTILINE)
        for block in re.findall(r"(?:^    .*\n)+", BACKUP_PAGE.read_text().partition("### Compose")[2], re.MULTILINE)
    ]

    def run(lines: str) -> None:
        done = subprocess.run(  # noqa: S603 - the page's own lines
            ["sh", "-exc", lines],  # noqa: S607 - of the PATH
            cwd=checkout,
            env={**os.environ, **PORTS},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]

    def make(name: str) -> str:
        made = client.post("/deals/v1/deals", headers=whose, json={"name": name, "amount": "10.00"})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def find_all() -> dict[str, Any]:
        """Return what the service itself, the index and the report show; None of one that does not answer."""
        asked: dict[str, tuple[str, Callable[[Any], object]]] = {
            "deals": ("/deals/v1/deals", lambda body: sorted(deal["name"] for deal in body["items"])),
            "search": ("/search/v1/search?q=quartz", lambda body: sorted(hit["title"] for hit in body["items"])),
            "reporting": (
                "/reporting/v1/reports/pipeline",
                lambda body: sum(one["deal_count"] for one in body["items"]),
            ),
        }
        found = {}
        for service, (path, pick) in asked.items():
            answer = await asyncio.to_thread(client.get, path, headers=whose)
            found[service] = pick(answer.json()) if answer.is_success else None
        return found

    kept, lost = "Quartz kept", "Quartz lost"
    make(kept)
    run(dump)
    await asyncio.sleep(1.5)  # past the second that the dump's moment names
    make(lost)
    await eventually(
        find_all, {"deals": [kept, lost], "search": [kept, lost], "reporting": 2}, within_s=ARRIVES_WITHIN_S
    )
    run(restore.replace("MOMENT", (checkout / "deals.moment").read_text().strip()))
    await eventually(find_all, {"deals": [kept], "search": [kept], "reporting": 1}, within_s=ARRIVES_WITHIN_S)
    make("Quartz again")
    both = ["Quartz again", kept]
    await eventually(find_all, {"deals": both, "search": both, "reporting": 2}, within_s=ARRIVES_WITHIN_S)


@pytest.mark.parametrize("image", [*SERVICES, "issuer"])
def test_an_image_holds_its_inventory_and_nothing_that_builds(checkout: Path, image: str) -> None:
    look = ["docker", "run", "--rm", "--read-only", "--entrypoint", "python", f"crm-{image}", "-c", LOOK]
    printed = subprocess.run(look, cwd=checkout, capture_output=True, check=True)  # noqa: S603 - of this checkout
    assert json.loads(printed.stdout) == {
        "user": 10001,
        "builders": [],
        "kinds": ["pkg:deb", "pkg:generic", "pkg:pypi"],
        "has_licences": True,
    }
