"""Why a person is to decide about a pair, however likely it is: rules beside the sum."""

from collections.abc import Mapping
from typing import Final

from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.weights import WEIGHTS

NAMES: Final = frozenset({"first_name", "last_name"})
ADDRESSES: Final = frozenset({"email", "phone"})
UNSURE: Final = frozenset({"different", "similar", "initial", "beginning"})
ENOUGH_FIELDS: Final = 2
ENOUGH_BITS: Final = 0.5
"""A field that says less agrees in name only: at one postcode the town is no second witness."""


def find_review_reason(weighed: Mapping[Finding, float]) -> tuple[str, str] | None:
    """Return the field and what is doubtful, of findings with their weights; None where the sum decides.

    Doubtful is what contradicts, that nothing beside the name agrees, that the first names are two, and that too little
    agrees for a name that is not whole.
    """
    levels = {finding: WEIGHTS.levels[finding.comparison][finding.level] for finding in weighed}
    against = next((finding for finding, level in levels.items() if level.contradicts), None)
    if against is not None:
        return against.field, "contradiction"
    agreeing = [finding.field for finding, level in levels.items() if level.agrees]
    if not agreeing:
        return "name", "name_alone"
    names = {finding.field: finding.level for finding in weighed if finding.field in NAMES}
    if names.get("first_name") == "different" and "email" not in agreeing:
        return "first_name", "another_first_name"
    convincing = [finding.field for finding, bits in weighed.items() if levels[finding].agrees and bits >= ENOUGH_BITS]
    is_whole = names.keys() == NAMES and not UNSURE & set(names.values())
    if ADDRESSES & set(agreeing) or (is_whole and convincing) or len(convincing) >= ENOUGH_FIELDS:
        return None
    return agreeing[0], "too_little"
