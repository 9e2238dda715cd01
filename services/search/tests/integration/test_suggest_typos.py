"""A name is suggested with a letter of it wrong, wherever that stands behind the first, and however much was typed."""

from collections.abc import Awaitable, Callable

import pytest

from crm_search.settings import SearchSettings
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Publish = Callable[..., Awaitable[None]]
NAMES = ("Okonkwo", "Thistlethwaite", "Wil-mark", "O'Brien")


def spoil(name: str) -> list[str]:
    """Return the name, as far as it may have been typed, with each letter but the first wrong once."""
    spoiled = [name[:at] + "x" + name[at + 1 :] for at in range(1, len(name)) if name[at].isalpha()]
    return [text[:length] for text in spoiled for length in {7, len(name)} if "x" in text[:length]]


async def test_a_wrong_letter_hides_no_name(
    search: ServiceKit[SearchSettings], tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    for name in NAMES:
        story.add(name, "contact", last_name=name)
    await publish(*story.events())
    client = search.client(tenant.rep)
    missed = [typed for name in NAMES for typed in spoil(name) if await story.suggest(client, typed) != [name]]
    assert missed == []
