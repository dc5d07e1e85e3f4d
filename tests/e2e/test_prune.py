"""Prune in the browser: what stands on the page is what the library computes."""

from urllib.parse import parse_qs, urlsplit

import pytest

from qlab import data, metrics, networks, pruning
from tests.e2e.conftest import Visit
from tests.e2e.harness import Server, until


def test_after_a_drag_the_page_shows_the_librarys_accuracy(visit: Visit) -> None:
    app = visit("prune", "sparsity=0.5&scope=global")
    app.drag("sparsity", 0.9)
    accuracy = app.measured()
    app.settle(rest=1)  # then the address holds the state
    sparsity = float(parse_qs(urlsplit(app.page.url).query)["sparsity"][0])
    assert sparsity > 0.8
    net = networks.load("lenet_300_100")
    masks = pruning.magnitude(dict(net.weights), sparsity, scope="global")
    pruned = networks.prune(net, masks)
    expected = metrics.accuracy(pruned, data.load("mnist").test)
    assert accuracy == pytest.approx(expected.value, abs=1e-9)
    assert float(app.output("accuracy")["low"]) == pytest.approx(expected.low, abs=1e-9)
    assert app.value("bytes_bitmap") == metrics.bytes_bitmap(pruned).total


def test_every_fine_tuning_asked_for_without_pruning_is_refused_in_a_sentence(
    visit: Visit, server: Server
) -> None:
    app = visit("prune", "sparsity=0")
    app.click("start")
    message = app.page.locator(".qlab-message [role=alert]")
    message.wait_for()
    assert "Prune first" in message.inner_text()
    assert server.kernels()[app.kernel].children() == []


@pytest.mark.timeout(180)
def test_fine_tuning_brings_back_what_pruning_took(visit: Visit) -> None:
    app = visit("prune", "sparsity=0.95&epochs=1")
    before = app.measured()
    app.click("start")
    told = app.page.locator(".qlab-progress")
    until(lambda: told.inner_text().startswith("Done."), 150, "fine-tuned")
    until(lambda: app.control("base").locator("select").is_enabled(), what="it can be chosen")
    app.choose("base", "Fine-tuned here")
    until(lambda: app.measured() > before + 0.02, 60, "the accuracy is back")
    app.is_clean()
