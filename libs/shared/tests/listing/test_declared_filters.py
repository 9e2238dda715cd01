"""A field that a list's query declares once is a filter, its column and its `.empty`."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from crm_shared.database import Where
from crm_shared.http.emptiness import asking_emptiness
from crm_shared.http.equality import Equal
from crm_shared.http.models import ListQuery, ShortText
from crm_shared.listing.emptiness import add_emptiness
from crm_shared.listing.equality import add_equality, list_equalities


@asking_emptiness(but=("q",), also=("due_on",))
class ThingList(ListQuery):
    owner_id: Equal[UUID] = None
    colour: Equal[ShortText] = None
    q: ShortText | None = None


def test_what_is_asked_for_as_it_is_names_the_column_of_its_name() -> None:
    columns = list_equalities(ThingList, "t")
    assert columns == {"owner_id": "t.owner_id", "colour": "t.colour"}
    where = add_equality(Where(), ThingList.model_validate({"colour": "red"}), columns)
    assert (where.sql, list(where.parameters)) == ("t.colour = $1", ["red"])


def test_emptiness_is_asked_of_each_field_of_its_own_but_what_is_left_out() -> None:
    names = [field.alias for field in ThingList.model_fields.values() if field.alias is not None]
    assert names == ["owner_id.empty", "colour.empty", "due_on.empty"]
    query = ThingList.model_validate({"colour.empty": "true"})
    assert add_emptiness(Where(), query, {"owner_id": "t.owner_id", "colour": "t.colour"}).sql == "t.colour IS NULL"


@pytest.mark.parametrize("name", ["q.empty", "sort.empty", "colour_empty"])
def test_what_cannot_be_asked_is_unknown(name: str) -> None:
    with pytest.raises(ValidationError):
        ThingList.model_validate({name: "true"})
