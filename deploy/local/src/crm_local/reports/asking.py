"""Asks the running suite for a report, as one of its users."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import httpx

from crm_local.plan import Plan
from crm_local.reports.cells import Names, to_line
from crm_local.reports.sheets import list_unnamed

TIMEOUT_S: Final = 60.0
USERS_A_PAGE: Final = 200
MOST_PAGES: Final = 10

Parameters = Mapping[str, str | Sequence[str]]


class ReportRefused(Exception):
    """No report came. The message says why, in a line."""


class Asker:
    """The suite's APIs, for one user."""

    def __init__(self, plan: Plan, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._plan = plan
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S, transport=transport, trust_env=False
        )

    def ask(self, report: str, parameters: Parameters, *, accept: str) -> httpx.Response:
        """Return the answer. Raises ReportRefused."""
        return self._get("reporting", f"/v1/reports/{report}", parameters, accept=accept)

    def name_ids(self, answer: Mapping[str, Any]) -> Names:
        """Name the users and stages that the answer has ids of alone, as far as this user may know them."""
        users, stages = list_unnamed(answer)
        try:
            return (self._name_users(users) if users else {}) | (self._name_stages(answer) if stages else {})
        except ReportRefused:
            return {}  # ids say less than names, and more than nothing

    def _name_users(self, wanted: set[str]) -> dict[str, str]:
        names: dict[str, str] = {}
        parameters = {"limit": str(USERS_A_PAGE)}
        for _ in range(MOST_PAGES):
            page = self._get("contacts", "/v1/users", parameters).json()
            names |= {user["id"]: user["full_name"] for user in page["items"]}
            if wanted <= names.keys() or page["next_cursor"] is None:
                break
            parameters = {**parameters, "cursor": page["next_cursor"]}
        return names

    def _name_stages(self, answer: Mapping[str, Any]) -> dict[str, str]:
        pipeline = self._get("deals", f"/v1/pipelines/{answer['pipeline_id']}", {}).json()
        return {stage["id"]: stage["name"] for stage in pipeline["stages"]}

    def _get(
        self, service: str, path: str, parameters: Parameters, *, accept: str = "application/json"
    ) -> httpx.Response:
        url = self._plan.api_url(service) + path
        try:
            answer = self._http.get(url, params=dict(parameters), headers={"Accept": accept})
        except httpx.TimeoutException as error:
            raise ReportRefused(f"{service} gave no answer within {TIMEOUT_S:.0f} s: crm logs {service}-api") from error
        except httpx.HTTPError as error:
            raise ReportRefused(f"{service} can't be reached at {url}: crm status ({error})") from error
        if answer.status_code != HTTPStatus.OK:
            raise ReportRefused(describe_problem(service, answer))
        return answer


def describe_problem(service: str, answer: httpx.Response) -> str:
    """Return what an API answered instead of a report: title, detail and the fields that it names, in a line."""
    try:
        problem = answer.json()
        text = f"{problem['title']}: {problem['detail']}"
        fields = [error["pointer"] for error in problem.get("errors", []) if error["pointer"] not in text]
    except (ValueError, KeyError, TypeError):
        return f"{service} answered {answer.status_code}: crm logs {service}-api"
    return to_line(f"{answer.status_code} {text}" + (f" ({', '.join(fields)})" if fields else ""))
