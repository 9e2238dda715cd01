"""PostgreSQL: a pool that knows its tenant, transactions, row-level security, migrations."""

from crm_shared.database.pool import Connection, Database
from crm_shared.database.record_table import RecordTable
from crm_shared.database.transaction import Transaction, UnitOfWork
from crm_shared.database.where import Where

__all__ = ["Connection", "Database", "RecordTable", "Transaction", "UnitOfWork", "Where"]
