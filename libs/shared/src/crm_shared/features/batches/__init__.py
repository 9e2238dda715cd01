"""Many records in one request: each item stands for itself, all that can be written is written in one transaction."""

from crm_shared.features.batches.plan import BatchItem, Plan, Target, UniqueValue
from crm_shared.features.batches.records import Decided, RecordBatch, UniqueOwners
from crm_shared.features.batches.writing import Outcome, write_batch

__all__ = [
    "BatchItem",
    "Decided",
    "Outcome",
    "Plan",
    "RecordBatch",
    "Target",
    "UniqueOwners",
    "UniqueValue",
    "write_batch",
]
