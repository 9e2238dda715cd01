"""From a cell's text to a field's value: the rules of the API's models, each as one function. Raises ValueError."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from crm_contacts.companies.domain import NewCompany
from crm_contacts.companies.internet import to_domain, to_website
from crm_contacts.contacts.domain import NewContact
from crm_contacts.imports.full_names import FULL_NAME
from crm_contacts.imports.plain_values import read_email, read_phone
from crm_contacts.tags import MAX_TAGS, to_tag, to_tags
from crm_shared.features.imports.value_forms import TAG_SEPARATOR, split_values
from crm_shared.features.imports.values import read_id, read_short_text

_OF_GOOGLE: Final = ":::"


def _choice_of(values: Sequence[str]) -> Callable[[str], str]:
    """Return what reads one of `values`, however its letters' case is: spreadsheets are written by people."""
    choices = {choice.casefold(): choice for choice in values}

    def read_choice(text: str) -> str:
        choice = choices.get(text.casefold())
        if choice is None:
            raise ValueError(f"takes one of {', '.join(choices.values())}")
        return choice

    return read_choice


def _list_choices(new: type[Any]) -> dict[str, tuple[str, ...]]:
    """Return the values of each field of a record that is one of a few, a Literal."""
    kinds = {name: get_args(hint) for name, hint in get_type_hints(new).items()}
    return {name: get_args(one) for name, among in kinds.items() for one in among if get_origin(one) is Literal}


CHOICES: Final[Mapping[str, tuple[str, ...]]] = {**_list_choices(NewContact), **_list_choices(NewCompany)}


@lru_cache(maxsize=4096)
def read_tags(text: str, separator: str = TAG_SEPARATOR) -> tuple[str, ...]:
    """Return the tags of a cell. Google, whose separator it is, marks its own groups by a star before their name."""
    parts = split_values(text, separator)
    if separator == _OF_GOOGLE:
        parts = [part.removeprefix("* ") for part in parts]
    tags = to_tags(to_tag(part) for part in parts if part.strip())
    if len(tags) > MAX_TAGS:
        raise ValueError(f"takes {MAX_TAGS} tags at most")
    return tags


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **{name: _choice_of(values) for name, values in CHOICES.items()},
    "id": read_id,
    "first_name": read_short_text,
    "last_name": read_short_text,
    FULL_NAME: read_short_text,
    "email": read_email,
    "phone": read_phone,
    "job_title": read_short_text,
    "external_id": read_short_text,
    "tags": read_tags,
    "name": read_short_text,
    "domain": to_domain,
    "industry": read_short_text,
    "size": read_short_text,
    "website": to_website,
}
