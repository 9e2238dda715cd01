"""Makes this tree the baseline that later ones are compared with: `python -m crm_testing.baseline`, at a release.

Run from the repository's root, with all committed that the release has: the commit is written down. Starts PostgreSQL,
to read the databases. Then commit `tests/contract/baseline`.
"""

import argparse
import asyncio
import subprocess
import sys
import tomllib
from pathlib import Path

from crm_local.engines.native import native_engines
from crm_shared.service_registry import SERVICES
from crm_testing.baseline.database_shape import Migrated, build
from crm_testing.baseline.folder import BASELINE, Baseline, Release
from crm_testing.baseline.this_tree import describe


async def _build_all(admin_dsn: str) -> dict[str, Migrated]:
    return {service: await build(service, admin_dsn) for service in SERVICES}


def _ask_git(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - fixed arguments
        ["git", *arguments],  # noqa: S607 - the caller's own git
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def main() -> int:
    """Return 0, or 1 where something is not committed."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if changed := _ask_git("status", "--porcelain"):
        sys.stderr.write(f"commit these first, or the baseline's commit is not what it holds:\n{changed}\n")
        return 1
    version = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["version"]
    with native_engines("postgres") as engines:
        databases = asyncio.run(_build_all(engines.postgres_admin_dsn))
    release = Release(
        version=version,
        commit=_ask_git("rev-parse", "HEAD"),
        tree=_ask_git("rev-parse", "HEAD^{tree}"),
        revisions={service: migrated.revision for service, migrated in databases.items()},
    )
    parts = {f"database/{service}": migrated.shape for service, migrated in databases.items()}
    Baseline(BASELINE).write(release, {**parts, **describe()})
    sys.stdout.write(f"{BASELINE} is {version}, commit {release.commit[:10]}. Commit it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
