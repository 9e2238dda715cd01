"""The code of one release: a folder with an environment of its own, and what it says of its processes."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crm_testing.baseline.folder import Release

PREPARE: Final = Path(__file__).with_name("prepare_tree.py")
NAMES_SHOWN: Final = 10


class NoSuchRelease(Exception):
    """The repository has neither the commit nor another with the same files."""


@dataclass(frozen=True, slots=True)
class Described:
    """A process or command as its tree starts it."""

    name: str
    service: str
    role: str
    command: list[str]
    environment: dict[str, str]


class Tree:
    """`environment` says where the suite is: CRM_HOME and CRM_PORT_BASE, and settings of all processes."""

    def __init__(self, name: str, python: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._python = python
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("CRM_", "VIRTUAL_ENV"))},
            **environment,
        }
        self._plan: dict[str, Any] | None = None

    def bring_up(self) -> None:
        """Provision and migrate every service with this tree's code. Raises CalledProcessError."""
        self._run_prepare("bring-up")

    def list_programs(self) -> list[Described]:
        return [Described(**one) for one in self._read_plan()["programs"]]

    def describe_command(self, service: str, name: str, *arguments: str) -> Described:
        found = self._read_plan()["commands"][f"{service} {name}"]
        return Described(name, service, name, [*found["command"], *arguments], found["environment"])

    def _read_plan(self) -> dict[str, Any]:
        if self._plan is None:
            self._plan = json.loads(self._run_prepare("plan"))
        return self._plan

    def _run_prepare(self, what: str) -> str:
        command = [str(self._python), str(PREPARE), what]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}, {what}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout


def open_this_tree(environment: Mapping[str, str]) -> Tree:
    return Tree("new", Path(sys.executable), environment)


def open_old_tree(repository: Path, commit: str, folder: Path, environment: Mapping[str, str]) -> Tree:
    """Take the commit's files into `folder` and make an environment of what its lock says."""
    archive = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(repository), "archive", commit],  # noqa: S607 - the caller's own git
        capture_output=True,
        check=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    without = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    own = {name: value for name, value in os.environ.items() if name not in without}
    subprocess.run(["uv", "sync", "--frozen", "--quiet"], cwd=folder, env=own, check=True)  # noqa: S607 - as make has it
    return Tree("old", folder / ".venv" / "bin" / "python", environment)


def find_commit(repository: Path, release: Release) -> str:
    """Return a commit with the release's files: its own, or one of another history. Raises NoSuchRelease."""
    found = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(repository), "log", "--all", "--format=%H %T"],  # noqa: S607 - the caller's own git
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    trees = dict(line.split() for line in found)
    if release.commit in trees:
        return release.commit
    for commit, tree in trees.items():
        if tree == release.tree:
            return commit
    wanted = f"commit {release.commit[:NAMES_SHOWN]} ({release.version})"
    raise NoSuchRelease(f"no {wanted} here, nor one with its files: git fetch --unshallow --tags")
