"""What is done with calendar feeds: one transaction each."""

from dataclasses import dataclass
from uuid import UUID

from crm_activities.calendar import repository
from crm_activities.calendar.domain import MOST_FEEDS, Feed, TooManyFeeds, is_read_noted
from crm_activities.calendar.feed_secrets import make_secret, read_secret
from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.database import Database, UnitOfWork


@dataclass(frozen=True, slots=True)
class NewFeed:
    """The secret is in here alone: it can be told once."""

    id: UUID
    secret: str


@dataclass(frozen=True, slots=True)
class RevokeFeed:
    """`user_id`: whose feed it is."""

    caller: Caller
    feed_id: UUID
    user_id: UUID


async def create_feed(caller: Caller, unit_of_work: UnitOfWork, clock: Clock) -> NewFeed:
    """Make a feed of the caller's own activities. Raises TooManyFeeds."""
    feed = NewFeed(new_id(), make_secret(caller.tenant_id))
    kept = read_secret(feed.secret)
    if kept is None:
        raise RuntimeError("a secret is made that is none")
    async with unit_of_work.begin(caller) as transaction:
        if await repository.count(transaction, caller.tenant_id, caller.user_id) >= MOST_FEEDS:
            raise TooManyFeeds
        await repository.insert(
            transaction, caller.tenant_id, feed.id, caller.user_id, digest=kept.digest, now=clock.now()
        )
    return feed


async def revoke_feed(command: RevokeFeed, unit_of_work: UnitOfWork) -> None:
    """Delete a feed: its address answers as if it had never been. Raises FeedNotFound."""
    async with unit_of_work.begin(command.caller) as transaction:
        await repository.delete(transaction, command.caller.tenant_id, command.feed_id, command.user_id)


async def note_read(feed: Feed, database: Database, clock: Clock) -> None:
    """Write that the feed is read, unless that stands there well enough."""
    now = clock.now()
    if not is_read_noted(feed, now=now):
        await repository.note_read(database, feed, now=now)
