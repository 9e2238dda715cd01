"""The ten faults, and the alert that each has to raise."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from drills.client_faults import flood, poison, show_ending_certificate
from drills.process_faults import kill_kafka, put_clock_ahead, stop_relay
from drills.site import Site
from drills.store_faults import fill_disk, forget_slot, hold_table, make_index_read_only

Inject = Callable[[Site], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Drill:
    """`inject` undoes the fault at the block's end. Where an alert clears late by its window, the others go on."""

    name: str
    fault: str
    alert: str
    inject: Inject
    clears_late: bool = False


DRILLS: Final = (
    Drill("poison", "a record that nobody can read", "DeadLetters", poison, clears_late=True),
    Drill("relay", "a relay hangs (SIGSTOP)", "ProcessMissing", stop_relay),
    Drill("consumer", "a handler hangs (its table is locked)", "ConsumerStuck", hold_table),
    Drill("kafka", "the broker is killed, and stays down", "KafkaAway", kill_kafka),
    Drill("flood", "one user asks three times as often as may be", "RequestsOverLimit", flood),
    Drill("elasticsearch", "Elasticsearch makes its indices read-only", "ConsumerStuck", make_index_read_only),
    Drill("slot", "a replication slot that nobody reads", "ReplicationSlotGrows", forget_slot),
    Drill("certificate", "the certificate that clients see ends in 5 days", "CertificateEnds", show_ending_certificate),
    Drill("disk", "PostgreSQL's disk is full", "DiskAlmostFull", fill_disk),
    Drill("clock", "a worker's clock is 5 s ahead", "ClockOff", put_clock_ahead),
)
