"""A role that may never do a thing hears so before its body or the record is looked at."""

from fastapi import params

from crm_shared.http.context import Context


def admin_only(action: str) -> params.Depends:
    """Guard a route: `dependencies=[admin_only("write users")]`. Others get 403. `action` completes "may …"."""

    async def require(context: Context) -> None:
        context.caller.require_admin(action)

    return params.Depends(require)
