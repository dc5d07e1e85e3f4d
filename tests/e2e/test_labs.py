"""A lab in JupyterLab, for one who only wants to look: run all cells, show anyway, drag."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.harness import HOST, ROOT, until
from tests.e2e.jupyterlab import PATIENCE, JupyterLab, Notebook

LAB = "02_affine_quantizer.ipynb"
SECONDS = 600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterLab]:
    """Start JupyterLab on a copy of the labs: it saves what it ran."""
    labs = shutil.copytree(ROOT / "labs", tmp_path / "labs")
    server = JupyterLab(labs, tmp_path, {"QLAB_RECORD": str(tmp_path / "record.json")})
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def lab(browser: Browser, server: JupyterLab, tmp_path: Path) -> Iterator[Notebook]:
    """Open one of them and run it."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield Notebook(context, server, tmp_path / "labs" / LAB)


class Early(Notebook):
    """A notebook whose cells are ordered to run before the page has looked for a kernel."""

    def __init__(self, *arguments: Any) -> None:
        self.held: list[Route] = []  # without an answer to this the page looks for none
        arguments[0].route(re.compile("/checkpoints"), lambda route: self.held.append(route))
        super().__init__(*arguments)

    def _has_kernel(self) -> bool:
        drawn = self.page.locator(".jp-Notebook .jp-Cell").count()  # asking lets requests come in
        return bool(drawn and self.held)

    def _order(self) -> None:
        super()._order()
        while self.held:
            self.held.pop().continue_()


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


@pytest.mark.timeout(SECONDS)
def test_one_who_runs_a_lab_at_once_is_not_asked_for_a_kernel(
    browser: Browser, server: JupyterLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "start_kernel", lambda _: None)  # a learner has none running
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        lab = Early(context, server, tmp_path / "labs" / LAB)
        lab.cell("qlab.__version__")
        assert lab.asked == []
