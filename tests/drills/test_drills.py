"""What can be known of drills before they run for minutes: their alerts are ours, what watches is what is deployed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from drills.catalogue import DRILLS
from drills.pager import taking_calls
from drills.running import WITHIN_S, Result
from drills.watchers import configure_alertmanager, configure_prometheus

from crm_observability.alerts import ALERTS
from crm_observability.generate import FOLDER

PAGE: Final = Path(__file__).parents[2] / "docs" / "operations" / "drills.md"
OF_NAME: Final = {alert.name: alert for alert in ALERTS}
GOOD: Final = Result(DRILLS[0], fires_s=50, notified_s=70, clears_s=20)


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def to_seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def test_there_are_ten_and_each_has_an_alert_that_can_be_told_in_time() -> None:
    intervals, route = read("prometheus/prometheus.yml")["global"], read("alertmanager/alertmanager.yml")["route"]
    waits_s = sum(
        to_seconds(text)
        for text in (intervals["scrape_interval"], intervals["evaluation_interval"], route["group_wait"])
    )
    assert len({drill.name for drill in DRILLS}) == 10
    for drill in DRILLS:
        assert to_seconds(OF_NAME[drill.alert].held_for) + waits_s < WITHIN_S, drill.alert


def test_what_watches_is_what_is_deployed() -> None:
    prometheus, deployed = configure_prometheus("127.0.0.1:1", []), read("prometheus/prometheus.yml")
    assert prometheus["global"] == deployed["global"]
    [pattern] = prometheus["rule_files"]
    assert sorted(Path(pattern).parent.glob(Path(pattern).name)) == sorted((FOLDER / "prometheus/rules").iterdir())
    alertmanager = configure_alertmanager(1)
    for receiver in alertmanager["receivers"]:
        assert receiver.pop("webhook_configs")
    assert alertmanager == read("alertmanager/alertmanager.yml")


def test_the_pager_knows_who_was_woken_and_when() -> None:
    def note(alert: str, status: str = "firing") -> str:
        return json.dumps({"alerts": [{"labels": {"alertname": alert}, "status": status}]})

    with taking_calls() as pager:
        for receiver, body in (
            ("tickets", note("DeadLetters")),
            ("pages", note("KafkaAway")),
            ("pages", note("OutboxAges", "resolved")),
        ):
            assert httpx.post(f"http://127.0.0.1:{pager.port}/{receiver}", content=body).is_success
    letters, kafka, _ = pager.notifications
    assert pager.pages(since_s=letters.at_s) == {"KafkaAway"}
    assert pager.pages(since_s=letters.at_s, until_s=kafka.at_s) == set()
    assert pager.first("DeadLetters", since_s=letters.at_s) == letters.at_s
    assert pager.first("OutboxAges", since_s=letters.at_s) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"fires_s": None},
        {"notified_s": WITHIN_S + 1},
        {"clears_s": None},
        {"others": {"Freshness"}},
        {"trouble": "it was not calm before"},
    ],
    ids=["silent", "late", "stays", "wakes for something else", "not injected"],
)
def test_a_drill_fails_that_is(bad: dict[str, Any]) -> None:
    assert GOOD.is_good
    assert not replace(GOOD, **bad).is_good


def test_the_page_has_them_all() -> None:
    table = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert len(table) == len(DRILLS)
    for drill, line in zip(DRILLS, table, strict=True):
        name, fault, alert, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        assert (name, fault, alert) == (f"`{drill.name}`", drill.fault, f"[{drill.alert}](runbooks/{drill.alert}.md)")
