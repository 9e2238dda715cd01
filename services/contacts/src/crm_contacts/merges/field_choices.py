"""What may be chosen in a merge, as callers write it: a field's name, `cf_<key>` or `custom_data.<key>`."""

from collections.abc import Mapping
from typing import Final

from crm_contacts.merges.domain import COMPANIONS, CUSTOM_PREFIX, UNITED, Choice
from crm_shared.refusals import FieldProblem, InvalidField, escape

SHORT_PREFIX: Final = "cf_"


def to_choices(given: Mapping[str, Choice]) -> dict[str, Choice]:
    """Return the choices by the names that the domain knows. Raises InvalidField that names each wrong one."""
    choices: dict[str, Choice] = {}
    problems: list[FieldProblem] = []
    for written, choice in given.items():
        name = CUSTOM_PREFIX + written.removeprefix(SHORT_PREFIX) if written.startswith(SHORT_PREFIX) else written
        detail = _find_problem(name)
        if detail is None and choices.get(name, choice) is not choice:
            detail = "is chosen both ways"
        if detail is not None:
            problems.append(FieldProblem(f"/choices/{escape(written)}", detail))
        choices[name] = choice
    if problems:
        raise InvalidField("; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems), errors=problems)
    return choices


def _find_problem(name: str) -> str | None:
    if name in COMPANIONS or (name.startswith(CUSTOM_PREFIX) and name != CUSTOM_PREFIX):
        return None
    if name == "custom_data":
        return "is chosen key by key, as custom_data.<key>"
    return "is united, not chosen" if name in UNITED else "is not a field that can be chosen"
