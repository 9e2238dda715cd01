"""Workers and relays as processes: ended by signal or by force, started while Kafka is away."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from crm_local.engines.ports import free_ports
from crm_shared.bus import Subscription
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.worker import Worker
from crm_shared.contracts import Event
from crm_shared.http.server import serving
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.publishing import publish
from crm_shared.telemetry.health import health_app
from crm_testing.drain import Bus, drain
from crm_testing.outboxes import OutboxDatabase, make_deal_event
from crm_testing.records import RawRecord, write_records
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

NOBODY = "127.0.0.1:1"

WORKER_PROCESS = """
import asyncio, sys
from pathlib import Path
from crm_shared.bus import Subscription
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.worker import run_worker

bootstrap, topic, group_id, folder, pause_s, port = sys.argv[1:]

async def note(batch):
    Path(folder, "begun").touch()
    await asyncio.sleep(float(pause_s))
    with Path(folder, "versions").open("a") as versions:
        versions.writelines(f"{event.version}\\n" for event in batch)

asyncio.run(run_worker(
    ConsumerSettings(bootstrap, "test", group_instance_id="one"), [Subscription((topic,), group_id, note)],
    http_host="127.0.0.1", http_port=int(port),
))
"""


async def start_worker(
    bootstrap: str, topic: str, group_id: str, folder: Path, *, pause_s: float = 0, port: int = 0
) -> asyncio.subprocess.Process:
    arguments = [bootstrap, topic, group_id, str(folder), str(pause_s), str(port)]
    return await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER_PROCESS, *arguments)


async def wait_for(path: Path) -> None:
    async def is_there() -> bool:
        return path.exists()  # noqa: ASYNC240 - a local file

    await wait_until(is_there)


async def write_deals(bootstrap: str, topic: str, count: int) -> None:
    await write_records(bootstrap, topic, [RawRecord.of(make_deal_event(version=one)) for one in range(1, count + 1)])


async def test_a_worker_killed_in_its_handler_loses_nothing(
    kafka_bootstrap: str, topic: str, group_id: str, tmp_path: Path
) -> None:
    await write_deals(kafka_bootstrap, topic, 50)
    first = await start_worker(kafka_bootstrap, topic, group_id, tmp_path, pause_s=60)
    await wait_for(tmp_path / "begun")
    first.send_signal(signal.SIGKILL)
    await first.wait()
    second = await start_worker(kafka_bootstrap, topic, group_id, tmp_path)
    await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))
    second.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await second.wait() == 0
    versions = (tmp_path / "versions").read_text().split()
    assert sorted(map(int, versions)) == list(range(1, 51))


async def test_sigterm_lets_the_batch_under_way_finish_and_be_committed(
    kafka_bootstrap: str, topic: str, group_id: str, tmp_path: Path
) -> None:
    await write_deals(kafka_bootstrap, topic, 1)
    process = await start_worker(kafka_bootstrap, topic, group_id, tmp_path, pause_s=1)
    await wait_for(tmp_path / "begun")
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    assert (tmp_path / "versions").read_text() == "1\n"
    await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}), timeout_s=20)


async def test_a_worker_answers_its_probes(kafka_bootstrap: str, topic: str, group_id: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    process = await start_worker(kafka_bootstrap, topic, group_id, tmp_path, port=port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(50):
        while True:
            try:
                if (await client.get("/readyz")).is_success:
                    break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        assert (await client.get("/livez")).is_success
        assert "crm_bus_consumed_total" in (await client.get("/metrics")).text
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(OSError, match="in use"):
        async with serving(health_app({}), host="127.0.0.1", port=listening.getsockname()[1]):
            pass


async def ignore(_batch: list[Event]) -> None:
    pass


async def is_refused(check: Callable[[], Awaitable[None]], reason: str) -> bool:
    """Return whether `check` names this reason; just started, a process names none yet."""
    try:
        await check()
    except ConnectionError as error:
        return reason in str(error)
    return False


async def test_a_worker_waits_for_kafka_and_stops_when_told() -> None:
    worker = Worker(ConsumerSettings(NOBODY, "test"), [Subscription(("crm.deal",), "test.away", ignore)])
    task = asyncio.create_task(worker.run())
    await wait_until(lambda: is_refused(worker.check_ready, "KafkaConnectionError"))
    worker.stop()
    async with asyncio.timeout(60):
        await task


async def test_a_worker_waits_for_its_topics(kafka_bootstrap: str) -> None:
    worker = Worker(ConsumerSettings(kafka_bootstrap, "test"), [Subscription(("test.none",), "test.away", ignore)])
    task = asyncio.create_task(worker.run())
    await wait_until(lambda: is_refused(worker.check_ready, "topics missing: test.none"))
    worker.stop()
    async with asyncio.timeout(60):
        await task


async def test_a_relay_without_kafka_keeps_the_rows_and_shows_them(postgres_admin_dsn: str) -> None:
    database = OutboxDatabase(postgres_admin_dsn, "awaytest")
    await database.create()
    connection = await database.connect()
    await publish(connection, [make_deal_event() for _ in range(7)], audited=False)
    relay = Relay(RelaySettings(database.dsn("worker"), NOBODY, "awaytest"))
    task = asyncio.create_task(relay.run())

    async def is_shown() -> bool:
        return REGISTRY.get_sample_value("crm_relay_backlog_rows") == 7

    await wait_until(lambda: is_refused(relay.check_ready, "KafkaConnectionError"))
    await wait_until(is_shown)
    assert REGISTRY.get_sample_value("crm_relay_is_leader") == 1
    assert 0 < (REGISTRY.get_sample_value("crm_relay_oldest_row_age_seconds") or 0) < 60
    relay.stop()
    async with asyncio.timeout(60):
        await task
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 7
    await connection.close()
