"""What a restore that was interrupted was about, so that the next call goes on with it."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from crm_local.home import Home, write_private


@dataclass(slots=True)
class Unfinished:
    """Instants are as ISO 8601 has them; `moment` is the state's own, known once a cluster on the side is there."""

    services: list[str]
    backup: str
    wanted: str | None
    stamp: str
    moment: str | None = None
    stopped_at: str | None = None
    announced: list[str] = field(default_factory=list)
    """The services of which the others have been told what was lost."""
    again: list[str] = field(default_factory=list)
    """Those of them whose workers make something again that has to be told of once more."""

    @property
    def lost_s(self) -> float:
        """From the moment to when the services were stopped: what was written in between is not there any more."""
        if self.moment is None or self.stopped_at is None:
            return 0.0
        return (datetime.fromisoformat(self.stopped_at) - datetime.fromisoformat(self.moment)).total_seconds()

    def describe(self) -> str:
        return f"{', '.join(self.services)} to {self.wanted or 'the moment of ' + Path(self.backup).name}"


def read_unfinished(home: Home) -> Unfinished | None:
    try:
        return Unfinished(**json.loads(_file(home).read_text()))
    except FileNotFoundError:
        return None


def note(home: Home, unfinished: Unfinished) -> None:
    write_private(_file(home), json.dumps(asdict(unfinished), indent=2))


def forget(home: Home) -> None:
    _file(home).unlink(missing_ok=True)


def _file(home: Home) -> Path:
    # Beside the data that it speaks of: who deletes those deletes it too.
    return home.data / "restore.json"
