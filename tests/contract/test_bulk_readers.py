"""Bulk work waits for every group that reads what it tells of; a new one must not be forgotten."""

from importlib import import_module

import pytest

from crm_shared.service_registry import SERVICES
from crm_shared.settings import ServiceSettings

BULK_TOPICS = {"crm.contact", "crm.company", "crm.deal"}
"""What imports, batches, hand-overs and field clean-ups tell of. Activities come one by one, or after these."""


@pytest.mark.parametrize("service", SERVICES)
def test_each_reader_of_records_that_come_in_bulk_is_waited_for(service: str) -> None:
    waited_for = ServiceSettings.model_fields["bulk_readers"].default
    readers = {one.group_id for one in import_module(f"crm_{service}.worker").CONSUMERS if {*one.topics} & BULK_TOPICS}
    assert readers <= set(waited_for), readers - set(waited_for)
