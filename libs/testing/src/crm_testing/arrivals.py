"""A line of a table for each product's export that arrived: `pytest -rP -k arrives_without_a_mapping` shows them."""

import sys
from collections.abc import Mapping
from typing import Any


def show_arrival(product: str, job: Mapping[str, Any]) -> None:
    """Write which columns arrived as which fields, and what was warned of."""
    taken = {" ".join(header.split()): name for header, name in job["mapping"].items() if name is not None}
    fields = ", ".join(f"{header} as {name}" for header, name in taken.items())
    warnings = "; ".join(f"{one['column']}: {one['detail']}" for one in job["warnings"])
    sys.stdout.write(f"| {job['entity_type']} | {product} | {fields} | {warnings} |\n")
