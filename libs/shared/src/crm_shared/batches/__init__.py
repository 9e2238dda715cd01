"""Many records in one request: each item stands for itself, all that can be written is written in one transaction."""

from crm_shared.batches.plan import BatchItem, Plan, Target, UniqueValue
from crm_shared.batches.records import Holders, RecordBatch, Told
from crm_shared.batches.tables import RecordTable
from crm_shared.batches.writing import Outcome, write_batch

__all__ = [
    "BatchItem",
    "Holders",
    "Outcome",
    "Plan",
    "RecordBatch",
    "RecordTable",
    "Target",
    "Told",
    "UniqueValue",
    "write_batch",
]
