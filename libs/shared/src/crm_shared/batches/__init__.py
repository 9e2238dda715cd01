"""Many records in one request: each item stands for itself, all that can be written is written in one transaction."""

from crm_shared.batches.plan import BatchItem, Plan, Target, UniqueValue
from crm_shared.batches.records import Decided, Holders, RecordBatch
from crm_shared.batches.writing import Outcome, write_batch

__all__ = [
    "BatchItem",
    "Decided",
    "Holders",
    "Outcome",
    "Plan",
    "RecordBatch",
    "Target",
    "UniqueValue",
    "write_batch",
]
