"""Writes what is made from the code, by `make rules`. A test compares it with the files."""

from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_observability.dashboards import make_dashboards
from crm_observability.rules import make_rule_files

FOLDER: Final = Path(__file__).parents[2]
HEAD: Final = "# Made by `make rules`: change the code, not this file.\n"


def make_files() -> dict[str, str]:
    """Return the text of each file by its path under deploy/observability."""
    rules = {
        f"prometheus/rules/{name}": HEAD + yaml.safe_dump(content, sort_keys=False, width=10_000, allow_unicode=True)
        for name, content in make_rule_files().items()
    }
    return rules | {f"dashboards/{name}": text for name, text in make_dashboards().items()}


def main() -> None:
    for name, text in make_files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
