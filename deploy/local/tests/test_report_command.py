"""`crm report`: whom it asks, with what, and how it refuses. The API is a stand-in."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID

import httpx
import pytest
from typer.testing import CliRunner

from crm_local import cli, start, suite
from crm_local.accounts import TenantName, UnknownUser
from crm_local.cli import app
from crm_local.demo_tenant import remember
from crm_local.home import Home
from crm_local.issuer import make_keys
from crm_local.reports import asking, command
from crm_local.reports.catalogue import OPTIONS, REPORTS, ReportName
from crm_reporting import reports
from crm_reporting.reports.schemas import ReportQuery

TENANT, ADMIN = UUID(int=1, version=4), UUID(int=2, version=4)
LEADERBOARD = {
    "from": "2026-11-01",
    "to": "2026-11-30",
    "currency": "EUR",
    "items": [{"owner_id": str(ADMIN), "owner_name": "Rae", "won_count": 2, "won_amount": "27600.00"}],
    "missing_rates": [],
}
REPORT_PATH = re.compile(r"/reports/([a-z-]+)")
Answer = Callable[[httpx.Request], httpx.Response]


def list_queries() -> dict[str, type[ReportQuery]]:
    """Return what each report of the API is asked with, by the name that its path ends in."""
    folders = sorted(file.parent.name for file in Path(reports.__path__[0]).glob("*/routes.py"))
    routers = [import_module(f"crm_reporting.reports.{folder}.routes").router for folder in folders]
    routes = [(REPORT_PATH.fullmatch(route.path), route) for router in routers for route in router.routes]
    return {path[1]: get_type_hints(route.endpoint)["query"] for path, route in routes if path}


QUERIES = list_queries()


class Suite:
    """A home in which a suite seems to run; `answer` is what its APIs answer, `asked` what they were asked."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.asked: list[httpx.Request] = []
        self.answer: Answer = lambda _: httpx.Response(200, json=LEADERBOARD, headers={"Crm-Source": "replica"})

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Return what was printed: on stderr where it is to fail."""
        ended = CliRunner().invoke(app, ["report", *arguments])
        assert ended.exit_code == status, ended.output
        if status:
            assert ended.stdout == ""
        return ended.stderr if status else ended.stdout

    def refused(self, *arguments: str) -> str:
        """Return the one line of a refusal."""
        line = self.run(*arguments, status=1)
        assert line.count("\n") == 1
        return line.strip()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("CRM_HOME", str(home.path))
    for variable in ("CRM_PORT_BASE", "CRM_AUTH_JWKS_URL", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    for folder in (home.path, home.secrets, home.run):
        folder.mkdir()
    make_keys(home)
    remember(home, tenant_id=str(TENANT), admin_id=str(ADMIN))
    stand_in = Suite(home)
    monkeypatch.setattr(suite, "supervisor_pid", lambda _: 1)
    monkeypatch.setattr(command, "find_admin_id", lambda *_: ADMIN)
    monkeypatch.setattr(
        command, "Asker", lambda plan, token: asking.Asker(plan, token, transport=httpx.MockTransport(stand_in.handle))
    )
    return stand_in


def test_the_command_has_every_report_of_the_api() -> None:
    assert set(ReportName) == set(QUERIES)


@pytest.mark.parametrize("name", list(ReportName))
def test_what_a_report_takes_is_what_its_api_takes(name: ReportName) -> None:
    fields = {field.alias or name for name, field in QUERIES[name].model_fields.items()}

    assert REPORTS[name].takes == fields
    assert fields <= OPTIONS.keys()


def test_the_demo_tenant_is_asked_as_its_admin(running: Suite) -> None:
    printed = running.run("leaderboard", "--from", "2026-11-01", "--currency", "EUR")

    assert "Rae            2   27,600.00" in printed
    assert printed.endswith("read from the replica database\n")
    (request,) = running.asked
    assert request.url.path == "/v1/reports/leaderboard"
    assert dict(request.url.params) == {"from": "2026-11-01", "currency": "EUR"}
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"].startswith("Bearer ey")


def test_owners_are_repeated(running: Suite) -> None:
    owners = [str(UUID(int=at, version=4)) for at in (7, 8)]

    running.run("leaderboard", "--owner", owners[0], "--owner", owners[1])

    assert running.asked[0].url.params.get_list("owner_id") == owners


@pytest.mark.parametrize(("option", "accept"), [("--csv", "text/csv"), ("--json", "application/json")])
def test_csv_and_json_come_as_the_api_writes_them(running: Suite, option: str, accept: str) -> None:
    body = "owner,won\r\nRosa Jiménez,5400.00\r\n" if option == "--csv" else '{"items": [1.10]}'
    running.answer = lambda _: httpx.Response(200, content=body.encode())

    printed = CliRunner().invoke(app, ["report", "leaderboard", option]).stdout_bytes

    assert printed.decode() == (body if option == "--csv" else body + "\n")
    assert running.asked[0].headers["Accept"] == accept


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["velocity", "--as-of", "2026-11-01T00:00:00Z"], "velocity takes no --as-of; it takes --from, --to, --pipe"),
        (["stage-age", "--from", "2026-11-01", "--group-by", "x"], "stage-age takes no --from and no --group-by; it"),
        (["pipeline", "--to-stage", str(ADMIN)], "pipeline takes no --to-stage"),
        (["pipeline", "--csv", "--json"], "--csv or --json, not both"),
        (["nonsense"], "nonsense"),
    ],
)
def test_what_a_report_does_not_take_is_refused_before_calling(
    running: Suite, arguments: list[str], printed: str
) -> None:
    assert printed in running.run(*arguments, status=2)
    assert running.asked == []


def problem(**fields: Any) -> Answer:
    known = {"type": "/problems/invalid-field", "title": "Some fields are not valid", "detail": "?from: is no day"}
    return lambda _: httpx.Response(422, json=known | fields, headers={"Content-Type": "application/problem+json"})


@pytest.mark.parametrize(
    ("answer", "printed"),
    [
        (
            problem(errors=[{"pointer": "?from", "detail": "is no day"}]),
            "422 Some fields are not valid: ?from: is no day",
        ),
        (
            problem(detail="Look again.\nThere", errors=[{"pointer": "?to", "detail": ""}]),
            "422 Some fields are not valid: Look again. There (?to)",
        ),
        (lambda _: httpx.Response(502, text="<html>"), "reporting answered 502: crm logs reporting-api"),
        (lambda _: httpx.Response(500, json=[]), "reporting answered 500: crm logs reporting-api"),
        (lambda _: httpx.Response(200, text="<html>"), "the answer is not as this command knows it: --json shows it"),
        (lambda _: httpx.Response(200, json={"items": [{"won_count": 1}]}), "the answer is not as this command knows"),
    ],
)
def test_a_problem_is_one_line(running: Suite, answer: Answer, printed: str) -> None:
    running.answer = answer

    assert running.refused("leaderboard").startswith(printed)


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (httpx.ConnectError("refused"), "reporting can't be reached at http://127.0.0.1:8005/v1/reports/leaderboard"),
        (httpx.ReadTimeout("late"), "reporting gave no answer within 60 s: crm logs reporting-api"),
    ],
)
def test_an_api_that_is_away_is_one_line(running: Suite, error: httpx.HTTPError, printed: str) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    running.answer = fail

    assert running.refused("leaderboard").startswith(printed)


def test_an_interrupt_says_nothing(running: Suite) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    running.answer = interrupt

    assert running.run("leaderboard", status=130) == ""


def test_a_suite_that_rests_says_how_to_start_it(running: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "supervisor_pid", lambda _: None)

    assert running.refused("leaderboard") == "nothing is running: crm up"


def test_tokens_of_another_issuer_can_not_be_made(running: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_AUTH_JWKS_URL", "https://id.example/jwks")

    assert running.refused("leaderboard").startswith("this suite takes the tokens of another issuer")


@pytest.mark.parametrize(
    ("count", "printed"),
    [(0, "there is no tenant yet: crm demo"), (2, "there are 2 tenants: choose one by --tenant ID (crm tenant list)")],
)
def test_without_the_demo_a_tenant_is_chosen(
    running: Suite, monkeypatch: pytest.MonkeyPatch, count: int, printed: str
) -> None:
    (running.home.path / "demo.json").unlink()
    monkeypatch.setattr(command, "list_tenants", lambda _: [TenantName(TENANT, "Acme")] * count)
    assert running.refused("leaderboard").startswith(printed)

    monkeypatch.setattr(command, "list_tenants", lambda _: [TenantName(TENANT, "Acme")])
    running.run("leaderboard")


def test_an_unknown_user_is_one_line(running: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: object) -> UUID:
        raise UnknownUser("tenant 1 has no user\n a@b.example")

    monkeypatch.setattr(command, "find_user_id", find)

    assert running.refused("leaderboard", "--user", "a@b.example") == "tenant 1 has no user a@b.example"


def test_users_are_named_where_the_api_knows_them_and_else_by_the_end_of_their_ids(running: Suite) -> None:
    other = UUID(int=0x1234ABCD, version=4)
    times = [{"user_id": str(user), "answered": 1, "median_s": 60.0} for user in (ADMIN, other)]
    pages = [
        {"items": [], "next_cursor": "next"},
        {"items": [{"id": str(ADMIN), "full_name": "Rae Okafor"}], "next_cursor": None},
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/users":
            return httpx.Response(200, json=pages["cursor" in request.url.params])
        return httpx.Response(200, json={"as_of": "2026-11-29T07:00:00Z", "items": times})

    running.answer = answer
    printed = running.run("response-times")
    assert "Rae Okafor" in printed
    assert "…1234abcd" in printed

    running.answer = lambda request: answer(request) if "reports" in request.url.path else httpx.Response(403)
    assert "Rae Okafor" not in running.run("response-times")


def test_help_names_every_option_and_report(running: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    printed = running.run("--help")

    missing = {*OPTIONS.values(), "--tenant", "--user", "--csv", "--json", "--width", *ReportName}
    assert {word for word in missing if word not in printed} == set()


def test_who_interrupts_the_command_while_it_loads_sees_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupt)

    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 130
