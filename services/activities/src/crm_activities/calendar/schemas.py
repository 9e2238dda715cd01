"""What requests about calendar feeds look like, and their answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_shared.http.ids import CanonicalIds
from crm_shared.http.models import PageQuery, RequestBody

OthersId = Annotated[UUID | None, Field(description="another user's, for who may write users; default your own")]


class CreateFeedRequest(RequestBody):
    """Nothing is to be said: the feed is the caller's own."""


class CreatedFeed(BaseModel):
    """`secret` and the `url` that holds it are shown this once; null where an Idempotency-Key repeats the answer."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    url: str | None
    secret: str | None


class FeedAnswer(BaseModel):
    """`last_read_at`: to a quarter of an hour; null before the first time."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    created_at: datetime
    last_read_at: datetime | None


class FeedPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[FeedAnswer]
    next_cursor: str | None


class FeedList(PageQuery):
    user_id: OthersId = None


class WhoseFeed(CanonicalIds):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: OthersId = None
