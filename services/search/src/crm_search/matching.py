"""From what a caller typed to a query. Pure.

A score is a tier times recency. Tiers lie so far apart that the oldest record of one beats the newest of the next:
an exact name stays above a newer partial match whatever their dates. And as no tier depends on how often a word
occurs in the index, scores stand still while others write, so a walk over pages neither repeats nor loses a record.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from crm_search.folding import MAX_START_CHARS, Word, list_name_keys
from crm_search.near_words import MIN_START_TYPO_CHARS, NOTHING_KNOWN, NearWords
from crm_search.phones import PhoneQuery
from crm_search.query_words import MIN_TYPO_CHARS, Asked, count_typos, list_other_names, list_words, read_query
from crm_search.store import NEAREST_WORDS, Query, Visibility

MIN_SUGGEST_TYPO_CHARS: Final = 3

OLDEST: Final = 0.7
SCORE_PRECISION: Final = 1e-5
"""Scores are 32-bit floats."""

HALF_LIFE: Final = "60d"
"""Recency goes from 1 for what changed now to OLDEST, halving the way every 60 days (semantics.md: 0.7 to 1)."""

# Each more than 1 / 0.7 of the next, from "is it" down to "is about it".
EXACT: Final = 100.0
ALL_WORDS: Final = 69.0
ALL_STARTS: Final = 47.5
NICKNAMES: Final = 33.0
TYPOS: Final = 22.8
DETAILS: Final = 15.7
RELATED: Final = 10.8
BODY: Final = 7.4
TYPOS_ANYWHERE: Final = 5.1
MOST_WORDS: Final = 3.5
TIERS: Final = (*(EXACT, ALL_WORDS, ALL_STARTS, NICKNAMES, TYPOS, DETAILS, RELATED, BODY, TYPOS_ANYWHERE, MOST_WORDS),)

RELATED_NAMES: Final = ("contact", "company", "deal")
FURTHER_CONTACTS: Final = "contacts"
LAST_OF_BASIC_PLANE: Final = "\uffff"
Clause = Callable[[Word], Query]
FieldClause = Callable[[str], Query]


def to_search_query(
    text: str,
    *,
    phone: PhoneQuery | None,
    visibility: Visibility,
    now: datetime,
    near: NearWords = NOTHING_KNOWN,
) -> Query:
    """Build the query of GET /v1/search: each tier asks for every word, in more and more places.

    `near`: what the index has near the words, where that is known; each field is asked for the rest.
    """
    asked = read_query(text)
    tiers = [*_phone_tiers(phone), *_exact_tiers(text), *(_word_tiers(asked, visibility, near) if asked else [])]
    return with_recency(_best_of(tiers), now)


def to_suggest_query(text: str, *, now: datetime) -> Query:
    """Build the query of GET /v1/search/suggest: names only, each word as far as it has been typed."""
    asked = read_query(text)
    tiers = _exact_tiers(text)
    if asked:
        tiers += [
            _tier(ALL_WORDS, _every(asked, _is_word)),
            _tier(ALL_STARTS, _every(asked, _starts)),
            *_nickname_tier(asked),
            _tier(TYPOS, _every(asked, lambda word: _any_of([*_called(word), *_suggest_typos(word)]))),
        ]
    return with_recency(_best_of(tiers), now)


def with_recency(query: Query, now: datetime) -> Query:
    """Multiply by how lately a record was changed, seen from `now`: a walk keeps its first page's."""
    decay = {"updated_at": {"origin": now.isoformat(), "scale": HALF_LIFE, "decay": 0.5}}
    return {
        "function_score": {
            "query": query,
            "functions": [{"weight": OLDEST}, {"exp": decay, "weight": 1 - OLDEST}],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    }


def find_tier(score: float) -> float:
    """Name the tier that a score is of, whatever recency has made of it."""
    return next((tier for tier in TIERS if tier * OLDEST <= score * (1 + SCORE_PRECISION)), MOST_WORDS)


def _phone_tiers(phone: PhoneQuery | None) -> list[Query]:
    if phone is None:
        return []
    whole = [phone.whole, phone.part] if phone.whole else [phone.part]
    parts = [{"prefix": {"phone": {"value": number}}} for number in whole]
    return [_tier(EXACT, {"terms": {"phone_whole": whole}}), _tier(ALL_STARTS, _any_of(parts))]


def _exact_tiers(text: str) -> list[Query]:
    keys = list_name_keys(text)
    return [_tier(EXACT, {"terms": {"exact": keys}})] if keys else []


def _nickname_tier(asked: Sequence[Asked]) -> list[Query]:
    if not any(list_other_names(word) for word in list_words(asked)):
        return []
    return [_tier(NICKNAMES, _every(asked, lambda word: _any_of(_called(word))))]


def _word_tiers(asked: Sequence[Asked], visibility: Visibility, near: NearWords) -> list[Query]:
    def in_details(word: Word) -> Query:
        return _any_of([*_called(word), _prefix("details", word), *_phone_part(word)])

    def in_related(word: Word) -> Query:
        return _any_of([in_details(word), *_related(visibility, lambda field: _prefix(field, word))])

    def in_body(word: Word) -> Query:
        return _any_of([in_related(word), _prefix("body", word)])

    def with_typos(word: Word) -> Query:
        return _any_of([in_details(word), *_typos_anywhere(word, visibility, near)])

    tiers = [
        _tier(ALL_WORDS, _every(asked, _is_word)),
        _tier(ALL_STARTS, _every(asked, _starts)),
        *_nickname_tier(asked),
        _tier(TYPOS, _every(asked, lambda word: _any_of([*_called(word), *_title_typos(word, near)]))),
        _tier(DETAILS, _every(asked, in_details)),
        _tier(RELATED, _every(asked, in_related)),
        _tier(BODY, _every(asked, in_body)),
        _tier(TYPOS_ANYWHERE, _every(asked, with_typos)),
    ]
    parts = [replace(word, text=piece, pieces=(piece,)) for word in list_words(asked) for piece in word.pieces]
    if len(parts) > 2:  # noqa: PLR2004 - of two words the half is no more a match
        most = {"should": [in_body(part) for part in parts], "minimum_should_match": "67%"}
        tiers.append(_tier(MOST_WORDS, {"bool": most}))
    return tiers


def _is_word(word: Word) -> Query:
    return {"term": {"title": word.text}}


def _starts(word: Word) -> Query:
    return _all_of([{"term": {"title_starts": piece[:MAX_START_CHARS]}} for piece in word.pieces])


def _called(word: Word) -> list[Query]:
    """Find a name as far as it was typed, and people who go by another form of it."""
    others = list_other_names(word)
    if not others:
        return [_starts(word)]
    return [_starts(word), {"bool": {"filter": [{"term": {"type": "contact"}}, {"terms": {"title": others}}]}}]


def _prefix(field: str, word: Word) -> Query:
    return _all_of([_begins_with(field, piece) for piece in word.pieces])


def _begins_with(field: str, piece: str) -> Query:
    if len(piece) == 1 and piece > LAST_OF_BASIC_PLANE:
        # Elasticsearch counts it as two letters when it asks its indexed prefixes, and as one when it makes them.
        return {"wildcard": {field: {"value": f"{piece}*"}}}
    return {"prefix": {field: {"value": piece}}}


def _phone_part(word: Word) -> list[Query]:
    number = word.text.lstrip("0") if word.text.isdecimal() else ""
    return [{"prefix": {"phone": {"value": number}}}] if len(number) >= MIN_TYPO_CHARS else []


def _related(visibility: Visibility, clause: FieldClause) -> list[Query]:
    """Look into the names of records that a document refers to, where the viewer may see those records as well."""
    queries = [_related_to(name, visibility, clause) for name in (*RELATED_NAMES, FURTHER_CONTACTS)]
    nested = {"path": FURTHER_CONTACTS, "score_mode": "none", "ignore_unmapped": True, "query": queries.pop()}
    return [*queries, {"nested": nested}]


def _related_to(name: str, visibility: Visibility, clause: FieldClause) -> Query:
    query = clause(f"{name}.words")
    if visibility.owner_ids is None:
        return query
    seen: list[Query] = [
        {"terms": {f"{name}.owner_id": sorted(visibility.owner_ids)}},
        {"term": {f"{name}.shared_user_ids": str(visibility.viewer_id)}},
    ]
    return {"bool": {"filter": [query, _any_of(seen)]}}


def _title_typos(word: Word, near: NearWords) -> list[Query]:
    typos = count_typos(word)
    if not typos:
        return []
    found = [_near("title", word, typos, near)]
    if len(word.text) >= MIN_START_TYPO_CHARS:
        found.append(_near("title_starts", word, 1, near))
    return found


def _typos_anywhere(word: Word, visibility: Visibility, near: NearWords) -> list[Query]:
    """Look everywhere beyond titles and details for a word as it stands, and everywhere with typos in it."""
    typos = count_typos(word)

    def clause(field: str) -> Query:
        as_typed = _prefix(field, word)
        # Beyond titles there are only pieces of a run.
        return _any_of([as_typed, _near(field, word, typos, near)]) if typos and not word.is_run else as_typed

    elsewhere = [*_related(visibility, clause), clause("body")]
    return [*_title_typos(word, near), *([clause("details")] if typos and not word.is_run else []), *elsewhere]


def _suggest_typos(word: Word) -> list[Query]:
    typos = count_typos(word)
    if not word.is_run and len(word.text) >= MIN_SUGGEST_TYPO_CHARS and word.text.isalpha():
        typos = max(1, typos)
    return [_near("title_starts", word, typos, NOTHING_KNOWN)] if typos else []


def _near(field: str, word: Word, typos: int, near: NearWords) -> Query:
    text = word.text[:MAX_START_CHARS] if field == "title_starts" else word.text
    known = near.find(field, text, typos)
    if known is not None:
        return {"terms": {field: known}}
    # The default keeps the 50 best of all tenants' words.
    options = {"value": text, "fuzziness": typos, "prefix_length": 1, "rewrite": NEAREST_WORDS}
    return {"fuzzy": {field: options}}


def _every(asked: Iterable[Asked], clause: Clause) -> Query:
    return {"bool": {"filter": [_either_way(one, clause) for one in asked]}}


def _either_way(asked: Asked, clause: Clause) -> Query:
    """Find words that were typed as one apart, or as one."""
    apart = [clause(word) for word in asked.words]
    return _all_of(apart) if asked.joined is None else _any_of([_all_of(apart), clause(asked.joined)])


def _all_of(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"filter": queries}}


def _any_of(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries, "minimum_should_match": 1}}


def _tier(score: float, query: Query) -> Query:
    return {"constant_score": {"filter": query, "boost": score}}


def _best_of(tiers: Sequence[Query]) -> Query:
    return {"dis_max": {"queries": tiers}} if tiers else {"match_none": {}}
