"""Finds SQL that a value gets into: by an f-string, `+`, `%`, `format` or `join` instead of as a parameter."""

import ast
import re
from collections.abc import Iterator, Sequence

from architecture.source_files import SourceFile

SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
CONSTANT = re.compile(r"_?[A-Z][A-Z_0-9]*")
Function = ast.FunctionDef | ast.AsyncFunctionDef

HOLD_SQL = {
    *("sql", "where", "column", "columns", "source", "table", "alias", "records", "select", "settings"),
    *("insert_into", "parameters", "next_parameter"),
}
"""Attributes that are SQL: of a table, a list or an order, each described once, by the code."""

MAKE_SQL = {
    "number",
    "parameter",
    "sql_over",
    "first_rows",
    "governed_by",
    "shared_with",
    "select_visible",
    "list_branches",
    "day_of",
}
"""Calls that return SQL: the first two `$3`, for a value that goes beside the statement."""


COMPOSERS = (
    ("crm_shared", "database"),  # statements from a record's fields; DDL, whose tables and roles can't be parameters
    ("crm_shared", "listing"),  # lists, from what each says of itself: their SQL is kept beside them, as golden files
    ("crm_warehouse",),  # a star's statements from its own description
)
"""Folders that make statements of descriptions. All others only put pieces together that anyone can read."""


def list_values_in_sql(source: SourceFile) -> Iterator[int]:
    """Yield the lines where SQL is put together of what may be no SQL. Outside functions there are constants alone."""
    parts_of_path = source.path.parts
    if any(parts_of_path[at : at + len(one)] == one for one in COMPOSERS for at in range(len(parts_of_path))):
        return
    functions = [node for node in source.nodes if isinstance(node, Function)]
    by_name = {function.name: function for function in functions}
    for function in functions:
        names = Names(function, by_name)
        for node in _list_outermost(function):
            parts = _list_parts(node)
            if SQL.search(" ".join(filter(None, map(_text_of, parts)))) and not all(map(names.is_sql, parts)):
                yield node.lineno


class Names:
    """What the names of a function stand for: of a parameter its type says whether it is SQL."""

    def __init__(self, function: Function, functions: dict[str, Function], calls: tuple[str, ...] = ()) -> None:
        self._functions = functions
        self._calls = calls
        self._asked: set[str] = set()
        self._values: dict[str, list[ast.expr]] = {}
        arguments = function.args
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            is_sql = one.annotation is not None and "LiteralString" in ast.unparse(one.annotation)
            self._values[one.arg] = [ast.Constant("" if is_sql else None)]
        for node in ast.walk(function):
            for target, value in _list_assigned(node):
                for name in (one.id for one in ast.walk(target) if isinstance(one, ast.Name)):
                    self._values.setdefault(name, []).extend(_list_parts(value))

    def is_sql(self, part: ast.expr) -> bool:
        match part:
            case ast.Constant(value=value):
                return isinstance(value, str)
            case ast.Name(id=name):
                return bool(CONSTANT.fullmatch(name)) or self._is_made_of_sql(name)
            case ast.Attribute(attr=name):
                return name in HOLD_SQL or bool(CONSTANT.fullmatch(name))
            case ast.Subscript(value=whole):
                return self.is_sql(whole)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                return name in MAKE_SQL or self._returns_sql(name)
        parts = _list_parts(part)
        return parts != [part] and all(map(self.is_sql, parts))

    def _is_made_of_sql(self, name: str) -> bool:
        if name in self._asked:
            return True  # `sql = sql + more`: the rest of what it is made of decides
        self._asked.add(name)
        values = self._values.get(name, [])
        return bool(values) and all(map(self.is_sql, values))

    def _returns_sql(self, name: str) -> bool:
        """Tell whether a function of the same module returns SQL alone."""
        function = self._functions.get(name)
        if function is None or name in self._calls:
            return False
        inside = Names(function, self._functions, (*self._calls, name))
        returned = [
            node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None
        ]
        return bool(returned) and all(inside.is_sql(part) for value in returned for part in _list_parts(value))


def _list_assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what a statement gives a name: also what is appended, and what a loop goes through."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield target, value
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield target, value
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield target, value
        case ast.Call(func=ast.Attribute(value=ast.Name() as target, attr="append"), args=[value]):
            yield target, value


def _list_outermost(node: ast.AST) -> Iterator[ast.expr]:
    """Yield each expression that puts a text together, but those inside one, and those of functions inside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.BinOp | ast.JoinedStr | ast.Call) and _list_parts(child) != [child]:
            yield child
        elif not isinstance(child, Function):
            yield from _list_outermost(child)


def _list_parts(node: ast.expr) -> list[ast.expr]:
    """Return what a text is put together of: the expression itself where it is not."""
    joined: Sequence[ast.expr] = ()
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            joined = (left, right)
        case ast.JoinedStr(values=values):
            return [one.value if isinstance(one, ast.FormattedValue) else one for one in values]
        case ast.Call(func=ast.Attribute(value=form, attr="format" | "format_map" | "join"), args=args, keywords=named):
            joined = (form, *args, *(each.value for each in named))
        case ast.IfExp(body=body, orelse=orelse):
            joined = (body, orelse)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            joined = elements
        case ast.Starred(value=inner) | ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner):
            joined = (inner,)
    return [part for one in joined for part in _list_parts(one)] or [node]


def _text_of(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""
