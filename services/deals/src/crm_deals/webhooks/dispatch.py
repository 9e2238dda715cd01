"""Sends what is due, as long as the worker runs: many endpoints at once, each record's events one after the other."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from crm_deals.settings import DealsSettings
from crm_deals.webhooks import commands, metrics, queue, repository, signing
from crm_deals.webhooks.destinations import Destinations
from crm_deals.webhooks.domain import WebhookNotFound, list_secrets
from crm_deals.webhooks.fair_scheduling import Place, Shares, place_of
from crm_deals.webhooks.queueing import CONTENT_TYPE
from crm_deals.webhooks.sending import Answer, Sender, explain_break, failed
from crm_shared.background import background, repeat
from crm_shared.clock import Clock, passed_s
from crm_shared.database import Database
from crm_shared.database.outages import is_away, is_contended
from crm_shared.telemetry.spans import begin, exemplar_of

logger = structlog.get_logger(__name__)

GONE = 410
BUSY_POLL_S = 0.1
"""How soon is looked again for what is due and has no place."""
PAUSE_S = 2.0
CLEANUP_EVERY_S = 3600.0
FORGET_ROWS = 5000


class Dispatcher:
    """One a worker; several workers share the queue by leases."""

    def __init__(self, database: Database, sender: Sender, settings: DealsSettings, clock: Clock) -> None:
        self._database = database
        self._sender = sender
        self._settings = settings
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()
        self._shares = Shares(settings, time.monotonic)
        self._woken = asyncio.Event()
        self._look_again_s = 0.0

    async def run(self) -> None:
        """Send until cancelled, whatever goes wrong; the pause is for errors, as an attempt's end needs none."""

        async def send_on() -> bool:
            if not await self.send_due():
                await self._wait()
            return True

        await repeat("webhooks", send_on, pause_s=PAUSE_S)

    async def _wait(self) -> None:
        """Wait for news of the queue, for an attempt's end, which makes room for another, or for the next look."""
        # Not `wait_for`: until Python 3.12 it takes a cancellation for a result when both come at once, and a worker
        # that was told to stop goes on.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_again_s):
                await self._woken.wait()
        self._woken.clear()

    def wake(self) -> None:
        """Look at the queue at once: something was put there."""
        self._woken.set()

    async def send_due(self) -> int:
        """Begin to send what is due and not under way yet; give the number of attempts begun."""
        async with self._database.read_as_worker() as connection:
            due = await queue.list_due(connection)
        self._look_again_s = BUSY_POLL_S if due else self._settings.webhook_poll_s
        started = 0
        for webhook, free in self._shares.share_out(due):
            async with self._database.begin_as_worker() as transaction:
                claimed = await queue.claim(
                    transaction,
                    webhook["tenant_id"],
                    webhook["id"],
                    limit=free,
                    lease_s=2 * self._settings.webhook_timeout_s + PAUSE_S,
                )
            for delivery in claimed:
                self._begin(delivery, place_of(webhook))
            started += len(claimed)
        return started

    def _begin(self, delivery: Mapping[str, Any], place: Place) -> None:
        task = asyncio.create_task(self._attempt(delivery))
        self._under_way.add(task)
        self._shares.begin(place)

        def end(ended: asyncio.Task[None]) -> None:
            self._under_way.discard(ended)
            self._shares.end(place)
            self.wake()

        task.add_done_callback(end)

    async def finish(self) -> None:
        """Let the attempts under way end."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _attempt(self, delivery: Mapping[str, Any]) -> None:
        try:
            await self._conclude(delivery, await self._send(delivery))
        except WebhookNotFound:
            return  # deleted meanwhile, and its deliveries with it
        except Exception as error:  # noqa: BLE001 - whatever is raised is a failed attempt
            await self._give_up(delivery, error)

    async def _give_up(self, delivery: Mapping[str, Any], error: Exception) -> None:
        """Record an attempt that could not be made, or whose answer could not be kept, as one that failed.

        With PostgreSQL away it is nobody's failure: the lane's lease ends by itself and the delivery is tried again.
        """
        logger.warning("webhook_attempt_lost", webhook_id=str(delivery["webhook_id"]), error=type(error).__name__)
        if is_away(error) or is_contended(error):
            return
        try:
            await self._conclude(delivery, failed(explain_break(error), duration_ms=0))
        except Exception:
            logger.exception("webhook_failure_lost", webhook_id=str(delivery["webhook_id"]))

    async def _send(self, delivery: Mapping[str, Any]) -> Answer:
        async with self._database.read_as_worker() as connection:
            webhook = await repository.load(connection, delivery["tenant_id"], delivery["webhook_id"])
        now = self._clock.now()
        if delivery["first_attempt_at"] is None:
            waited_s = passed_s(delivery["created_at"], now)
            metrics.FIRST_ATTEMPT_S.observe(waited_s, exemplar_of(delivery["traceparent"]))
        headers = {
            "content-type": CONTENT_TYPE,
            "user-agent": "crm-webhooks/1",
            "idempotency-key": str(delivery["event_id"]),
            **signing.sign(
                delivery["body"],
                message_id=str(delivery["event_id"]),
                at=now,
                secrets_=list_secrets(webhook, now=now),
            ),
        }
        return await self._post(delivery, webhook.url, headers)

    async def _post(self, delivery: Mapping[str, Any], url: str, headers: Mapping[str, str]) -> Answer:
        attributes = {
            "http.request.method": "POST",
            "http.request.resend_count": delivery["attempts"] - 1,
            "server.address": urlsplit(url).hostname or "",
            "cloudevents.event_id": str(delivery["event_id"]),
            "cloudevents.event_type": delivery["event_type"],
        }
        with begin("POST", "client", attributes, [delivery["traceparent"] or ""]) as span:
            answer = await self._sender.send(url, delivery["body"], headers)
            if answer.status is not None:
                span.note("http.response.status_code", answer.status)
            if not answer.is_success:
                span.fail("no-answer" if answer.status is None else str(answer.status))
        return answer

    async def _conclude(self, delivery: Mapping[str, Any], answer: Answer) -> None:
        now = self._clock.now()
        again_at = None if answer.is_success else self._find_next_attempt(delivery, answer, now)
        status = "DELIVERED" if answer.is_success else "FAILED" if again_at is None else "PENDING"
        tenant_id, webhook_id = delivery["tenant_id"], delivery["webhook_id"]
        async with self._database.begin_as_worker() as transaction:
            if answer.is_success:
                await transaction.execute(queue.FORGET_FAILURES, tenant_id, webhook_id)
            else:
                await self._count_failure(transaction, tenant_id, webhook_id, answer, now)
            await queue.conclude(transaction, delivery, answer, status=status, next_attempt_at=again_at)
        metrics.ATTEMPTS.labels({"PENDING": "retried"}.get(status, status.lower())).inc()
        if answer.is_success:
            delay_s = passed_s(delivery["created_at"], now)
            metrics.DELAY_S.observe(delay_s, exemplar_of(delivery["traceparent"]))

    async def _count_failure(
        self, transaction: Any, tenant_id: UUID, webhook_id: UUID, answer: Answer, now: datetime
    ) -> None:
        row = await transaction.fetchrow(queue.COUNT_FAILURE, tenant_id, webhook_id)
        if row is None:
            raise WebhookNotFound
        settings = self._settings
        has_failed_long = now - row["failing_since"] >= timedelta(hours=settings.webhook_disable_after_h)
        if answer.status == GONE:
            await commands.disable(transaction, tenant_id, webhook_id, "the endpoint answered 410 Gone", now=now)
        elif has_failed_long and row["failures"] >= settings.webhook_disable_after_failures:
            reason = f"{row['failures']} failures in a row, the last: {answer.error}"
            await commands.disable(transaction, tenant_id, webhook_id, reason, now=now)

    def _find_next_attempt(self, delivery: Mapping[str, Any], answer: Answer, now: datetime) -> datetime | None:
        """Wait twice as long each time, up to a limit, with jitter; None once the first attempt is too long ago."""
        settings = self._settings
        first = delivery["first_attempt_at"] or now
        if now - first >= timedelta(hours=settings.webhook_give_up_after_h):
            return None
        doubled = settings.webhook_backoff_s * 2.0 ** min(delivery["attempts"] - 1, 30)
        delay_s = min(doubled, settings.webhook_backoff_max_s) * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
        if answer.retry_after_s is not None:
            delay_s = max(delay_s, min(answer.retry_after_s, settings.webhook_backoff_max_s))
        return now + timedelta(seconds=delay_s)


@asynccontextmanager
async def dispatching(database: Database, settings: DealsSettings, clock: Clock) -> AsyncIterator[Dispatcher]:
    """Send deliveries while in the block; at its end those under way are let finish."""
    sender = Sender(Destinations.of(settings), clock, timeout_s=settings.webhook_timeout_s)
    dispatcher = Dispatcher(database, sender, settings, clock)

    async def forget_old() -> bool:
        async with database.begin_as_worker() as transaction:
            status = await transaction.execute(queue.FORGET_OLD, settings.webhook_keep_days, FORGET_ROWS)
        return status == f"DELETE {FORGET_ROWS}"

    try:
        async with background(dispatcher.run(), repeat("webhook_deliveries", forget_old, pause_s=CLEANUP_EVERY_S)):
            yield dispatcher
    finally:
        await dispatcher.finish()
        await sender.close()
