"""CRM_HOME: where one suite keeps its data, logs, secrets and what it knows of its processes."""

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from crm_local.engines.account import data_folder

DEFAULT_HOME = ".crm"
DEFAULT_PORT_BASE = 8000


class Home:
    """The folder of one suite. Nothing of it is made before `make`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.secrets = self.path / "secrets"
        self.lock_file = self.run / "supervisor.lock"
        self.state_file = self.run / "state.json"
        self.restart_requests = self.run / "restart"
        self.holds = self.run / "held"
        self.jwks_file = self.path / "jwks.json"

    @classmethod
    def from_environment(cls) -> "Home":
        return cls(Path(os.environ.get("CRM_HOME") or DEFAULT_HOME))

    @property
    def data(self) -> Path:
        """The engines' data: in this folder, but for root's closed ones (see crm_local.engines.account)."""
        return data_folder(self.path)

    def make(self) -> None:
        for folder in (self.path, self.logs, self.run, self.restart_requests, self.holds, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(exist_ok=True)
        self.secrets.chmod(0o700)
        # Whatever is under version control around it, this is not.
        (self.path / ".gitignore").write_text("*\n")

    def remove(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def port_base(self) -> int:
        """CRM_PORT_BASE, else what this suite was last started with, else 8000. Raises ValueError for no port."""
        recorded = self.path / "port_base"
        text = os.environ.get("CRM_PORT_BASE") or (recorded.read_text() if recorded.exists() else DEFAULT_PORT_BASE)
        base = int(text)
        if not 1024 <= base <= 65000:  # noqa: PLR2004 - privileged ports below; above, the offsets would not fit
            raise ValueError(f"CRM_PORT_BASE is {base}: choose 1024 to 65000")
        return base

    def remember_port_base(self, base: int) -> None:
        (self.path / "port_base").write_text(str(base))

    @property
    def has_replica(self) -> bool:
        """Return whether this suite has a standby that reports read: as it was last started with."""
        return self.has("replica")

    @property
    def has_debezium(self) -> bool:
        """Return whether Debezium brings this suite's events to Kafka: as it was last started with."""
        return self.has("debezium")

    @property
    def has_canary(self) -> bool:
        """Return whether a canary moves a deal in this suite: as it was last started with."""
        return self.has("canary")

    def has(self, option: str) -> bool:
        """Return whether the suite was last started with this option: replica, debezium, canary."""
        return (self.path / option).exists()

    def remember(self, option: str, *, wanted: bool) -> None:
        if wanted:
            (self.path / option).touch()
        else:
            (self.path / option).unlink(missing_ok=True)

    def list_held(self) -> frozenset[str]:
        """Return the processes that must not run until they are released."""
        return frozenset(file.name for file in self.holds.iterdir()) if self.holds.exists() else frozenset()

    @property
    def is_made(self) -> bool:
        """Return whether a suite was ever started here."""
        return self.secrets.is_dir()

    def password_of(self, role: str) -> str:
        """Return a database role's password, made at the first asking and kept once the home is made."""
        file = self.secrets / "passwords.json"
        passwords: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        if role not in passwords:
            passwords[role] = secrets.token_urlsafe(24)
            if self.is_made:
                write_private(file, json.dumps(passwords, indent=2))
        return passwords[role]

    def read_state(self) -> dict[str, Any] | None:
        """Return what the supervisor last wrote, None before its first."""
        try:
            state: dict[str, Any] = json.loads(self.state_file.read_text())
        except FileNotFoundError:
            return None
        return state


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step by one that nobody else may read."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    fresh.replace(file)
