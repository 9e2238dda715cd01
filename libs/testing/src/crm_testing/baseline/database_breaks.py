"""What a new schema does to the code of the release before, which goes on reading and writing it during an upgrade."""

from collections.abc import Iterator
from typing import Any

from crm_testing.baseline.folder import Shape


def list_database_breaks(released: Shape, present: Shape) -> Iterator[str]:
    """Yield each thing that old code relies on and that is gone, and each new rule that its writes may meet."""
    for name, table in released["tables"].items():
        if name not in present["tables"]:
            yield f"{name}: taken away"
            continue
        now = present["tables"][name]
        yield from (f"{name}{line}" for line in _list_column_breaks(table["columns"], now["columns"]))
        yield from (f"{name}: {line}" for line in _list_rule_breaks(table, now))
        for right in sorted(set(table["rights"]) - set(now["rights"])):
            yield f"{name}: {right} taken away"
    for function in sorted(set(released["functions"]) - set(present["functions"])):
        yield f"{function}: taken away"


def _list_column_breaks(old: Shape, new: Shape) -> Iterator[str]:
    for name, column in old.items():
        if name not in new:
            yield f".{name}: taken away"
            continue
        now = new[name]
        if now["type"] != column["type"]:
            yield f".{name}: was {column['type']}, is {now['type']}"
        if now["not_null"] and not column["not_null"]:
            yield f".{name}: takes no NULL now"
        if column["has_default"] and not now["has_default"]:
            yield f".{name}: has no default now"
        elif column["has_default"] and now["default"] != column["default"]:
            yield f".{name}: default was {column['default']}, is {now['default']}"
        if now["is_computed"] and not column["is_computed"]:
            yield f".{name}: takes no value now, it is computed"
    for name in new.keys() - old.keys():
        if new[name]["not_null"] and not new[name]["has_default"]:
            yield f".{name}: new, and old code has no value for it"


def _list_rule_breaks(old: Shape, new: Shape) -> Iterator[str]:
    for name, rule in old["rules"].items():
        # Old code names it in ON CONFLICT, or has rows kept from it.
        if name not in new["rules"]:
            yield f"{name} taken away"
        elif new["rules"][name] != rule:
            yield f"{name} was {rule['rule']}, is {new['rules'][name]['rule']}"
    for name in sorted(new["rules"].keys() - old["rules"].keys()):
        if _may_refuse_old_rows(new["rules"][name], old["columns"]):
            yield f"{name} is new: {new['rules'][name]['rule']}"


def _may_refuse_old_rows(rule: Shape, old_columns: dict[str, Any]) -> bool:
    """Return whether it is about columns of before: new ones have their defaults. A rule without any may say all."""
    return not rule["columns"] or bool(old_columns.keys() & set(rule["columns"]))
