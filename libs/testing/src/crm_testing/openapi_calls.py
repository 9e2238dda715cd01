"""Calls every operation of a service's OpenAPI document with what schemathesis makes up, and holds answers against it.

Neither a 5xx nor an answer that the document does not tell of may come: no other status, content type, header or shape,
and nothing that breaks the document may be taken for good. The service runs in this process, on its real stores.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crm_testing.examples import examples
from crm_testing.method_calls import list_wrong_ids, list_wrong_methods

CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# A batch refuses a wrong item in its answer, and only what is wrong around the items as a whole.
ITEMS_CHECKS: Final = [check for check in CHECKS if check is not negative_data_rejection]
MULTI_STATUS: Final = 207
BASE_URL: Final = "http://service.test"
MAX_URL_LENGTH: Final = 60_000
"""httpx refuses to send what is longer than 65,536 characters, and no proxy would let it through."""
EXAMPLES: Final = examples(4)
"""Requests of either kind for each operation: enough for every run; some hundreds find what hides."""
SELDOM: Final = ("cursor", "If-Match", "Idempotency-Key", "after")
"""Optional, and refused when made up: most requests come without, or nothing behind them would ever be called."""

TURNS: Final = ("POST", "GET", "HEAD", "PUT", "PATCH", "DELETE")
"""What is created first can be read, changed and deleted afterwards."""

Operation: TypeAlias = "schemathesis.APIOperation[Any, Any, Any, Any]"
Case: TypeAlias = "schemathesis.Case[Any]"
Known = Mapping[str, Sequence[Any]]
"""By name of field or parameter: values that mean something to the service, such as ids of records that are there."""


@dataclass
class Findings:
    """`failures` by operation, each once; `statuses`: how often each operation was answered how.

    `known` grows by the ids of what was created.
    """

    known: dict[str, list[Any]]
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong_paths: list[str] = field(default_factory=list)

    def note(self, operation: Operation, response: httpx.Response) -> None:
        self.statuses[operation.label, response.status_code] += 1
        if response.status_code == httpx.codes.CREATED and "id" in response.json():
            for path in operation.schema:
                name, _, rest = path.removeprefix(f"{operation.path}/").partition("/")
                if path != name and name.startswith("{") and not rest:
                    self.known.setdefault(name.strip("{}"), []).append(response.json()["id"])

    def add(self, label: str, failure: Exception, case: Case, response: httpx.Response) -> None:
        """Keep the first failure of each kind, with the request that brought it about."""
        kind = f"{type(failure).__name__} {response.status_code}"
        texts = self.failures.setdefault(label, {})
        if kind not in texts:
            texts[kind] = f"{failure}\n{case.as_curl_command()}\n{response.status_code}: {response.text[:500]}"

    def require_clean(self, *, may_be_away: Sequence[str] = ()) -> None:
        """Fail unless all was as documented, nothing was away but in these operations, and most were carried out."""
        assert not self.failures, str(self)
        assert not self.wrong_paths, "\n".join(self.wrong_paths)
        away = {label for label, status in self.statuses if status >= httpx.codes.INTERNAL_SERVER_ERROR}
        assert away == set(may_be_away), sorted(away ^ set(may_be_away))
        labels = {label for label, _ in self.statuses}
        assert len(self.list_never_good()) < len(labels) / 2, self.list_never_good()

    def list_never_good(self) -> list[str]:
        """Name the operations that no request has reached the good end of."""
        labels = {label for label, _ in self.statuses}
        return sorted(labels - {label for label, status in self.statuses if status < httpx.codes.BAD_REQUEST})

    def __str__(self) -> str:
        return "\n\n".join(f"## {label}\n{text}" for label, texts in self.failures.items() for text in texts.values())


async def call_all(client: httpx.AsyncClient, document: Mapping[str, Any], known: Known) -> Findings:
    """Call each operation with requests of either kind: by the document, and breaking it somewhere.

    They are the same in every run, as long as the document is. `require_clean` of what comes back fails the test.
    """
    loop = asyncio.get_running_loop()

    def send(request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(client.send(request), loop).result()

    findings = await asyncio.to_thread(_call_all, client, send, document, known)
    findings.wrong_paths = [*await list_wrong_methods(client, document), *await list_wrong_ids(client, document)]
    return findings


def _call_all(
    client: httpx.AsyncClient,
    send: Callable[[httpx.Request], httpx.Response],
    document: Mapping[str, Any],
    known: Known,
) -> Findings:
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(dict(document), config=config)
    findings = Findings(known={name: list(values) for name, values in known.items()})
    results = list(schema.get_all_operations())
    operations: list[Operation] = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(operations) == len(results), "the document has operations that can't be read"
    for operation in sorted(operations, key=lambda one: TURNS.index(one.method.upper())):
        for mode in GenerationMode:
            try:
                _call(client, send, operation, mode, findings)
            except Unsatisfiable:  # an operation without any parameter can't be called wrongly
                assert mode is GenerationMode.NEGATIVE, operation.label
    return findings


def _call(
    client: httpx.AsyncClient,
    send: Callable[[httpx.Request], httpx.Response],
    operation: Operation,
    mode: GenerationMode,
    findings: Findings,
) -> None:
    known = {name: tuple(values) for name, values in findings.known.items()}  # must not grow while Hypothesis draws

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # the first failing request says enough: each is named with its curl command
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def call(case: Case, data: st.DataObject) -> None:
        _plant(case, mode, known, data)
        prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
        assert prepared.body is None or isinstance(prepared.body, str | bytes)
        assume(len(str(prepared.url)) <= MAX_URL_LENGTH)
        headers = {name: str(value) for name, value in prepared.headers.items()}
        request = client.build_request(
            case.method, str(prepared.url), headers={**client.headers, **headers}, content=prepared.body
        )
        response = send(request)
        findings.note(operation, response)
        try:
            case.validate_response(response, checks=ITEMS_CHECKS if response.status_code == MULTI_STATUS else CHECKS)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                findings.add(operation.label, failure, case, response)

    call()


def _plant(case: Case, mode: GenerationMode, known: Known, data: st.DataObject) -> None:
    """Let most references name records that are there: what is behind a 404 would never be called otherwise."""
    if mode is GenerationMode.NEGATIVE:
        part = None if case.meta is None else case.meta.components.get(ParameterLocation.PATH)
        if part is None or part.mode is GenerationMode.POSITIVE:
            _plant_in(case.path_parameters, known, data)
        return
    for place in (case.path_parameters, case.query, case.body):
        _plant_in(place, known, data)
    for optional in (case.query, case.headers):
        for name in SELDOM:
            if name in (optional or ()) and data.draw(st.integers(0, 7)):
                del optional[name]


def _plant_in(place: object, known: Known, data: st.DataObject) -> None:
    if isinstance(place, list):
        for item in place:
            _plant_in(item, known, data)
    elif isinstance(place, dict):
        for name, value in place.items():
            if name in known and data.draw(st.integers(0, 7)):
                place[name] = data.draw(st.sampled_from(known[name]))
            else:
                _plant_in(value, known, data)
