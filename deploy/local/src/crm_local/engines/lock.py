"""The checked-in list of exact artifacts, with their SHA-256, that the engines are made of."""

import json
import platform
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

LOCK_FILE = Path(__file__).with_name("engines.lock.json")

# Names that the PostgreSQL packages have for (system, machine).
POSTGRES_PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64v8",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64v8",
}


class UnknownPlatform(Exception):
    """There is no native PostgreSQL package for this operating system and processor."""


@dataclass(frozen=True, slots=True)
class LockedArtifact:
    """One file of a Maven repository. `bytes` is its size, `sha256` its sum in hex."""

    group: str
    artifact: str
    version: str
    bytes: int
    sha256: str
    classifier: str = ""
    packaging: str = "jar"

    @property
    def filename(self) -> str:
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{suffix}.{self.packaging}"


@cache
def load_lock() -> dict[str, tuple[LockedArtifact, ...]]:
    """Read the lock: group name (kafka, connect, debezium, elasticsearch, postgres-<platform>) to its artifacts."""
    groups = json.loads(LOCK_FILE.read_text(encoding="utf-8"))["groups"]
    return {name: tuple(LockedArtifact(**entry) for entry in entries) for name, entries in groups.items()}


def postgres_group() -> str:
    """Name the lock's PostgreSQL group of this machine. Raises UnknownPlatform."""
    machine = (platform.system(), platform.machine())
    if machine not in POSTGRES_PLATFORMS:
        raise UnknownPlatform(
            f"no native PostgreSQL for {machine[0]} on {machine[1]}: use CRM_TEST_ENGINES=containers, or docker compose"
        )
    return f"postgres-{POSTGRES_PLATFORMS[machine]}"


def digest(artifacts: tuple[LockedArtifact, ...]) -> str:
    """Name a set of artifacts by content, 12 hex digits: another lock never meets an older unpacked engine."""
    return sha256("".join(sorted(artifact.sha256 for artifact in artifacts)).encode()).hexdigest()[:12]
