"""`crm why` asks several services at once; the answer of one ends the others' search."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from crm_local.event_tracking import asking
from crm_local.event_tracking.asking import ask_all
from crm_shared.features.event_tracking.looking import Wanted
from crm_shared.features.event_tracking.parts import PARTS, Place, ServicePart

EVENT_ID = UUID(int=7)
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SAY = "import sys; print(sys.argv[1])"
STAY = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
while True:
    time.sleep(1)
"""


class OneAnswers:
    """Deals knows the event's place once contacts searches for it; contacts searches on, whatever it is told."""

    def __init__(self, folder: Path) -> None:
        self.noted = folder / "contacts.pid"

    def command(self, service: str, arguments: Sequence[str]) -> tuple[list[str], Mapping[str, str] | None]:
        if service == "contacts" and "--own" in arguments:
            return [sys.executable, "-c", STAY, str(self.noted)], None
        place = Place("crm.deal", 0, 1, at=AT) if service == "deals" else None
        answer = PARTS.dump_json([ServicePart(service, EVENT_ID, has_outbox=False, place=place)]).decode()
        waiting = f"import pathlib, time\nwhile not pathlib.Path({str(self.noted)!r}).exists(): time.sleep(0.02)\n"
        return [sys.executable, "-c", waiting + SAY, answer], None


async def test_a_service_that_does_not_end_when_told_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "END_WITHIN_S", 0.2)
    asked = OneAnswers(tmp_path)
    parts = await asyncio.wait_for(ask_all(asked, Wanted(EVENT_ID, None, None, 0, most_records=10)), 60)
    assert "deals" in {part.service for part in parts}
    with pytest.raises(ProcessLookupError):
        os.kill(int(asked.noted.read_text()), 0)
