"""A move is timed at every hop, or lost there and nowhere else; whatever is away, the next one goes on."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from deploy.canary.tests.fake_suite import TOKEN, FakeSuite, sign
from prometheus_client import REGISTRY

from crm_canary.deal import CanaryDeal
from crm_canary.hops import Hop, Report, Search, Timeline
from crm_canary.metrics import OUTCOMES
from crm_canary.receiver import Receiver
from crm_canary.rounds import Canary, Pace
from crm_canary.suite_api import Service, SuiteApi
from crm_canary.tokens import ClientCredentials, NoToken, TokenFile

HOPS = ("move", "timeline", "search", "report", "webhook")
ALL_ARRIVED = dict.fromkeys(HOPS, "arrived")
URLS: Mapping[Service, str] = {
    "deals": "http://deals",
    "activities": "http://activities",
    "search": "http://search",
    "reporting": "http://reporting",
}


class Played:
    """A canary at a suite in memory; `play` tells how each hop ended."""

    def __init__(self, folder: Path, *, moves_a_deal: int = 1000) -> None:
        self.suite = FakeSuite()
        self.token_file = folder / "token"
        self.token_file.write_text(f"{TOKEN}\n")
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.suite.answer))
        api = SuiteApi(http, URLS, TokenFile(self.token_file))
        self.receiver = Receiver(api, "http://canary/hook")
        self.suite.deliver = self.receiver.take
        self.deal = CanaryDeal(api, moves_a_deal=moves_a_deal)
        hops: list[Hop] = [Timeline(api), Search(api), Report(api)]
        self.canary = Canary(self.deal, hops, self.receiver, Pace(every_s=0.01, lost_after_s=0.1))

    async def play(self) -> dict[str, str]:
        before = read_outcomes()
        await self.canary.play_round()
        counts = {key: count - before[key] for key, count in read_outcomes().items()}
        assert set(counts.values()) <= {0, 1}
        return {hop: outcome for (hop, outcome), count in counts.items() if count}


def read_outcomes() -> dict[tuple[str, str], float]:
    # Of this metric alone: the registry would collect all that other tests have left in it, twenty times a round.
    (metric,) = OUTCOMES.collect()
    found = {tuple(sample.labels.values()): sample.value for sample in metric.samples if sample.name.endswith("_total")}
    return {(hop, outcome): found.get((hop, outcome), 0) for hop in HOPS for outcome in ("arrived", "lost")}


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path)


async def test_a_deal_goes_to_and_fro_and_is_seen_everywhere(played: Played) -> None:
    stages = []
    for _ in range(3):
        assert await played.play() == ALL_ARRIVED
        (deal,) = played.suite.deals.values()
        stages.append(deal["stage_id"])
    assert stages == ["two", "one", "two"]
    assert len(played.suite.webhooks) == 1
    assert (REGISTRY.get_sample_value("crm_canary_hop_seconds_count", {"hop": "report"}) or 0) >= 3


@pytest.mark.parametrize(
    ("part", "hop"), [("activities", "timeline"), ("search", "search"), ("reporting", "report"), ("webhook", "webhook")]
)
async def test_what_stands_still_is_lost_there_alone_at_every_move(played: Played, part: str, hop: str) -> None:
    """At every one: a report that stands still is right by chance about every other move."""
    assert await played.play() == ALL_ARRIVED
    played.suite.stuck.add(part)
    for _ in range(3):
        assert await played.play() == ALL_ARRIVED | {hop: "lost"}
    played.suite.stuck.clear()
    await played.play()  # the first after it may find the report where it went meanwhile
    assert await played.play() == ALL_ARRIVED


@pytest.mark.parametrize(
    ("service", "hop"), [("activities", "timeline"), ("search", "search"), ("reporting", "report")]
)
async def test_a_service_that_is_away_is_lost_and_comes_back(played: Played, service: str, hop: str) -> None:
    played.suite.away.add(service)
    assert await played.play() == ALL_ARRIVED | {hop: "lost"}
    played.suite.away.clear()
    assert await played.play() == ALL_ARRIVED


async def test_without_a_move_nothing_is_said_of_the_hops(played: Played) -> None:
    played.suite.away.add("deals")
    assert await played.play() == {"move": "lost"}
    played.suite.away.clear()
    assert await played.play() == ALL_ARRIVED


async def test_a_renewed_token_is_read(played: Played) -> None:
    played.suite.token = "renewed"
    assert await played.play() == {"move": "lost"}
    played.token_file.unlink()
    assert await played.play() == {"move": "lost"}
    played.token_file.write_text("renewed")
    assert await played.play() == ALL_ARRIVED


async def test_a_deal_that_somebody_deleted_is_made_anew(played: Played) -> None:
    await played.play()
    (first,) = played.suite.deals
    played.suite.deals.clear()
    assert await played.play() == ALL_ARRIVED
    assert first not in played.suite.deals


async def test_a_stage_that_somebody_removed_is_looked_for_anew(played: Played) -> None:
    await played.play()
    played.suite.stages = [{"id": name, "kind": "OPEN"} for name in ("three", "four")]
    assert await played.play() == {"move": "lost"}
    assert (await played.play())["move"] == "arrived"


async def test_a_restarted_canary_goes_on_with_its_deal_and_a_webhook_of_its_own(
    played: Played, tmp_path: Path
) -> None:
    await played.play()
    again = Played(tmp_path)
    again.suite.deals, again.suite.webhooks = played.suite.deals, played.suite.webhooks
    (deal_id,), (webhook_id,) = played.suite.deals, played.suite.webhooks
    assert (await again.play())["webhook"] == "arrived"
    assert set(played.suite.deals) == {deal_id}
    assert len(played.suite.webhooks) == 1
    assert webhook_id not in played.suite.webhooks


async def test_webhooks_that_lead_elsewhere_are_left_alone(played: Played) -> None:
    others = {"id": "erp", "url": "https://erp.example/hook", "active": False, "secret": "whsec_AAAA"}
    played.suite.webhooks["erp"] = others
    assert await played.play() == ALL_ARRIVED
    assert played.suite.webhooks["erp"] == others


async def test_an_older_delivery_that_comes_late_hides_no_newer_one(played: Played) -> None:
    await played.receiver.subscribe()
    (webhook,) = played.suite.webhooks.values()
    for version in (8, 7):
        body = json.dumps({"subject": "d", "sequence": str(version)}).encode()
        assert played.receiver.take(sign(webhook["secret"], body), body)
    async with asyncio.timeout(1):
        await played.receiver.wait_for("d", 8)


async def test_an_answer_that_can_not_be_decoded_ends_nothing(played: Played) -> None:
    played.suite.garbled.add("search")
    assert await played.play() == ALL_ARRIVED | {"search": "lost"}


async def test_a_token_that_fits_no_header_is_none_and_is_not_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    granted = httpx.MockTransport(lambda _: httpx.Response(200, json={"access_token": "tok\u00e9n"}))
    tokens = ClientCredentials(httpx.AsyncClient(transport=granted), "http://issuer/token", "crm", secret, "")
    with pytest.raises(NoToken) as refused:
        await tokens.read(is_refused=False)
    assert "tok" not in str(refused.value).removeprefix("http://issuer/token")


async def test_the_tenant_stays_small(tmp_path: Path) -> None:
    played = Played(tmp_path, moves_a_deal=3)
    made = set()
    for _ in range(8):
        assert (await played.play())["move"] == "arrived"
        made |= set(played.suite.deals)
    assert (len(played.suite.deals), len(made)) == (1, 3)


async def test_a_delivery_that_the_suite_did_not_sign_is_not_taken(played: Played) -> None:
    await played.receiver.subscribe()
    body = b'{"subject": "d", "sequence": "1"}'
    assert not played.receiver.take({}, body)
    assert not played.receiver.take({"webhook-signature": "v1,AAAA", "webhook-id": "m"}, body)
