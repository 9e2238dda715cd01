"""Composes the filters of a list: clauses are literal text, values are numbered parameters. Nothing is pasted."""

from typing import Any, LiteralString, Self


class Where:
    """`Where(tenant).add("owner_id = {}", owner)` gives `sql` "owner_id = $2" and `parameters` [tenant, owner].

    Values handed to the constructor take the first numbers, for the fixed part of the statement.
    """

    def __init__(self, *fixed: Any) -> None:
        self.parameters: list[Any] = list(fixed)
        self._clauses: list[str] = []

    def copy(self) -> "Where":
        """Return another that begins with all of this one and goes its own way."""
        copied = Where(*self.parameters)
        copied._clauses = list(self._clauses)
        return copied

    def fork(self) -> "Where":
        """Return another that begins with all of this one and numbers its values with it: for a part of a statement."""
        forked = self.copy()
        forked.parameters = self.parameters
        return forked

    def add(self, clause: LiteralString, *values: Any) -> Self:
        """AND one clause; each `{}` in it becomes the number of the next value."""
        self._clauses.append(clause.format(*(self.number(value) for value in values)))
        return self

    def add_sql(self, clause: str) -> Self:
        """AND a clause whose values were numbered by `number` already."""
        self._clauses.append(clause)
        return self

    def number(self, value: Any) -> str:
        """Take `value` in and give its placeholder, such as `$3`."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    @property
    def sql(self) -> str:
        """The clauses joined by AND; `true` when there are none."""
        return " AND ".join(self._clauses) or "true"
