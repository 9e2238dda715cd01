"""What the reminders count."""

from typing import Final

from prometheus_client import Counter, Histogram

GIVEN: Final = Counter("crm_reminders", "Reminders given")
DELAY_S: Final = Histogram(
    "crm_reminder_delay_seconds",
    "From a reminder's time, or from when its activity was last written, to the commit of its event",
    buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
