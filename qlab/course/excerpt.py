"""What one function needs of a notebook: its definition, and what its names lead to.

A notebook that is handed in holds experiments, plots and half-finished cells. Only the statements
that define the function, and those that define what they mention, are taken out and run.
"""

import ast
import linecache
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)  # %matplotlib, !ls: no Python
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
STAR = "*"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a notebook.

    Parameters
    ----------
    tree
        Its syntax.
    cell
        "cell 7", counted over the code cells.
    gives, needs
        The names that it binds, and those that it mentions.
    """

    tree: ast.stmt
    cell: str
    gives: frozenset[str]
    needs: frozenset[str]


@dataclass(slots=True)
class Excerpt:
    """Statements of a notebook, and what could not be read as Python.

    Parameters
    ----------
    statements
        In the notebook's order.
    unread
        A sentence a cell.
    """

    statements: list[Statement] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[Statement]:
        r"""Return the statements that define a name, and those that they need in turn.

        Parameters
        ----------
        name
            Of a function.

        Examples
        --------
        >>> cells = ["import os, math", "os._exit(1)", "half = 0.5", "def f(x): return half * x"]
        >>> [ast.unparse(one.tree) for one in read(cells).of("f")]
        ['half = 0.5', 'def f(x):\n    return half * x']
        """
        wanted, chosen = {name, STAR}, set[int]()
        while True:
            found = {i for i, one in enumerate(self.statements) if one.gives & wanted}
            if found == chosen:
                return [self.statements[i] for i in sorted(chosen)]
            chosen = found
            wanted |= set[str]().union(*(self.statements[i].needs for i in chosen))


def read(cells: Sequence[str]) -> Excerpt:
    """Read the code cells of a notebook, running nothing.

    Parameters
    ----------
    cells
        Their sources; each also becomes what a traceback quotes.

    Returns
    -------
    excerpt
        Of every cell that is Python.
    """
    excerpt = Excerpt()
    for number, source in enumerate(cells, 1):
        cell = f"cell {number}"
        source = MAGIC.sub("pass", source) if not _parses(source) else source
        try:
            trees = ast.parse(source, cell).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            excerpt.unread.append(f"{cell}: {type(error).__name__}: {error}"[:200])
            continue
        linecache.cache[cell] = (len(source), None, source.splitlines(keepends=True), cell)
        excerpt.statements += [
            Statement(tree, cell, frozenset(_gives(tree)), frozenset(_needs(tree)))
            for tree in trees
        ]
    return excerpt


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _gives(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds where it stands, not inside of functions."""
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield tree.name
    elif isinstance(tree, ast.Import | ast.ImportFrom):
        yield from (one.asname or one.name.partition(".")[0] for one in tree.names)
    elif isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Store):
        yield tree.id
    elif isinstance(tree, ast.Subscript | ast.Attribute) and isinstance(tree.ctx, ast.Store):
        yield from _needs(tree.value)  # x[0] = 1 makes x what it is
    if not isinstance(tree, SCOPES):
        for child in ast.iter_child_nodes(tree):
            yield from _gives(child)


def _needs(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def run(statements: Sequence[Statement], names: dict[str, Any]) -> str:
    """Execute statements, each on its own: one that fails takes no other with it.

    Parameters
    ----------
    statements
        From ``Excerpt.of``.
    names
        The names that they bind are written here.

    Returns
    -------
    failed
        The first failure in words, or nothing.
    """
    failed = ""
    for one in statements:
        try:
            exec(compile(ast.Module([one.tree], []), one.cell, "exec"), names)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            failed = failed or f"{one.cell}: {type(error).__name__}: {error}"[:200]
    return failed
