"""Draws the BI guide's dashboard anew from the running demo: `make up`, then `make pictures`.

Asks as a BI tool does, by a login of the demo's tenant, which is given for this and then revoked.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

from crm_testing.bi_guide.dashboard import Rows, draw_dashboard
from crm_testing.bi_guide.questions import GUIDE, read_questions

PICTURE: Final = GUIDE.with_name("bi-dashboard.svg")


def _command_bi(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - fixed arguments and an id
        ["./crm", "run", "reporting", "bi", *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


async def _ask(dsn: str, questions: Mapping[str, str]) -> tuple[dict[str, Rows], str]:
    connection = await asyncpg.connect(dsn)
    try:
        answers: dict[str, Rows] = {title: await connection.fetch(sql) for title, sql in questions.items()}
        tenant = await connection.fetchrow("SELECT name, base_currency FROM bi.tenant")
    finally:
        await connection.close()
    return answers, f"{tenant['name']}, in {tenant['base_currency']}"


def main() -> int:
    """Return 0, or 1 where no demo is there."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        tenant_id = json.loads(Path(".crm/demo.json").read_text("utf-8"))["tenant_id"]
    except FileNotFoundError:
        sys.stderr.write("there is no demo: `make up` first\n")
        return 1
    dsn = _command_bi("grant", "--tenant", tenant_id, "--days", "1")
    try:
        answers, title = asyncio.run(_ask(dsn, read_questions(Path())))
    finally:
        _command_bi("revoke", "--tenant", tenant_id)
    PICTURE.write_bytes(draw_dashboard(answers, title=title))
    sys.stdout.write(f"{PICTURE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
