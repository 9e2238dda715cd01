"""A row of a file becomes what a single POST of the same values becomes, to the byte; or neither is taken."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crm_contacts.contacts import domain, events
from crm_contacts.contacts.schemas import CreateContactRequest
from crm_contacts.imports.domain import Import, ImportedType, ImportMode, ImportStatus
from crm_contacts.imports.preparing import PreparedChunk, Preparer
from crm_contacts.imports.references import Found
from crm_contacts.imports.rows import ROW_KINDS
from crm_contacts.phones import to_e164
from crm_shared.access import Caller, Role
from crm_shared.custom_fields import Definitions, EntityType
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 3, 51, 54, 105000, tzinfo=UTC)
TENANT, USER = UUID(int=1), UUID(int=2)
CALLER = Caller(TENANT, USER, Role.REP, "EUR", "Europe/Berlin")
NAMES = ("first_name", "last_name", "email", "phone", "job_title", "source", "external_id", "tags")


def prepare(rows: Sequence[Mapping[str, str]]) -> PreparedChunk:
    text = io.StringIO()
    csv.writer(text).writerows([NAMES, *([row.get(name, "") for name in NAMES] for row in rows)])
    job = Import(
        tenant_id=TENANT,
        id=UUID(int=3),
        version=1,
        created_by=USER,
        entity_type=ImportedType.CONTACT,
        mode=ImportMode.CREATE,
        id_property=None,
        dry_run=False,
        status=ImportStatus.RUNNING,
        file_name="people.csv",
        file_bytes=1,
        encoding="utf-8",
        delimiter=",",
        columns=[(name, name) for name in NAMES],
        created_at=NOW,
        updated_at=NOW,
    )
    definitions = Definitions(TENANT, EntityType.CONTACT, [])
    found = Found(NOW, "DE", definitions, frozenset(), {}, frozenset([USER]), {})
    pieces = iter([text.getvalue().encode()])
    (chunk,) = Preparer(job, 100, lambda: next(pieces, b""), lambda _: found).prepare()
    return chunk


def tell_as_posted(row: Mapping[str, str]) -> dict[str, Any] | None:
    """Give the event's JSON of the same values sent as a POST, None when they are refused."""
    body: dict[str, Any] = {name: text for name, text in row.items() if text.strip()}
    if "tags" in body:
        body["tags"] = [tag for tag in body["tags"].split(";") if tag.strip()]
    try:
        new = CreateContactRequest.model_validate(body).to_command(CALLER).new
        new = replace(new, phone_e164=None if new.phone is None else to_e164(new.phone, "DE"))
        event = domain.create(UUID(int=9), new, now=NOW)
    except (ValidationError, InvalidField):
        return None
    (wire,) = events.MAPPING.to_wire([event], by=CALLER)
    told: dict[str, Any] = json.loads(wire.payload)
    return told


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
PLAIN = TEXT.filter(lambda text: not text.strip().startswith("'"))
CELLS: Mapping[str, st.SearchStrategy[str]] = {
    "first_name": st.one_of(PLAIN, st.just("x" * 256)),
    "last_name": PLAIN,
    "email": st.one_of(st.from_regex(r"\A[A-Za-z0-9.]{1,9}@[a-z]{1,9}\.[a-z]{1,4}\Z"), PLAIN),
    "phone": st.one_of(st.from_regex(r"\A\+?[0-9 ().\-]{2,16}\Z"), PLAIN),
    "job_title": st.one_of(PLAIN, st.sampled_from(["a\tb\\N", "two\nlines", "\\", '"quoted", {json}'])),
    "source": st.sampled_from(["", "INBOUND", "REFERRAL", "NOWHERE"]),
    "external_id": PLAIN,
    "tags": st.lists(PLAIN, max_size=4).map(";".join),
}


@settings(deadline=None, max_examples=150)
@given(st.fixed_dictionaries({}, optional=CELLS))
@example({"first_name": " Zoë ", "tags": " vip ;vip; board"})
@example({"job_title": "nobody"})
@example({"first_name": "Andre\u0301", "tags": "Cafe\u0301;Caf\u00e9"})
@example({"first_name": "a\u0007b"})
@example({"last_name": "\u200b"})
@example({"phone": "4.479E+11"})
@example({"phone": "447911123456.0"})
@example({"tags": ".."})
@example({"email": "Postmaster@ACME.example", "phone": "110"})
def test_a_row_tells_what_a_post_tells(row: Mapping[str, str]) -> None:
    if not "".join(row.values()).strip():
        return  # an empty line is no row
    chunk = prepare([row])
    expected = tell_as_posted(row)

    if expected is None:
        assert (chunk.failed, chunk.rows) == (1, b"")
        assert chunk.problems
        return
    assert chunk.problems == []
    cells = chunk.rows.decode().removesuffix("\n").split("\t")
    payload = cells[-1].replace("\\\\", "\\")
    told = json.loads(payload)
    assert told["contact"].pop("id") == cells[1]
    expected["contact"].pop("id")
    assert told == expected
    assert list(told["contact"]) == list(expected["contact"])


def test_lines_for_copy_part_only_where_they_should() -> None:
    rows = [{"first_name": 'a b\\"c', "tags": 'x"y\\;z,{}'}, {"first_name": "\\N"}]
    chunk = prepare(rows)

    columns = ("number", "id", *ROW_KINDS[ImportedType.CONTACT].staged, "custom_data", "refusal", "payload")
    first, second = chunk.rows.decode().removesuffix("\n").split("\n")
    assert first.split("\t")[2] == 'a b\\\\"c'
    assert first.split("\t")[columns.index("tags")] == r'{"x\\"y\\\\","z,{}"}'
    assert second.split("\t")[2] == "\\\\N"
    assert {len(line.split("\t")) for line in (first, second)} == {len(columns)}
    assert (chunk.lines, chunk.rows_read) == ([2, 3], 2)
