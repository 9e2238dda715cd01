"""Records per tenant and window that batches may write, counted in this process: its share of the service's limit.

Each record of a batch is told of, and what it tells stands before other tenants' in outbox, topics and readers.
"""

import math
import time
from typing import NamedTuple, Self
from uuid import UUID

from crm_shared.http.rate_limit import share_of
from crm_shared.refusals import RateLimited
from crm_shared.settings import ServiceSettings


class TooManyBatchItems(RateLimited):
    slug, title = "too-many-batch-items", "Too many records in batches of your organisation"


class Counted(NamedTuple):
    """A batch that was counted: in which window, and how many records its tenant had there before it."""

    window: int
    before: int


class BatchLimit:
    """A fixed window. A batch that begins in a window with room is taken whole, so none is too large to pass."""

    def __init__(self, *, items: int, window_s: int) -> None:
        self._items = items
        self._window_s = window_s
        self._window = 0
        self._counts: dict[UUID, int] = {}

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        return cls(items=share_of(settings.batch_limit_items, settings), window_s=settings.batch_limit_window_s)

    def count(self, tenant_id: UUID, items: int) -> Counted:
        """Take a batch of so many items in. Raises TooManyBatchItems, with `retry_after_s`, once the window is full."""
        now = time.monotonic()
        window = int(now // self._window_s)
        if window != self._window:
            self._window = window
            self._counts.clear()
        used = self._counts.get(tenant_id, 0)
        if used >= self._items:
            reset_s = math.ceil((window + 1) * self._window_s - now)
            raise TooManyBatchItems(
                f"At most {self._items:,} records in batches of a tenant in {self._window_s} s (batch_limit_items)."
                f" Come again in {reset_s} s.",
                retry_after_s=reset_s,
            )
        self._counts[tenant_id] = used + items
        return Counted(window, used)

    def give_back(self, tenant_id: UUID, items: int, counted: Counted) -> None:
        """Count a batch out again that was not let in after all."""
        if counted.window == self._window:
            self._counts[tenant_id] -= items
