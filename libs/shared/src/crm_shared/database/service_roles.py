"""How a migration names the service's other two roles: it runs as `<service>_owner`, and that name gives theirs."""

from typing import LiteralString


def with_service_roles(subject: LiteralString, statements: LiteralString) -> str:
    """Return a block that runs `statements`, which find the two roles' quoted names in `app` and `worker`.

    Run by any but an owner role it raises an error that names the `subject`.
    """
    return f"""
DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app     text := quote_ident(service || '_app');
    worker  text := quote_ident(service || '_worker');
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION '{subject} is created by the role <service>_owner, not by %', current_user;
    END IF;{statements}END $$;
"""
