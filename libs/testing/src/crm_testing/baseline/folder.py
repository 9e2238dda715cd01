"""The baseline as files, in `tests/contract/baseline`: a clone without tags or history can compare with it."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crm_shared.service_registry import SERVICES

BASELINE: Final = Path("tests/contract/baseline")
"""From the repository's root."""

ACCEPTED: Final = "accepted.toml"
RELEASE: Final = "release.toml"
PER_SERVICE: Final = ("openapi", "settings", "database")

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """`tree` is git's name of the commit's files: it finds them where history was written anew."""

    version: str
    commit: str
    tree: str
    revisions: Mapping[str, str]
    """By service, the newest migration that the release has."""


class Baseline:
    """What lies in `folder`. Raises FileNotFoundError where a part of it does not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def release(self) -> Release:
        return Release(**tomllib.loads((self._folder / RELEASE).read_text("utf-8")))

    @property
    def accepted(self) -> Mapping[str, str]:
        """Return, by the break's own words, why it is accepted."""
        written = tomllib.loads((self._folder / ACCEPTED).read_text("utf-8"))
        return {one["break"]: one["why"] for one in written.get("accepted", ())}

    def read(self, name: str) -> Shape:
        """Return one part: `bus`, `events/schemas`, `events/examples`, or `<part>/<service>`."""
        shape: Shape = json.loads((self._folder / f"{name}.json").read_text("utf-8"))
        return shape

    def write(self, release: Release, parts: Mapping[str, Shape]) -> None:
        """Replace all of it; what was accepted against the release before has no more to say."""
        for file in self._folder.rglob("*.json"):
            file.unlink()
        for name, shape in parts.items():
            file = self._folder / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(shape, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
        revisions = "".join(f'{service} = "{revision}"\n' for service, revision in release.revisions.items())
        text = f'version = "{release.version}"\ncommit = "{release.commit}"\ntree = "{release.tree}"\n'
        (self._folder / RELEASE).write_text(f"{text}\n[revisions]\n{revisions}", "utf-8")
        (self._folder / ACCEPTED).write_text(NOTHING_ACCEPTED, "utf-8")


NOTHING_ACCEPTED: Final = """\
# Breaks of the last release that are meant, each with its reason. The changelog tells of them under Breaking.
# [[accepted]]
# break = "the line that tests/contract/test_upgrade.py prints"
# why = "..."
"""


def list_parts(names: Sequence[str] = PER_SERVICE) -> list[str]:
    return [f"{name}/{service}" for name in names for service in SERVICES]
