import json

import numpy as np
import pytest

from qlab import data, networks, ranges
from qlab.core import QuantSpec
from qlab.networks import (
    hessian_sensitivity,
    stored_qparams,
    stored_sensitivity,
    stored_traces,
    trained,
)
from qlab.networks.stored_sensitivity import _file  # type: ignore[attr-defined]

NAMES = ("lenet_300_100", "lenet_5", "mlp_784_128_10")
BITS = (1, 2, 3, 4, 5, 6, 7, 8)


@pytest.mark.parametrize("criterion", ["cross_entropy", "output_error"])
def test_the_stored_scan_is_what_a_scan_finds(criterion: str) -> None:
    net, split = networks.load("mlp_784_128_10"), data.load("mnist").calibration
    stored = stored_sensitivity(net.name, criterion)
    found = networks.sensitivity(net, split, BITS, getattr(networks, criterion))
    assert (stored.layers, stored.bits) == (found.layers, found.bits)
    np.testing.assert_array_equal(stored.cost, found.cost)
    # float32 logits in batches of another size
    np.testing.assert_allclose(stored.loss, found.loss, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_scales_are_those_of_the_mse_range(name: str) -> None:
    for layer, W in networks.load(name).weights.items():
        for bits in (1, 3, 8) if W.size > 100_000 else BITS:
            found, spec = ranges.mse(W, QuantSpec(bits=bits)), QuantSpec(bits=bits)
            stored = stored_qparams(name, layer, bits)
            assert (stored.scale, stored.zero_point, stored.spec) == (found.scale, 0, spec)


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_last_trace_is_the_exact_one(name: str) -> None:
    net = networks.load(name)
    exact = networks.last_layer_trace(net, data.load("mnist").calibration)
    *_, last = stored_traces(name).values()
    assert last.value == pytest.approx(exact.value, rel=1e-4)  # float32 gradients
    assert last.weights == exact.weights


@pytest.mark.parametrize("name", NAMES)
def test_hutchinsons_estimates_lie_around_the_exact_traces(name: str) -> None:
    rows = _file()[name]["layers"]
    for row in rows.values():
        guess = row["hutchinson"]
        assert abs(guess["value"] - row["trace"]) < 4 * guess["deviation"]
        assert guess["probes"] >= 2
    assert _file()[name]["images"] == 1_024


def test_the_stored_hessian_table_is_the_traces_times_the_errors() -> None:
    name = "mlp_784_128_10"
    found = hessian_sensitivity(networks.load(name), stored_traces(name), BITS)
    np.testing.assert_allclose(stored_sensitivity(name, "hessian").loss, found.loss, rtol=1e-9)


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="criterion must be one of cross_entropy"):
        stored_sensitivity("lenet_5", "accuracy")
    with pytest.raises(ValueError, match="name must be one of lenet_300_100"):
        stored_sensitivity("teacher_1200")
    with pytest.raises(ValueError, match="layer must be one of conv1"):
        stored_qparams("lenet_5", "fc3", 4)
    with pytest.raises(ValueError, match=r"bits 1 … 8, got \(layer='fc1', bits=9\)"):
        stored_qparams("lenet_5", "fc1", 9)


@pytest.fixture
def other_file(tmp_path, monkeypatch):
    module = __import__("sys").modules["qlab.networks.stored_sensitivity"]
    for path in trained.FOLDER.glob("mlp_784_128_10.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    _file.cache_clear()
    yield tmp_path / "sensitivity.json"
    _file.cache_clear()


def test_a_table_of_other_weights_a_damaged_and_a_missing_one_are_refused(other_file) -> None:
    stored = {"mlp_784_128_10": {"sha256": "0", "images": 1, "layers": {}}}
    other_file.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="must belong to the weights that are there"):
        stored_sensitivity("mlp_784_128_10")
    _file.cache_clear()
    other_file.write_text("{")
    with pytest.raises(ValueError, match="is damaged, expected JSON"):
        stored_sensitivity("mlp_784_128_10")
    _file.cache_clear()
    other_file.unlink()
    with pytest.raises(FileNotFoundError, match="the zoo lacks a file"):
        stored_sensitivity("mlp_784_128_10")
