"""What the operators' pages tell people to type names what is there, and makes what the chart mounts."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests.rendering import CHART, FOLDER, read

ROOT: Final = FOLDER.parents[1]
INSTALL: Final = ROOT / "docs/operations/install.md"
PAGES: Final = [*(ROOT / "docs/operations").rglob("*.md"), *(ROOT / "docs/guides").glob("*.md"), ROOT / "README.md"]
TEXT: Final = "\n".join(page.read_text("utf-8").replace("\\\n", " ") for page in PAGES)
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
KUBECTL: Final = '#!/bin/sh\necho "$@" >> kubectl.log\n'


def test_workloads_that_pages_name_are_in_the_chart() -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in read("values")}
    named = {("Deployment", name) for name in re.findall(r"\bdeploy(?:ment)?[/ ](crm-[a-z-]+)", TEXT)}
    named |= {("Job", name) for name in re.findall(r"\bjob/(crm-[a-z-]+)", TEXT)}
    assert len(named) >= 4
    assert named <= there


def test_containers_that_pages_name_are_in_the_compose_file() -> None:
    named = set(re.findall(r"docker compose (?:exec|run --rm) ([a-z][a-z-]+)", TEXT))
    assert len(named) >= 4
    assert named <= set(COMPOSE["services"])


def test_the_secrets_of_the_install_page_are_those_that_the_chart_mounts(tmp_path: Path) -> None:
    (block,) = re.findall(r"((?:    .*\n)*    CRM_SECRETS=.*\n(?:    .*\n)+)", INSTALL.read_text("utf-8"))
    script = tmp_path / "deploy/compose/prepare"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/compose/prepare", script)
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)  # where the script finds which services there are
    stub = tmp_path / "bin" / "kubectl"
    stub.parent.mkdir()
    stub.write_text(KUBECTL)
    stub.chmod(0o755)
    subprocess.run(  # noqa: S603 - the page's own lines
        ["/bin/sh", "-euc", block],
        cwd=tmp_path,
        env={"PATH": f"{stub.parent}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    made = (tmp_path / "kubectl.log").read_text().splitlines()[-1]
    keys = set(re.findall(r"--from-file=site-secrets/(\w+)", made))
    listed = yaml.safe_load((CHART / "files/processes.yaml").read_text("utf-8"))
    wanted = {dsn for one in listed["processes"].values() for dsn in one["dsns"]}
    wanted |= {dsn for one in listed["migrations"].values() for dsn in one["provision"]} - {"admin_dsn"}
    assert keys == wanted | {"reporting_read_dsn"}
    assert "@crm-postgres-rw.crm-stores.svc:5432/crm_deals" in (tmp_path / "site-secrets/deals_dsn").read_text()
