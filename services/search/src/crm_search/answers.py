"""From hits to what the API answers. Pure. What a hit refers to is named only to those who may see that too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from crm_search.matching import ALL_STARTS, ALL_WORDS, BODY, DETAILS, EXACT, NICKNAMES, RELATED, TYPOS, find_tier
from crm_search.passages import Where
from crm_search.snippets import SnippetCutter
from crm_search.store import Hit, Visibility

PLACES: Final = {EXACT: Where.NAME, DETAILS: Where.DETAILS, RELATED: Where.RELATED, BODY: Where.BODY}
"""Where the words of a tier stand, when the texts were too long to look them up in."""


def to_item(hit: Hit, *, snippets: SnippetCutter, visibility: Visibility) -> dict[str, Any]:
    """Make one item of GET /v1/search."""
    names = _list_visible_names(hit, visibility)
    record = dict(hit.shown["record"])
    record |= {f"{name}_name": names.get(name) for name in _RELATIONS[hit.type]}
    further = _list_visible_contacts(hit, visibility)
    if hit.type == "activity":
        known = {record["contact_id"]: names.get("contact"), **further}
        # Of documents that were written before there were several, one is known.
        record["contact_names"] = [known.get(contact_id) for contact_id in record.get("contact_ids", ())]
    found = snippets.cut(
        [*_list_passages(hit), *((Where.RELATED, name) for name in (*names.values(), *further.values()))]
    )
    return {
        "type": hit.type,
        "id": hit.shown["id"],
        "title": hit.shown["title"],
        "subtitle": _join(_subtitle_parts(hit.type, record)),
        "snippet": found.html,
        "score": round(hit.score, 4),
        "matched": _explain(hit, found.matched, asks_number=snippets.asks_number),
        "updated_at": hit.updated_at,
        "record": record,
    }


def to_suggestion(hit: Hit, *, snippets: SnippetCutter, visibility: Visibility) -> dict[str, Any]:
    """Make one item of GET /v1/search/suggest."""
    item = to_item(hit, snippets=snippets, visibility=visibility)
    return {name: item[name] for name in ("type", "id", "title", "subtitle", "snippet")}


_RELATIONS: Mapping[str, tuple[str, ...]] = {
    "contact": ("company",),
    "company": (),
    "deal": ("contact", "company"),
    "activity": ("contact", "deal"),
}


def _list_passages(hit: Hit) -> Iterator[tuple[Where, str]]:
    """Yield the record's own texts. Documents of before do not say what each is."""
    texts = hit.shown["passages"]
    wheres = hit.shown.get("places") or [Where.NAME, *[Where.DETAILS] * len(texts)]
    yield from ((Where(where), text) for where, text in zip(wheres, texts, strict=False))
    if stage_name := hit.shown["record"].get("stage_name"):
        yield Where.DETAILS, stage_name


def _explain(hit: Hit, matched: Sequence[Where], *, asks_number: bool) -> list[Where]:
    """Say where the words stand that gave the score: of some tiers all of them stand in the name.

    A part of a phone number scores like the start of a name; one that is typed in another way than it was written
    shows in no text.
    """
    tier = find_tier(hit.score)
    if asks_number and tier in (EXACT, ALL_STARTS):
        return list(matched) or [Where.PHONE if hit.type == "contact" else Where.NAME]
    if tier in (ALL_WORDS, ALL_STARTS, NICKNAMES, TYPOS):
        return [Where.NAME]
    return list(matched) or [PLACES[tier]] * (tier in PLACES)


def _list_visible_names(hit: Hit, visibility: Visibility) -> dict[str, str]:
    return {
        name: related["name"]
        for name, related in hit.shown["related"].items()
        # Documents of before shares name no shared users.
        if visibility.sees(related["owner_id"], related.get("shared_user_ids", ()))
    }


def _list_visible_contacts(hit: Hit, visibility: Visibility) -> dict[str, str]:
    """Return the names of an activity's further contacts, by id, that the viewer may see."""
    return {
        contact["id"]: contact["name"]
        for contact in hit.shown.get("contacts", ())
        if visibility.sees(contact["owner_id"], contact["shared_user_ids"])
    }


def _subtitle_parts(record_type: str, record: Mapping[str, Any]) -> Iterable[str | None]:
    match record_type:
        case "contact":
            return record["job_title"], record["company_name"], record["email"]
        case "company":
            return record["industry"], record["domain"]
        case "deal":
            amount = None if record["amount"] is None else f"{record['amount']} {record['currency']}"
            return record["stage_name"], amount, record["company_name"] or record["contact_name"]
        case _:
            return str(record["type"]).capitalize(), record["contact_name"], record["deal_name"]


def _join(parts: Iterable[str | None]) -> str:
    return " · ".join(part for part in parts if part)
