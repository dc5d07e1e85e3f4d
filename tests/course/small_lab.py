"""A lab of one exercise, small enough to be built in every test; and ways to change it."""

import json
from pathlib import Path
from typing import Any

NAME = "02_small"
SOLUTION = """def quantize(x, scale, zero_point, quant_min, quant_max):
    \"\"\"Codes of real numbers.\"\"\"
    ### BEGIN SOLUTION
    q = np.rint(x / scale) + zero_point
    return np.clip(q, quant_min, quant_max).astype(np.int32)
    ### END SOLUTION"""
CELLS = {
    "title": "# 02 · Small\n\nBefore it: [00 Meters](00_meters.ipynb).",
    "setup": "import numpy as np\n\nfrom qlab.course import check",
    "build": SOLUTION,
    "check": 'check("affine.quantize", quantize)',
    "why": "Why round?\n\n<!-- BEGIN SOLUTION -->\nTo halve the error.\n<!-- END SOLUTION -->",
    "plan": "Give them ten minutes.",
    "end": "print(quantize.__doc__)",
}
WORDS = {"title", "why", "plan"}


def cell(name: str, source: str) -> dict[str, Any]:
    code = {} if name in WORDS else {"outputs": [], "execution_count": None}
    tags = {"tags": ["instructor"]} if name == "plan" else {}
    kind = "markdown" if name in WORDS else "code"
    return {"cell_type": kind, "id": name, "metadata": tags, "source": source, **code}


def write(folder: Path, name: str = NAME, **changed: str) -> Path:
    cells = [cell(one, text) for one, text in (CELLS | changed).items()]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(notebook | {"nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def sources(path: Path) -> dict[str, str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {one["id"]: "".join(one["source"]) for one in cells}
