"""Of a notebook full of experiments only what a function needs is run."""

import ast

import pytest

from qlab.course.excerpt import read, run


def taken(name: str, *cells: str) -> list[str]:
    return [ast.unparse(one.tree) for one in read(cells).of(name)]


DEFINES = {
    "import": "import math as needed",
    "from": "from math import pi as needed",
    "constant": "needed = 3",
    "annotated": "needed: int = 3",
    "unpacked": "a, (needed, *b) = 1, (2, 3)",
    "loop": "for needed in range(3):\n    pass",
    "with": "with open('f') as needed:\n    pass",
    "branch": "if True:\n    needed = 1\nelse:\n    needed = 2",
    "try": "try:\n    import fast as needed\nexcept ImportError:\n    needed = None",
    "walrus": "print((needed := 3))",
    "class": "class needed:\n    pass",
    "element": "needed[0] = 1",
    "star": "from math import *",
    "augmented": "needed += 1",
}


@pytest.mark.parametrize("kind", DEFINES)
def test_what_defines_a_name_is_taken(kind: str) -> None:
    function = "def f(x):\n    return needed * x"
    assert taken("f", "print('hello')", DEFINES[kind], function) == [
        ast.unparse(ast.parse(DEFINES[kind])),
        function,
    ]


def test_what_a_helper_needs_is_taken_too_and_what_nobody_needs_is_not() -> None:
    cells = ("a = 1", "b = 2", "def g():\n    return a", "def f():\n    return g()", "f()")
    assert taken("f", *cells) == [cells[0], cells[2], cells[3]]


def test_every_definition_of_a_name_is_taken_in_order_so_that_the_last_one_counts() -> None:
    names: dict[str, object] = {}
    cells = ["def f():\n    return 1", "def f():\n    return 2"]
    assert run(read(cells).of("f"), names) == ""
    assert names["f"]() == 2  # type: ignore[operator]


def test_a_name_inside_of_another_function_defines_nothing() -> None:
    assert taken("f", "def g():\n    f = 1", "x = lambda: (f := 2)") == []


def test_magic_lines_are_passed_over_and_other_broken_cells_are_told() -> None:
    excerpt = read(["%matplotlib inline\nx = 1", "!ls\n%%time", "def f(:", "\0", "y = (" * 5000])
    assert [ast.unparse(one.tree) for one in excerpt.of("x")] == ["x = 1"]
    assert [text.split(":")[0] for text in excerpt.unread] == ["cell 3", "cell 4", "cell 5"]


def test_a_statement_that_fails_takes_no_other_with_it() -> None:
    names: dict[str, object] = {}
    cells = ["import no_such_module", "def f():\n    return no_such_module"]
    assert run(read(cells).of("f"), names).startswith("cell 1: ModuleNotFoundError")
    assert "f" in names
