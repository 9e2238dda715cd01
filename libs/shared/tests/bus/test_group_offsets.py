"""What a group has read is known from a broker's first second on, and never mistaken for nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError

from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import administering

LOADING = 14
"""COORDINATOR_LOAD_IN_PROGRESS, in Kafka's list of errors."""


class Admin:
    """Answers as aiokafka's client does while a coordinator loads its groups, `times` times, then as `real` does."""

    def __init__(self, times: int) -> None:
        self.asked = 0
        self.times = times

    async def list_consumer_group_offsets(self, group_id: str) -> dict[Any, Any]:
        self.asked += 1
        if self.asked == 1:
            raise GroupCoordinatorNotAvailableError(group_id)
        return {}

    async def describe_consumer_groups(self, group_ids: list[str]) -> list[Any]:
        error_code = LOADING if self.asked <= self.times else 0
        return [SimpleNamespace(groups=[(error_code, group_id, "Empty", "", "", []) for group_id in group_ids])]


async def test_a_coordinator_that_is_not_there_yet_is_asked_again() -> None:
    admin: Any = Admin(times=3)
    assert await read_group_offsets(admin, "a.group") == {}
    assert admin.asked == 4


@pytest.mark.engines
async def test_a_group_that_never_was_has_read_nothing(kafka_bootstrap: str, group_id: str) -> None:
    async with administering(kafka_bootstrap) as admin:
        assert await read_group_offsets(admin, group_id) == {}
