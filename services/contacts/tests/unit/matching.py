"""Two contacts as matching sees them, from the fields that a test is about."""

from typing import Any
from uuid import uuid4

from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.keys import EVERYBODY
from crm_contacts.duplicates.profiles import Profile, to_profile
from crm_contacts.duplicates.scoring import Frequencies, Score, score

NOBODY_ELSE = Frequencies({EVERYBODY: 10_000})


def person(**fields: Any) -> Profile:
    """Make a profile of a contact that has these fields and no other."""
    names = ("first_name", "last_name", "email", "phone", "phone_e164", "company_id", "company_name", "company_domain")
    row = {**dict.fromkeys((*names, "job_title")), "id": uuid4(), "version": 1, "custom_data": {}, **fields}
    return to_profile(row, frozenset(row["custom_data"]))


def levels(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    return {found.comparison: found.level for found in compare(person(**ours), person(**theirs), is_shared_phone=False)}


def scored(ours: dict[str, Any], theirs: dict[str, Any], frequencies: Frequencies = NOBODY_ELSE) -> Score:
    return score(person(**ours), person(**theirs), frequencies)
