"""Writes schemas, examples and AsyncAPI documents from the models: `python -m crm_shared.contracts.generate`.

Run from the repository's root. `--check` writes nothing and fails when a file is not what the models say;
`--release` also makes the present schemas and examples the ones that later changes are compared with.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crm_shared.contracts.asyncapi import build_document
from crm_shared.contracts.compatibility import find_breaks, find_lost_types
from crm_shared.contracts.event_types import EVENT_TYPES
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.schema import Schema, value_schema
from crm_shared.service_registry import SERVICES

CONTRACTS: Final = Path(__file__).parent
RELEASED: Final = CONTRACTS / "released"
ASYNCAPI: Final = Path("docs/asyncapi")


def build_files(contracts: Path, asyncapi: Path) -> dict[Path, str]:
    """Return every generated file with its text; nothing is written."""
    files: dict[Path, str] = {}
    for event_type in EVENT_TYPES:
        files[contracts / "schemas" / f"{event_type}.json"] = _to_text(value_schema(event_type))
        files[contracts / "examples" / f"{event_type}.json"] = _to_text(build_example(event_type))
    for service in SERVICES:
        files[asyncapi / f"{service}.json"] = _to_text(build_document(service))
    return files


def find_stale(files: dict[Path, str]) -> list[Path]:
    """List files that are missing, differ, or lie beside the generated ones without being one of them."""
    differing = {path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text}
    found = {path for folder in {path.parent for path in files} for path in folder.glob("*.json")}
    return sorted(differing | (found - files.keys()))


def load_schemas(folder: Path) -> dict[str, Schema]:
    """Read a folder of schemas by event type."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}


def find_release_breaks(released: Path = RELEASED) -> list[str]:
    """List what the models break of the last release, each line naming the event type first."""
    present = {event_type: value_schema(event_type) for event_type in EVENT_TYPES}
    before = load_schemas(released / "schemas")
    lost = [f"{event_type}: no longer published" for event_type in find_lost_types(before, present)]
    broken = [
        f"{event_type}{line}"
        for event_type in before.keys() & present.keys()
        for line in find_breaks(before[event_type], present[event_type])
    ]
    return lost + sorted(broken)


def _to_text(data: Schema) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _write(files: dict[Path, str]) -> None:
    for path in find_stale(files):
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], "utf-8")
        else:
            path.unlink()


def _release() -> None:
    for kind in ("schemas", "examples"):
        folder = RELEASED / kind
        folder.mkdir(parents=True, exist_ok=True)
        for path in (CONTRACTS / kind).glob("*.json"):
            (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 after saying what is stale or breaks the last release."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true")
    choice.add_argument("--release", action="store_true")
    options = parser.parse_args(arguments)
    files = build_files(CONTRACTS, ASYNCAPI)
    problems = find_release_breaks()
    if options.check:
        problems += [f"{path}: stale, run python -m crm_shared.contracts.generate" for path in find_stale(files)]
    else:
        _write(files)
    if options.release and not problems:
        _release()
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
