"""From what a caller typed to a query. Pure.

A score is a tier times recency. Tiers lie so far apart that the oldest record of one beats the newest of the next:
an exact name stays above a newer partial match whatever their dates. And as no tier depends on how often a word
occurs in the index, scores stand still while others write, so a walk over pages neither repeats nor loses a record.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from crm_search.folding import MAX_START_CHARS, name_key, split_words
from crm_search.phones import PhoneQuery
from crm_search.store import Query, Sight

MAX_WORDS: Final = 12
"""More words than this narrow nothing any further, and each costs a dozen clauses."""

MIN_TYPO_CHARS: Final = 4
MIN_TWO_TYPOS_CHARS: Final = 8
MIN_SUGGEST_TYPO_CHARS: Final = 3
MIN_START_TYPO_CHARS: Final = 5
"""Half a word with a typo in it says little when it is short: `acme` must not find every `ace`."""

OLDEST: Final = 0.7
HALF_LIFE: Final = "60d"
"""Recency goes from 1 for what changed now to OLDEST, halving the way every 60 days (semantics.md: 0.7 to 1)."""

# Each more than 1 / 0.7 of the next, from "is it" down to "is about it".
EXACT: Final = 100.0
ALL_WORDS: Final = 65.0
ALL_STARTS: Final = 44.0
TYPOS: Final = 30.0
DETAILS: Final = 20.0
RELATED: Final = 13.5
BODY: Final = 9.0
TYPOS_ANYWHERE: Final = 6.0
MOST_WORDS: Final = 4.0

RELATED_NAMES: Final = ("contact", "company", "deal")
Clause = Callable[[str], Query]


def allowed_typos(word: str) -> int:
    """One edit from 4 letters, two from 8; numbers are taken as they stand."""
    if len(word) < MIN_TYPO_CHARS or not word.isalpha():
        return 0
    return 1 if len(word) < MIN_TWO_TYPOS_CHARS else 2


def to_search_query(text: str, *, phone: PhoneQuery | None, sight: Sight, now: datetime) -> Query:
    """Build the query of GET /v1/search: each tier asks for every word, in more and more places."""
    words = list(dict.fromkeys(split_words(text)))[:MAX_WORDS]
    tiers = [*_phone_tiers(phone), *(_word_tiers(text, words, sight) if words else [])]
    return with_recency(_best_of(tiers), now)


def to_suggest_query(text: str, *, now: datetime) -> Query:
    """Build the query of GET /v1/search/suggest: names only, each word as far as it has been typed."""
    words = list(dict.fromkeys(split_words(text)))[:MAX_WORDS]
    if not words:
        return {"match_none": {}}
    tiers = [
        _tier(EXACT, {"term": {"exact": name_key(text)}}),
        _tier(ALL_WORDS, _every(words, _is_word)),
        _tier(ALL_STARTS, _every(words, _starts)),
        _tier(TYPOS, _every(words, lambda word: _any_of([_starts(word), *_suggest_typos(word)]))),
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


def _phone_tiers(phone: PhoneQuery | None) -> list[Query]:
    if phone is None:
        return []
    whole = [phone.whole, phone.part] if phone.whole else [phone.part]
    parts = [{"prefix": {"phone": {"value": number}}} for number in whole]
    return [_tier(EXACT, {"terms": {"phone_whole": whole}}), _tier(ALL_STARTS, _any_of(parts))]


def _word_tiers(text: str, words: Sequence[str], sight: Sight) -> list[Query]:
    def in_details(word: str) -> Query:
        return _any_of([_starts(word), _prefix("details", word), *_phone_part(word)])

    def in_related(word: str) -> Query:
        return _any_of([in_details(word), *_related(sight, lambda field: _prefix(field, word))])

    def in_body(word: str) -> Query:
        return _any_of([in_related(word), _prefix("body", word)])

    def with_typos(word: str) -> Query:
        return _any_of([in_body(word), *_typos_anywhere(word, sight)])

    tiers = [
        _tier(EXACT, {"term": {"exact": name_key(text)}}),
        _tier(ALL_WORDS, _every(words, _is_word)),
        _tier(ALL_STARTS, _every(words, _starts)),
        _tier(TYPOS, _every(words, lambda word: _any_of([_starts(word), *_typos("title", word)]))),
        _tier(DETAILS, _every(words, in_details)),
        _tier(RELATED, _every(words, in_related)),
        _tier(BODY, _every(words, in_body)),
        _tier(TYPOS_ANYWHERE, _every(words, with_typos)),
    ]
    if len(words) > 2:  # noqa: PLR2004 - of two words the half is no more a match
        most = {"should": [in_body(word) for word in words], "minimum_should_match": "67%"}
        tiers.append(_tier(MOST_WORDS, {"bool": most}))
    return tiers


def _is_word(word: str) -> Query:
    return {"term": {"title": word}}


def _starts(word: str) -> Query:
    return {"term": {"title_starts": word[:MAX_START_CHARS]}}


def _prefix(field: str, word: str) -> Query:
    return {"prefix": {field: {"value": word}}}


def _phone_part(word: str) -> list[Query]:
    number = word.lstrip("0") if word.isdecimal() else ""
    return [_prefix("phone", number)] if len(number) >= MIN_TYPO_CHARS else []


def _related(sight: Sight, clause: Clause) -> list[Query]:
    """Look into the names of records that a document refers to, where the viewer may see those records as well."""
    queries = []
    for name in RELATED_NAMES:
        query = clause(f"{name}.words")
        if sight.owner_ids is not None:
            seen: list[Query] = [
                {"terms": {f"{name}.owner_id": sorted(sight.owner_ids)}},
                {"term": {f"{name}.shared_user_ids": str(sight.viewer_id)}},
            ]
            query = {"bool": {"filter": [query, _any_of(seen)]}}
        queries.append(query)
    return queries


def _typos(field: str, word: str) -> list[Query]:
    typos = allowed_typos(word)
    if not typos:
        return []
    found = [_fuzzy(field, word, typos)]
    if field == "title" and len(word) >= MIN_START_TYPO_CHARS:
        found.append(_fuzzy("title_starts", word[:MAX_START_CHARS], 1))
    return found


def _typos_anywhere(word: str, sight: Sight) -> list[Query]:
    typos = allowed_typos(word)
    if not typos:
        return []
    return [
        *_typos("title", word),
        _fuzzy("details", word, typos),
        *_related(sight, lambda field: _fuzzy(field, word, typos)),
        _fuzzy("body", word, typos),
    ]


def _suggest_typos(word: str) -> list[Query]:
    if len(word) < MIN_SUGGEST_TYPO_CHARS or not word.isalpha():
        return []
    return [_fuzzy("title_starts", word[:MAX_START_CHARS], max(1, allowed_typos(word)))]


def _fuzzy(field: str, word: str, typos: int) -> Query:
    # This rewrite takes every word within reach, where the default keeps the 50 best of all tenants' words.
    options = {"value": word, "fuzziness": typos, "prefix_length": 1, "rewrite": "constant_score"}
    return {"fuzzy": {field: options}}


def _every(words: Iterable[str], clause: Clause) -> Query:
    return {"bool": {"filter": [clause(word) for word in words]}}


def _any_of(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries, "minimum_should_match": 1}}


def _tier(score: float, query: Query) -> Query:
    return {"constant_score": {"filter": query, "boost": score}}


def _best_of(tiers: Sequence[Query]) -> Query:
    return {"dis_max": {"queries": tiers}} if tiers else {"match_none": {}}
