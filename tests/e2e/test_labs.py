"""A lab in JupyterLab, for one who only wants to look: run all cells, show anyway, drag."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.harness import HOST, ROOT, until
from tests.e2e.jupyterlab import PATIENCE, JupyterLab, Notebook

LAB = "02_affine_quantizer.ipynb"
SECONDS = 600


@pytest.fixture
def lab(browser: Browser, tmp_path: Path) -> Iterator[Notebook]:
    """Open a copy of the labs in JupyterLab, which saves what it ran, and run one of them."""
    labs = shutil.copytree(ROOT / "labs", tmp_path / "labs")
    server = JupyterLab(labs, tmp_path, {"QLAB_RECORD": str(tmp_path / "record.json")})
    try:
        with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
            yield Notebook(context, server, labs / LAB)
    finally:
        server.stop()


@pytest.mark.timeout(SECONDS)
def test_a_lab_runs_in_jupyterlab_and_its_instrument_follows_the_hand(lab: Notebook) -> None:
    for question in ('predict("02.three-bits"', 'predict("02.rows"'):
        lab.widget(question, ".qlab-predict .qlab-show-anyway").click()
        lab.root.locator(".qlab-told", has_text="Measured").wait_for()
    lab.widget("bench", ".qlab-bits .noUi-handle")
    lab.settle()
    before, picture = lab.value("accuracy"), lab.picture()
    lab.drag("bits", 0.0)
    until(lambda: lab.value("accuracy") < before, PATIENCE, "the accuracy follows")
    until(lambda: lab.picture() != picture, PATIENCE, "the picture follows")
    assert lab.complaints() == []
    assert lab.hosts <= {HOST}
