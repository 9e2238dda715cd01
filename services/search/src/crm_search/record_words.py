"""Which of a record's fields it is found by. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from crm_search import activities
from crm_search.document_words import MAX_PASSAGE_CHARS, to_words
from crm_search.folding import MAX_PHONE_DIGITS, digits_of, list_endings
from crm_search.passages import list_custom_texts
from crm_shared.features.replicas.records import full_name

Fields = Mapping[str, Any]
Summary = Mapping[str, Any]


def find_stage_name(state: Fields, pipeline: Summary | None) -> str | None:
    """Name the stage that a deal is in, as its pipeline names it now."""
    return None if pipeline is None else pipeline["stages"].get(state["stage_id"])


def _contact_words(state: Fields, _pipeline: Summary | None) -> dict[str, Any]:
    number = _read_number(state)
    return to_words(
        full_name(state) if state["first_name"] or state["last_name"] else None,
        keys=(state["email"], state["external_id"]),
        details=(
            state["email"],
            state["external_id"],
            state["job_title"],
            state["phone"],
            *state["tags"],
            *list_custom_texts(state),
        ),
    ) | {"phone": list_endings(number), "phone_whole": [number[:MAX_PHONE_DIGITS]] if number else []}


def _read_number(contact: Fields) -> str:
    """Return the digits of a contact's phone, without the zeros that stand in front of one's own country's."""
    given = digits_of((contact["phone"] or "")[:MAX_PASSAGE_CHARS]).lstrip("0")
    return digits_of(contact["phone_e164"] or "") or given


def add_former(words: dict[str, Any], former: Sequence[Fields]) -> dict[str, Any]:
    """Have a contact found by the names, addresses and numbers of those that were merged into it."""
    if not former:
        return words
    names = [(full_name(one), one["email"]) for one in former]
    added = to_words(
        None, keys=[text for pair in names for text in pair], details=[text for pair in names for text in pair]
    )
    numbers = [number for one in former if (number := _read_number(one))]
    phones = [*words["phone"], *(ending for number in numbers for ending in list_endings(number))]
    whole = [*words["phone_whole"], *(number[:MAX_PHONE_DIGITS] for number in numbers)]
    return words | {
        "exact": sorted({*words["exact"], *added["exact"]}),
        "details": f"{words['details']} {added['details']}",
        "phone": list(dict.fromkeys(phones)),
        "phone_whole": list(dict.fromkeys(whole)),
    }


def _company_words(state: Fields, _pipeline: Summary | None) -> dict[str, Any]:
    return to_words(
        state["name"],
        keys=(state["domain"],),
        details=(state["domain"], state["website"], state["industry"], *state["tags"], *list_custom_texts(state)),
    )


def _deal_words(state: Fields, pipeline: Summary | None) -> dict[str, Any]:
    return to_words(
        state["name"],
        keys=(state["external_id"],),
        details=(
            find_stage_name(state, pipeline),
            state["external_id"],
            state["lost_reason"],
            *list_custom_texts(state),
        ),
        body=state["description"],
    )


def _activity_words(state: Fields, _pipeline: Summary | None) -> dict[str, Any]:
    return to_words(
        state["subject"],
        keys=(state["external_id"],),
        details=(state["external_id"], *activities.list_places(state)),
        body=state["body"],
    )


WORDS: Final = {
    "contact": _contact_words,
    "company": _company_words,
    "deal": _deal_words,
    "activity": _activity_words,
}
