"""Columns of a file are known by what people and other products call them, and by the mapping first."""

import pytest

from crm_contacts.imports.adapters import ADAPTERS
from crm_shared.features.imports.columns import require_identifiable
from crm_shared.features.imports.domain import ImportedType, ImportMode
from crm_shared.features.imports.headers import to_columns
from crm_shared.refusals import InvalidField

CONTACT, COMPANY = ImportedType.CONTACT, ImportedType.COMPANY


LABELS = {"size": "T-shirt size", "seat": "Position", "mail": "E-Mail", "one": "Twin", "two": "twin"}


def columns_of(*header: str, mapping: dict[str, str | None] | None = None, **options: object) -> dict[str, str | None]:
    mode = ImportMode(str(options.get("mode", "create")))
    entity_type = ImportedType(str(options.get("entity_type", "CONTACT")))
    ignored = () if mode is ImportMode.UPDATE else ("id",)
    columns, _ = to_columns(
        header, mapping or {}, names=ADAPTERS[entity_type].names, custom_labels=LABELS, ignored=ignored
    )
    return dict(columns)


def test_columns_are_known_by_the_names_that_people_use() -> None:
    assert columns_of(" First_Name", "SURNAME", "E-Mail Address", "Mobile Phone", "Cf_Size", "Notes", "Id") == {
        " First_Name": "first_name", "SURNAME": "last_name", "E-Mail Address": "email", "Mobile Phone": "phone",
        "Cf_Size": "cf_size", "Notes": None, "Id": None,
    }  # fmt: skip
    assert columns_of("company_id", "company", "owner", mode="update") == {
        "company_id": "company_id", "company": "company", "owner": "owner",
    }  # fmt: skip


def test_columns_are_known_by_the_labels_of_custom_fields() -> None:
    """A tenant's own label goes before what others call our fields, but not before our fields' own names."""
    assert columns_of("t-shirt SIZE", "position", "Email", "Twin", "cf_mail", "cf_one") == {
        "t-shirt SIZE": "cf_size", "position": "cf_seat", "Email": "email", "Twin": None, "cf_mail": "cf_mail",
        "cf_one": "cf_one",
    }  # fmt: skip


def test_the_mapping_comes_first_and_null_ignores() -> None:
    assert columns_of("Email", "Second email", "Phone", mapping={"second EMAIL": "email", "Phone": None}) == {
        "Email": None, "Second email": "email", "Phone": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "mapping", "pointer"),
    [
        (["a"], {"b": "email"}, "/mapping/b"),
        (["a"], {"a": "e_mail"}, "/mapping/a"),
        (["a"], {"a": "cf_unknown"}, "/mapping/a"),
        (["a", "b"], {"a": "email", "b": "email"}, "/mapping/b"),
        (["a/b"], {"a/b": "x"}, "/mapping/a~1b"),
        (["email", "E-Mail"], {}, "/file"),
    ],
)
def test_a_mapping_that_can_not_be_names_its_columns(
    header: list[str], mapping: dict[str, str | None], pointer: str
) -> None:
    with pytest.raises(InvalidField) as refusal:
        columns_of(*header, mapping=mapping)
    assert [one.pointer for one in refusal.value.errors] == [pointer]


def test_rows_are_found_by_a_column_of_the_file() -> None:
    def choose(fields: list[str], mode: str, id_property: str | None = None, of: ImportedType = CONTACT) -> str:
        columns = [(name, name) for name in fields]
        found = require_identifiable(columns, kind=ADAPTERS[of], mode=ImportMode(mode), id_property=id_property)
        return ",".join(found)

    assert choose(["email"], "create") == ""
    assert choose(["id", "email", "phone"], "upsert") == "id,email"
    assert choose(["id", "email"], "upsert", "id") == "id"
    assert choose(["id", "email"], "update", "email") == "id,email"
    assert choose(["id", "first_name"], "upsert", "id") == "id"
    assert choose(["email", "external_id"], "upsert") == "email"
    assert choose(["external_id", "phone"], "upsert") == "external_id"
    assert choose(["id", "email"], "update") == "id"
    assert choose(["domain", "name"], "upsert", of=COMPANY) == "domain"
    for fields, mode, id_property in (
        (["email"], "create", "email"), (["id", "email"], "create", None), (["phone"], "upsert", None),
        (["email"], "upsert", "id"), (["email"], "upsert", "phone"), (["id"], "update", None), ([], "create", None),
    ):  # fmt: skip
        with pytest.raises(InvalidField):
            choose(fields, mode, id_property)
