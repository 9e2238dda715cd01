"""Whoever is woken finds a page with four parts, whose commands there are."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_observability.rules import make_rule_files
from crm_observability.runbook_lines import read_lines
from crm_shared.service_registry import SERVICES

ROOT: Final = Path(__file__).parents[3]
RUNBOOKS: Final = ROOT / "docs" / "operations" / "runbooks"
PARTS: Final = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
NAMES: Final = sorted(
    {
        rule["alert"]
        for content in make_rule_files().values()
        for group in content["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
)
# They come with the system, or with the store that they ask.
COMMON: Final = {"curl", "psql", "df", "date", "openssl", "grep", "tail"}


def test_every_alert_has_a_runbook_and_no_other_has() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_four_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    parts = re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert [part for part, _ in parts] == PARTS
    assert all(words.strip() for _, words in parts)
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (RUNBOOKS / link).exists(), link


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_are_there(name: str) -> None:
    containers = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    for line in read_lines(RUNBOOKS / f"{name}.md"):
        for command in line.split(" | "):
            words = shlex.split(command)
            if words[0] == "docker":
                assert words[1] == "compose"
                assert words[-1] in containers, line
            elif words[0].startswith("crm-"):
                check_own(words, line)
            else:
                assert words[0] in COMMON, line


def check_own(words: list[str], line: str) -> None:
    """Look the command and its options up where the service itself does."""
    service = words[0].removeprefix("crm-")
    assert service in SERVICES, line
    module = __import__(f"crm_{service}.cli", fromlist=["app"])
    command = typer.main.get_command(module.main)
    found = getattr(command, "commands", {}).get(words[1])
    assert found is not None, line
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("--")} <= options, line
