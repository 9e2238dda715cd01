"""Alembic's environment, one for all services: takes the engine's connection that `migrations.migrate` opened."""

from alembic import context
from sqlalchemy import Connection, event

from crm_shared.database.migrations import LOCK_TIMEOUT

connection = context.config.attributes["connection"]


# In transactions alone: an index that is built beside the writers, outside of one, may wait for the longest of them.
@event.listens_for(connection, "begin")
def give_up_on_locks(begun: Connection) -> None:
    if begun.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        begun.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")


context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
