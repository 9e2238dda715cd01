"""The drill of an upgrade would tell of what goes wrong: each of its measures by itself, without a suite."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from crm_testing.baseline.folder import Release
from crm_testing.suite.running import find_port_base
from crm_testing.upgrade_drill.balancer import Balancer
from crm_testing.upgrade_drill.calls import Calls
from crm_testing.upgrade_drill.deliveries import compare_deliveries
from crm_testing.upgrade_drill.effects import Effect, compare
from crm_testing.upgrade_drill.load import Ledger
from crm_testing.upgrade_drill.trees import NoSuchRelease, find_commit
from crm_testing.webhook_receiver import Received

Answer = Callable[[httpx.Request], httpx.Response]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - git


def test_a_release_is_found_by_its_commit_or_by_its_files(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "code").write_text("one")
    git(tmp_path, "add", "code")
    git(tmp_path, "commit", "-qm", "one")
    commit, tree = git(tmp_path, "rev-parse", "HEAD"), git(tmp_path, "rev-parse", "HEAD^{tree}")

    assert find_commit(tmp_path, Release("1", commit, "0" * 40, {})) == commit
    assert find_commit(tmp_path, Release("1", "0" * 40, tree, {})) == commit
    with pytest.raises(NoSuchRelease):
        find_commit(tmp_path, Release("1", "0" * 40, "1" * 40, {}))


def test_what_is_lost_and_what_comes_twice_is_counted() -> None:
    assert compare("all", ["a", "b"], ["b", "a"]) == Effect("all", 2, lost=0, repeated=0)
    assert compare("some", {"a", "b", "c"}, ["a", "a", "d"]) == Effect("some", 3, lost=2, repeated=2)


def deliver(event_id: str, deal: str, type_: str, version: int) -> Received:
    body = {"id": event_id, "type": f"crm.deal.{type_}", "subject": deal, "sequence": str(version)}
    return Received("/hooks", {"webhook-id": event_id}, json.dumps(body).encode())


def test_a_delivery_that_is_lost_doubled_or_out_of_order_is_counted() -> None:
    moved = "Deal moved from Qualification to Discovery"
    ledger = Ledger(timelines={"one": ["Called", moved], "two": []}, stages={"one": "Discovery", "two": "Discovery"})
    came = [deliver("a", "one", "created", 1), deliver("b", "two", "created", 1)]
    came += [deliver("c", "one", "stage_changed", 2), deliver("a", "one", "created", 1)]
    effect = compare_deliveries(ledger, came)
    assert (effect.wanted, effect.lost, effect.repeated) == (3, 0, 0)

    assert compare_deliveries(ledger, came[1:3]).lost == 1
    assert compare_deliveries(ledger, [*came, deliver("d", "one", "stage_changed", 3)]).repeated == 1
    assert compare_deliveries(ledger, [came[2], *came]).repeated == 1


def make_calls(answer: Answer) -> Calls:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    calls = Calls(client, {"deals": "http://deals.test"}, "token")
    calls.begin("step")
    return calls


def in_turn(*answers: httpx.Response | Exception) -> Answer:
    left = [*answers]

    def answer(_request: httpx.Request) -> httpx.Response:
        present = left.pop(0)
        if isinstance(present, Exception):
            raise present
        return present

    return answer


async def test_a_cut_call_is_made_once_more_and_a_failed_one_is_a_failure() -> None:
    cut = httpx.ReadError("reset")
    calls = make_calls(
        in_turn(cut, httpx.Response(200, json={}), cut, cut, httpx.Response(503), httpx.Response(200, json={}))
    )
    (step,) = calls.phases

    await calls.get("deals", "/v1/deals")
    assert (len(step.cut), step.failed) == (1, [])

    await calls.get("deals", "/v1/deals")
    assert len(step.cut) == 3
    assert [line.partition(": ")[2][:9] for line in step.failed] == ["ReadError", "503 "]


async def test_a_call_that_is_cut_keeps_its_key() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Idempotency-Key"])
        if len(seen) == 1:
            raise httpx.ReadError("reset")
        return httpx.Response(201, json={})

    await make_calls(answer).post("deals", "/v1/deals", {})
    assert len(seen) == 2
    assert len({*seen}) == 1


async def say_name(name: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        writer.write(name + b"\n")
    writer.close()


async def test_new_connections_go_to_members_and_open_ones_stay() -> None:
    base = find_port_base()
    members = [
        await asyncio.start_server(partial(say_name, name), "127.0.0.1", base + offset)
        for offset, name in ((1, b"old"), (2, b"new"))
    ]
    balancer = Balancer(base + 3)
    await balancer.open()
    balancer.add(base + 1)

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"who?\n")
        return (await reader.readline()).strip()

    first = await asyncio.open_connection("127.0.0.1", base + 3)
    assert await ask(*first) == b"old"
    balancer.add(base + 2)
    balancer.remove(base + 1)
    second = await asyncio.open_connection("127.0.0.1", base + 3)
    assert [await ask(*second), await ask(*first)] == [b"new", b"old"]

    for _, writer in (first, second):
        writer.close()
    await balancer.close()
    for member in members:
        member.close()
        await member.wait_closed()
