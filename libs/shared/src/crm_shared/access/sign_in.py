"""From an Authorization header to a Caller: the token proves who, the directory says what they may do."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from crm_shared.access.caller import Caller
from crm_shared.access.directory import Directory
from crm_shared.access.tokens import TokenVerifier
from crm_shared.refusals import Unauthenticated


class AsksOwner(Protocol):
    async def find_caller(self, token: str) -> Caller | None:
        """Ask the directory's owner who the token's user is; None when it knows no such active user."""
        ...


class SignIn:
    """`owner` is asked about users whom the replica has not heard of yet; contacts, being the owner, has none."""

    def __init__(self, verifier: TokenVerifier, directory: Directory, *, owner: AsksOwner | None) -> None:
        self._verifier = verifier
        self._directory = directory
        self._owner = owner

    def kept_fresh(self) -> AbstractAsyncContextManager[None]:
        """Keep what tokens are verified by fresh while in the block."""
        return self._verifier.kept_fresh()

    def remembers(self, authorization: str | None) -> bool:
        """Return whether this token was good before."""
        return self._verifier.remembers(authorization)

    async def identify(self, authorization: str | None) -> Caller:
        """Find the caller. Raises Unauthenticated for a bad token and for a user who is unknown or deactivated."""
        token, claims = await self._verifier.verify(authorization)
        caller, is_known = await self._directory.find_caller(claims.tenant_id, claims.user_id, token)
        if caller is None and not is_known and self._owner is not None:
            caller = await self._owner.find_caller(token)
        if caller is None:
            raise Unauthenticated("The token's user is not active here.")
        return caller
