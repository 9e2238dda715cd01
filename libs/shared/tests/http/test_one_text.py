"""Text is one text at every door: bodies, paths and queries come to the endpoints in Unicode NFC."""

import httpx
import pytest

from crm_testing.answers import require_ok, require_problem

pytestmark = pytest.mark.engines

WRITTEN, KEPT = "Cafe\u0301", "Caf\u00e9"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("body", ['{"name": "Cafe\\u0301"}', '{"name": "Cafe\u0301"}', '{"name": "Caf\\u00e9"}'])
async def test_a_body_is_read_in_nfc_however_it_is_written(rep: httpx.AsyncClient, body: str) -> None:
    made = require_ok(await rep.post("/v1/things", content=body.encode(), headers=JSON), 201)

    assert made["name"] == KEPT


async def test_names_and_values_deep_in_a_body_are_too(rep: httpx.AsyncClient) -> None:
    body = {"name": "a", "notes": {WRITTEN: [{WRITTEN: [WRITTEN, 1, None]}]}}
    made = require_ok(await rep.post("/v1/things", json=body), 201)

    assert made["notes"] == {KEPT: [{KEPT: [KEPT, 1, None]}]}


async def test_a_query_is_read_in_nfc_and_trimmed(rep: httpx.AsyncClient) -> None:
    asked = require_ok(await rep.get("/v1/things", params={"name": f" {WRITTEN} ", "tag": [WRITTEN, "a+b&c"]}))

    assert (asked["name"], asked["tag"]) == (KEPT, [KEPT, "a+b&c"])
    require_problem(await rep.get("/v1/things", params={WRITTEN: "x"}), 422, "invalid-field", f"?{KEPT}")


async def test_a_path_is_read_in_nfc(rep: httpx.AsyncClient) -> None:
    assert require_ok(await rep.get(f"/v1/things/named/{WRITTEN}")) == {"name": KEPT}


@pytest.mark.parametrize("name", ["\u200b", "a\u0007b", "a\nb", "\u2060\ufeff"])
async def test_a_name_that_nobody_could_read_is_refused(rep: httpx.AsyncClient, name: str) -> None:
    require_problem(await rep.post("/v1/things", json={"name": name}), 422, "invalid-field", "/name")


@pytest.mark.parametrize("raw", ["%FF", "%C3", "%ED%A0%80", "a%FEb"])
async def test_bytes_that_are_no_text_are_refused_and_not_taken_for_others(rep: httpx.AsyncClient, raw: str) -> None:
    require_problem(await rep.get(f"/v1/things/named/{raw}"), 422, "invalid-field", "path")
    require_problem(await rep.get(f"/v1/things?name={raw}"), 422, "invalid-field", "?")
