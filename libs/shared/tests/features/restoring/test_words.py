"""What `crm-<service> restored` refuses, what a snapshot may say of a restoration, and what is printed of it."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
import typer
from pydantic_core import from_json, to_json

from crm_shared.contracts import BadRecord, OutboxEvent, decode
from crm_shared.contracts.writing import restored
from crm_shared.features.restoring.command import AGAIN, UNREAD, describe, tell_of_restoration
from crm_shared.features.restoring.lost_versions import LostVersions, list_lost
from crm_shared.features.restoring.steps import Summary
from crm_shared.settings import ServiceSettings
from crm_testing.published import to_event
from crm_testing.published_records import make_contact_event

TENANT, RECORD = UUID(int=1), UUID(int=2)
NOW: Final = datetime.now(UTC)


def make_snapshot(version: int, **more: Any) -> OutboxEvent:
    event = make_contact_event(TENANT, TENANT)
    state = {**event.state, "version": version}
    payload = to_json({"contact": state, "changed": None, "actor": None, **more})
    return OutboxEvent("contact", event.aggregate_id, "crm.contact.snapshot", version, TENANT, NOW, payload, RECORD)


def test_a_restored_snapshot_says_which_versions_are_lost() -> None:
    event = to_event(restored(make_snapshot(9), 3))
    assert list_lost([event, to_event(make_snapshot(9))]) == [LostVersions(TENANT, event.aggregate_id, 3, 9)]
    assert from_json(restored(make_snapshot(9), 0).payload)["restored_from"] == 0


@pytest.mark.parametrize("restored_from", [9, 10, -1])
def test_a_snapshot_is_restored_from_an_earlier_version(restored_from: int) -> None:
    with pytest.raises(ValueError, match="can't be restored"):
        restored(make_snapshot(9), restored_from)


@pytest.mark.parametrize("restored_from", [9, -1, 1.5, "3", True, [], 10**30])
def test_what_is_no_earlier_version_is_a_bad_record(restored_from: Any) -> None:
    event = make_snapshot(9, restored_from=restored_from)
    with pytest.raises(BadRecord, match="restored_from"):
        decode(str(event.aggregate_id).encode(), event.payload, event.headers())


def test_null_is_as_if_it_were_absent() -> None:
    assert to_event(make_snapshot(9, restored_from=None)).restored_from is None


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("yesterday", "not an instant"),
        ("2026-11-30", "not an instant"),
        ("2026-11-30T08:00:00", "not an instant"),
        ("0001-01-01T00:00:00Z", "not an instant"),
        ("2199-01-01T00:00:00Z", "in the future"),
    ],
)
async def test_a_moment_that_is_none_is_refused(to: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ServiceSettings.model_construct(service="deals")
    with pytest.raises(typer.Exit) as ended:
        await tell_of_restoration(settings, (), {}, to)
    assert ended.value.exit_code == 2
    assert words in capsys.readouterr().err


def test_what_is_left_to_people_is_named() -> None:
    summary = Summary(
        raised={"contact": 2},
        ended={"contact": 1},
        unended={"tenant": [(TENANT, TENANT)], "deal": [(TENANT, RECORD)]},
        made_again={"activity": 3},
        unerased={"contact": [(TENANT, RECORD)]},
        reread={"contacts.users": 7},
    )
    assert list(describe(summary)) == [
        "contacts.users: reads 7 records again",
        "contact: 2 raised and told of again, 1 ended that are not there any more",
        f"tenant {TENANT} of tenant {TENANT} is not there: make it again",
        f"deal {RECORD} of tenant {TENANT} is not there: {UNREAD}",
        f"contact {RECORD} of tenant {TENANT} had been erased: erase it again",
        f"activity: 3 will be made again by the workers. {AGAIN}",
        "all is in the outbox; the relay brings it to Kafka. Start the workers again",
    ]
    assert list(describe(Summary())) == ["start the workers again"]
