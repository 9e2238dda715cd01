"""The texts of a record that people read, and what each of them is. Pure.

Of these a snippet is cut, and they tell where a query's words stand in the record.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from crm_search import activities
from crm_shared.features.replicas.records import full_name

Fields = Mapping[str, Any]


class Where(StrEnum):
    """Where a search has found its words (api.md: `matched`)."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    DETAILS = "details"
    RELATED = "related"
    BODY = "body"
    CUSTOM = "custom"


def list_passages(record_type: str, state: Fields) -> list[tuple[Where, str]]:
    """Return the texts with what they are, the most telling first."""
    passages = [*_PASSAGES[record_type](state), *((Where.CUSTOM, text) for text in list_custom_texts(state))]
    return [(where, text) for where, text in passages if text]


def list_former_passages(former: Sequence[Fields]) -> list[tuple[Where, str]]:
    """Return what those were called, and how they were reached, that were merged into a contact."""
    passages = [passage for one in former for passage in _of_former(one)]
    return [(where, text) for where, text in dict.fromkeys(passages) if text]


def _of_former(former: Fields) -> Iterator[tuple[Where, str | None]]:
    yield Where.NAME, full_name(former)
    yield Where.EMAIL, former["email"]
    yield Where.PHONE, former["phone"]


def list_custom_texts(state: Fields) -> Iterator[str]:
    """Yield what a record's custom fields are found by: texts, numbers, days, and each of several choices."""
    for value in (state.get("custom_data") or {}).values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | int | float) and not isinstance(one, bool):
                yield str(one)


def _of_contact(state: Fields) -> Iterator[tuple[Where, str | None]]:
    yield Where.NAME, full_name(state)
    yield Where.EMAIL, state["email"]
    yield Where.PHONE, state["phone"]
    yield Where.DETAILS, state["job_title"]
    yield from _details(state["tags"])
    yield Where.DETAILS, state["external_id"]


def _of_company(state: Fields) -> Iterator[tuple[Where, str | None]]:
    yield Where.NAME, state["name"]
    yield from _details([state["domain"], state["website"], state["industry"], *state["tags"]])


def _of_deal(state: Fields) -> Iterator[tuple[Where, str | None]]:
    yield Where.NAME, state["name"]
    yield Where.BODY, state["description"]
    yield from _details([state["lost_reason"], state["external_id"]])


def _of_activity(state: Fields) -> Iterator[tuple[Where, str | None]]:
    yield Where.NAME, state["subject"]
    yield Where.BODY, state["body"]
    yield from _details([*activities.list_places(state), state["external_id"]])


def _details(texts: Iterable[str | None]) -> Iterator[tuple[Where, str | None]]:
    return ((Where.DETAILS, text) for text in texts)


_PASSAGES = {"contact": _of_contact, "company": _of_company, "deal": _of_deal, "activity": _of_activity}
