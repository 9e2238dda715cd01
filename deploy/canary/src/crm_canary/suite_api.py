"""The suite's public HTTP API, as the canary's user. What is away and what refuses are told apart, and nothing else."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

import httpx

from crm_canary.tokens import NoToken, Tokens

Service = Literal["deals", "activities", "search", "reporting"]
Json = Any
NOT_NOW: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT})


class Away(Exception):
    """No answer that counts: a service, the way to it, or a token is not there now. The same may work later."""


class Refused(Exception):
    """The API will not do it; `problem` is its answer (RFC 9457), empty where that is none."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem


class SuiteApi:
    """`urls`: where each service's paths (/v1/…) begin."""

    def __init__(self, http: httpx.AsyncClient, urls: Mapping[Service, str], tokens: Tokens) -> None:
        self._http = http
        self._urls = urls
        self._tokens = tokens

    async def get(self, service: Service, path: str, **parameters: str) -> Json:
        return await self._call(service, "GET", path, params=parameters)

    async def post(self, service: Service, path: str, body: Mapping[str, Any]) -> Json:
        return await self._call(service, "POST", path, json=body)

    async def delete(self, service: Service, path: str) -> None:
        """Delete it; what is not there is deleted."""
        try:
            await self._call(service, "DELETE", path)
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise

    async def _call(self, service: Service, method: str, path: str, **more: Any) -> Json:
        """Ask; a token that is refused is read anew once. Raises Away, Refused."""
        for is_refused in (False, True):
            answer = await self._send(method, self._urls[service] + path, is_refused=is_refused, **more)
            if answer.status_code != HTTPStatus.UNAUTHORIZED:
                break
        if answer.status_code in NOT_NOW or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Away(f"{service} answered {answer.status_code}")
        try:
            body = answer.json() if answer.content else None
        except ValueError as error:
            raise Away(f"{service} answered {answer.status_code}, and no JSON") from error
        if not answer.is_success:
            raise Refused(answer.status_code, body if isinstance(body, dict) else {})
        return body

    async def _send(self, method: str, url: str, *, is_refused: bool, **more: Any) -> httpx.Response:
        try:
            token = await self._tokens.read(is_refused=is_refused)
            return await self._http.request(method, url, headers={"Authorization": f"Bearer {token}"}, **more)
        except NoToken as error:
            raise Away(f"no token: {error}") from error
        except httpx.RequestError as error:  # an answer that can't be decoded too
            raise Away(f"{url}: {type(error).__name__}") from error
