"""An id comes in as it goes out, and in no other way that Python reads too."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import pytest
from libs.shared.tests.http.things import ThingsSettings
from pydantic import Field, ValidationError

from crm_shared.http.ids import CanonicalIds, is_id, parse_id
from crm_shared.http.models import RequestBody
from crm_testing.answers import require_ok, require_problem
from crm_testing.service_kit import ServiceKit

Things = ServiceKit[ThingsSettings]
ID = "0195a5f0-0000-7000-8000-00000000000a"
OTHERS = {
    "braces": f"{{{ID}}}",
    "urn": f"urn:uuid:{ID}",
    "digits": ID.replace("-", ""),
    "underscores": ID.replace("-", "_"),
    "hyphens elsewhere": "0195a5f00000-7000-8000-0000-0000000a",
    "space": f" {ID}",
    "line": f"{ID}\n",
    "other digits": ID.replace("0", "٠"),  # noqa: RUF001 - Arabic digits
}
other_writings = pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)


class Inner(RequestBody):
    id: UUID


class Body(CanonicalIds):
    one: UUID
    maybe: UUID | None = None
    many: list[UUID] = Field(default=[], max_length=5)
    set_of: Annotated[tuple[UUID, ...], Field(max_length=5)] = ()
    by_name: dict[str, UUID] = Field(default={})
    inner: Inner | None = None


WHERE: dict[str, Callable[[str], dict[str, Any]]] = {
    "one": lambda text: {"one": text},
    "maybe": lambda text: {"one": ID, "maybe": text},
    "many": lambda text: {"one": ID, "many": [text]},
    "set_of": lambda text: {"one": ID, "set_of": [text]},
    "by_name": lambda text: {"one": ID, "by_name": {"a": text}},
    "inner": lambda text: {"one": ID, "inner": {"id": text}},
}


@other_writings
def test_an_id_has_one_form(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ValueError, match="is no id"):
        parse_id(text)


@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_capitals_count_as_small_letters(text: str) -> None:
    assert parse_id(text) == Body.model_validate({"one": text}).one == UUID(ID)


@other_writings
@pytest.mark.parametrize("field", WHERE)
def test_a_model_reads_ids_so_wherever_they_stand(field: str, text: str) -> None:
    Body.model_validate(WHERE[field](ID))
    with pytest.raises(ValidationError, match="is no id such as") as refused:
        Body.model_validate(WHERE[field](text))
    assert refused.value.errors()[0]["loc"][0] == field


def test_a_model_s_schema_says_uuid() -> None:
    assert Body.model_json_schema()["properties"]["one"] == {"format": "uuid", "title": "One", "type": "string"}


@pytest.mark.engines
@pytest.mark.parametrize("ending", ["", "/guarded"])
@pytest.mark.parametrize("text", ["braces", "urn", "digits", "underscores", "hyphens elsewhere"])
async def test_in_a_path_it_is_nothing_else_either(things: Things, text: str, ending: str) -> None:
    tenant = await things.seed_tenant()
    admin = things.client(tenant.admin)
    thing = require_ok(await admin.post("/v1/things", json={"name": "One"}), 201)
    written = {name: other.replace(ID, thing["id"]) for name, other in OTHERS.items()}
    written |= {"digits": thing["id"].replace("-", ""), "underscores": thing["id"].replace("-", "_")}

    require_ok(await admin.get(f"/v1/things/{thing['id'].upper()}{ending}"))
    require_problem(await admin.get(f"/v1/things/{written[text]}{ending}"), 404, "not-found")
    require_problem(await admin.delete(f"/v1/things/{written[text]}"), 404, "not-found")


@pytest.mark.engines
@pytest.mark.parametrize("text", [OTHERS["braces"], OTHERS["urn"], OTHERS["digits"]], ids=["braces", "urn", "digits"])
async def test_in_a_body_it_names_its_field(things: Things, text: str) -> None:
    tenant = await things.seed_tenant()
    answer = await things.client(tenant.rep).post("/v1/things/rename", json={"ids": [text], "name": "x"})
    require_problem(answer, 422, "invalid-field", "/ids/0")
