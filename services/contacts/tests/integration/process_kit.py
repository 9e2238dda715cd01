"""The running application with other settings for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from crm_contacts.settings import ContactsSettings
from crm_shared.http.batch_pace import BatchPace
from crm_testing.service_kit import ServiceKit


@contextmanager
def changed_settings(kit: ServiceKit[ContactsSettings], **changes: Any) -> Iterator[None]:
    """Serve requests with these changes of the settings while in the block."""
    process = kit.app.state.process
    settings = kit.settings.model_copy(update=changes)
    kit.app.state.process = replace(process, settings=settings, batch_pace=BatchPace(process.database, settings))
    try:
        yield
    finally:
        kit.app.state.process = process
