"""One source, several books: the student's, the solutions, and a release for nbgrader.

A lab is committed once, with its solutions between ``### BEGIN SOLUTION`` and ``### END SOLUTION``
and each check in the cell behind. From it come, into one folder::

    student/02_affine_quantizer.ipynb                    solutions stripped, to be handed out
    solution/02_affine_quantizer.ipynb                   to be kept
    nbgrader/nbgrader_config.py
    nbgrader/source/02_affine_quantizer/02_….ipynb       solutions, checks that count
    nbgrader/release/02_affine_quantizer/02_….ipynb      what `nbgrader generate_assignment` makes

The same labs give the same bytes. A folder is written whole or not at all; what is not from here
(a gradebook, what was handed in) stays in it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from qlab.course import books, bookshelf

__all__ = ["build"]

BOOKS = ("student", "solution", "nbgrader")


def build(labs: Path, to: Path, names: Sequence[str] = ()) -> dict[str, int]:
    """Make every book of some labs.

    Parameters
    ----------
    labs
        The folder of the committed notebooks.
    to
        The folder to be written: new, empty, or made by this function before.
    names
        Labs by number or file name: "02", "02_affine_quantizer". All if there are none.

    Returns
    -------
    dict
        From "student/02_affine_quantizer.ipynb" and so on to the bytes written.

    Raises
    ------
    ValueError
        No such lab, a lab whose markers are broken (lab and cell are named), or a folder that
        holds something else.
    OSError
        The folder can't be written; it is then as it was.
    """
    paths = chosen(labs, names)
    bookshelf.admit(to)
    files: dict[str, bytes] = {"nbgrader/nbgrader_config.py": books.CONFIG.encode()}
    for path in paths:
        files |= every_book(path.stem, books.opened(path))
    bookshelf.write(to, files, whole=not names)
    return {name: len(data) for name, data in sorted(files.items())}


def chosen(labs: Path, names: Iterable[str]) -> list[Path]:
    """Find the notebooks of labs.

    Parameters
    ----------
    labs, names
        As for `build`.

    Returns
    -------
    list of Path
        In the order of their numbers.

    Raises
    ------
    ValueError
        There is none, or one of the names is of none.
    """
    paths = {path.stem: path for path in sorted(labs.glob("[0-9][0-9]_*.ipynb"))}
    if not paths:
        raise ValueError(
            f"build: expected labs like 02_affine_quantizer.ipynb in {labs}, found none. "
            "Name their folder in QLAB_LABS."
        )
    found: dict[str, Path] = {}
    for name in names or paths:
        stem = name.removesuffix(".ipynb")
        here = [one for one in paths if stem in (one, one[:2])]
        if not here:
            raise ValueError(f"build: expected one of {', '.join(paths)}, got {name!r}.")
        found |= {one: paths[one] for one in here}
    return [found[one] for one in sorted(found)]


def every_book(stem: str, lab: books.Notebook) -> dict[str, bytes]:
    """Return all versions of one lab, by their place in the folder."""
    source = books.graded(stem, lab)
    return {
        f"student/{stem}.ipynb": text(books.student(stem, lab)),
        f"solution/{stem}.ipynb": text(books.solution(stem, lab)),
        f"nbgrader/source/{stem}/{stem}.ipynb": text(source),
        f"nbgrader/release/{stem}/{stem}.ipynb": text(books.released(stem, source)),
    }


def text(notebook: Mapping[str, object]) -> bytes:
    """Write a notebook as Jupyter does: indented by one space, its keys sorted."""
    return (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
