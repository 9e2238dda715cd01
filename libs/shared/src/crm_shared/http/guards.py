"""Who may never do a thing hears so before its body or the record is looked at."""

from fastapi import params

from crm_shared.http.context import Context
from crm_shared.permissions import Permission


def requires(permission: Permission, action: str | None = None) -> params.Depends:
    """Guard a route: `dependencies=[requires(Permission.WRITE_USERS)]`. Others get 403. `action` as in Caller."""

    async def require(context: Context) -> None:
        context.caller.require(permission, action)

    return params.Depends(require)
