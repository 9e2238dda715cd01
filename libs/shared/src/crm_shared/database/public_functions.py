"""PostgreSQL's own functions that everybody may call by default, and with which one session takes from everybody.

Advisory locks fill the lock table that all databases of a cluster share, and whoever guesses the key of a service's
lock keeps it waiting. Large objects, snapshots and messages in the WAL fill the disk. They are told by their names,
so that those which a new PostgreSQL brings are among them. To give up advisory locks stays everybody's: pools do so.
"""

from collections.abc import Sequence
from typing import Final

OF_SERVICES: Final = "p.proname ~ '^(pg_(try_)?advisory_|pg_export_snapshot$)' AND p.proname !~ '^pg_advisory_unlock'"
OF_NOBODY: Final = "p.proname ~ '^(lo_|loread$|lowrite$|pg_logical_emit_message$)'"

LIST_OPEN: Final = f"""
    SELECT p.oid::regprocedure::text
      FROM pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND ({OF_SERVICES} OR {OF_NOBODY})
       AND has_function_privilege(COALESCE(to_regrole($1), to_regrole($2))::oid, p.oid, 'EXECUTE')
     ORDER BY 1
"""  # noqa: S608 - texts of ours
"""Which of them role $1 may call, or role $2 where there is no $1."""


def closing(roles: Sequence[str]) -> str:
    """Return the SQL by which a superuser closes them, in the database it runs in, to all but a service's `roles`."""
    return f"""
        DO $$
        DECLARE
            closed regprocedure;
        BEGIN
            FOR closed IN SELECT p.oid FROM pg_proc p
                           WHERE p.pronamespace = 'pg_catalog'::regnamespace AND ({OF_SERVICES} OR {OF_NOBODY})
            LOOP
                EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', closed);
            END LOOP;
            FOR closed IN SELECT p.oid FROM pg_proc p
                           WHERE p.pronamespace = 'pg_catalog'::regnamespace AND {OF_SERVICES}
            LOOP
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {", ".join(roles)}', closed);
            END LOOP;
        END $$
    """  # noqa: S608 - texts of ours
