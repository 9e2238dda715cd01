"""A row of a file becomes what a single POST of the same values becomes, to the byte; or neither is taken."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crm_contacts.contacts import domain, events
from crm_contacts.contacts.schemas import CreateContactRequest
from crm_contacts.imports.adapters import ADAPTERS
from crm_contacts.imports.contact_adapter import ContactAdapter
from crm_contacts.phones import to_e164
from crm_shared.access import Caller, Role
from crm_shared.features.custom_fields import Definitions, EntityType
from crm_shared.features.imports.domain import Import, ImportedType, ImportMode, ImportOptions, ImportStatus
from crm_shared.features.imports.prepare.chunks import PreparedChunk
from crm_shared.features.imports.prepare.preparing import Preparer
from crm_shared.features.imports.references import Found, RowKey
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 3, 51, 54, 105000, tzinfo=UTC)
TENANT, USER = UUID(int=1), UUID(int=2)
CALLER = Caller(TENANT, USER, Role.REP, "EUR", "Europe/Berlin")
NAMES = ("first_name", "last_name", "email", "phone", "job_title", "source", "external_id", "tags")


def prepare(
    rows: Sequence[Mapping[str, str]], *, matches: Mapping[RowKey, UUID | str] | None = None, **changes: Any
) -> PreparedChunk:
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
    found = Found(NOW, definitions, ids={"owner_id": frozenset([USER])}, row_context="DE", matches=matches or {})
    pieces = iter([text.getvalue().encode()])
    (chunk,) = Preparer(
        replace(job, **changes), ADAPTERS[job.entity_type], 100, lambda: next(pieces, b""), lambda _: found
    ).prepare()
    return chunk


def to_posted_state(row: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the event's JSON of the same values sent as a POST, None when they are refused."""
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
    published: dict[str, Any] = json.loads(wire.payload)
    return published


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
    expected = to_posted_state(row)

    if expected is None:
        assert (chunk.failed, chunk.rows) == (1, b"")
        assert chunk.problems
        return
    assert chunk.problems == []
    cells = chunk.rows.decode().removesuffix("\n").split("\t")
    payload = cells[-1].replace("\\\\", "\\")
    published = json.loads(payload)
    assert published["contact"].pop("id") == cells[1]
    expected["contact"].pop("id")
    assert published == expected
    assert list(published["contact"]) == list(expected["contact"])


def test_lines_for_copy_part_only_where_they_should() -> None:
    rows = [{"first_name": 'a b\\"c', "tags": 'x"y\\;z,{}'}, {"first_name": "\\N"}]
    chunk = prepare(rows)

    columns = ("number", "id", *ContactAdapter().staged, "custom_data", "refusal", "payload")
    first, second = chunk.rows.decode().removesuffix("\n").split("\n")
    assert first.split("\t")[2] == 'a b\\\\"c'
    assert first.split("\t")[columns.index("tags")] == r'{"x\\"y\\\\","z,{}"}'
    assert second.split("\t")[2] == "\\\\N"
    assert {len(line.split("\t")) for line in (first, second)} == {len(columns)}
    assert (chunk.lines, chunk.rows_read) == ([2, 3], 2)


def test_a_contact_found_by_its_phone_is_given_no_form_of_it() -> None:
    # The phone may be another by the time that the row is written: its form would be that of the one before.
    row = {"first_name": "Ann", "phone": "030 901820", "job_title": "CEO"}
    chunk = prepare(
        [row],
        matches={RowKey("phone", "+4930901820", "Ann"): UUID(int=7)},
        mode=ImportMode.UPDATE,
        options=ImportOptions(match_by=("phone",)),
    )
    assert (chunk.problems, chunk.matched) == ([], {0: UUID(int=7)})
    assert chunk.given == [("job_title",)]


@pytest.mark.parametrize("rows_read", [0, 1])
def test_a_worker_that_goes_on_remembers_what_earlier_lines_named(rows_read: int) -> None:
    rows = [{"phone": phone, "first_name": "Ann"} for phone in ("+49 30 901820", "030 901820", "030 901821")]
    options = ImportOptions(match_by=("phone",))
    chunk = prepare(rows, mode=ImportMode.UPSERT, id_property=None, options=options, rows_read=rows_read)
    assert [(one.line, one.reason) for one in chunk.problems] == [
        (3, "an earlier line of the file has the same phone and name")
    ]
    assert chunk.lines == [2, 4][rows_read:]
