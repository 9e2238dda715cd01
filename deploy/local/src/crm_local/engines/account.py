"""Whom the engines run as, and where that account can read and write.

PostgreSQL and Elasticsearch refuse to run as root, so root (containers, CI) starts them as an unprivileged account.
Root's own home is closed to every other account, so files that would lie there go to /var instead.
"""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT_CACHE = Path("/var/cache/crm-engines")
ROOT_DATA = Path("/var/lib/crm-engines")
# There on every Linux and macOS, so nobody's system needs a new account.
DEFAULT_ACCOUNT = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int


def engine_account() -> Account | None:
    """Tell the account to start engines as: None means the caller's own, which is right for all but root.

    CRM_ENGINES_USER names another than `nobody`. Raises KeyError when it doesn't exist.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(os.environ.get("CRM_ENGINES_USER", DEFAULT_ACCOUNT))
    return Account(entry.pw_uid, entry.pw_gid)


def is_reachable(path: Path) -> bool:
    """Return whether other accounts may pass through every folder on the way to `path` (which need not exist yet)."""
    resolved = path.resolve()
    return all(
        bool(folder.stat().st_mode & stat.S_IXOTH) for folder in (resolved, *resolved.parents) if folder.is_dir()
    )


def cache_folder() -> Path:
    """Return where fetched engines lie: ${XDG_CACHE_HOME:-~/.cache}/crm/engines unless root's is closed to others."""
    preferred = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crm" / "engines"
    if engine_account() is None or is_reachable(preferred):
        return preferred
    return ROOT_CACHE


def data_folder(home: Path) -> Path:
    """Return the folder under which the engines of the suite in `home` keep their data."""
    resolved = home.resolve()
    if engine_account() is None or is_reachable(resolved):
        return resolved / "engines"
    return ROOT_DATA / sha256(str(resolved).encode()).hexdigest()[:12]


def hand_over(folder: Path) -> None:
    """Make `folder`, owned by the engines' account and open to no other."""
    folder.mkdir(parents=True, exist_ok=True)
    account = engine_account()
    if account is not None and folder.stat().st_uid != account.uid:
        shutil.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
