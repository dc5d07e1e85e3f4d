import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qlab import core, data, metrics, networks, ranges
from qlab.core import QuantSpec
from qlab.networks import Network
from qlab.networks.layers import FakeQuantize
from qlab.training import METHODS, Fitted, Progress, fit, qat, train_quantized
from qlab.training.watch import Workpiece
from tests.training.workbench import convolutional, dense, digits

DIGITS = digits()
IMAGES = DIGITS.validation.images
LEARN: dict[str, Any] = {"epochs": 3, "lr": 5e-3, "batch_size": 32}


def trained(net: Network) -> Network:
    return fit(net, DIGITS, epochs=15, lr=5e-3, batch_size=32).network


FLOAT = {net.name: trained(net) for net in (dense(), convolutional())}


def fewest(method: str) -> int:
    return max(METHODS[method].bits[0], min(2, METHODS[method].bits[-1]))


def same(a: Network, b: Network) -> bool:
    layers = zip(a.layers, b.layers, strict=True)
    grids = [(k, m) for k, m in layers if isinstance(k, FakeQuantize)]
    return all(
        (a.weights[n] == b.weights[n]).all() and (a.biases[n] == b.biases[n]).all()
        for n in a.weights
    ) and all(k.qparams.scale == m.qparams.scale for k, m in grids)


def away_from_edges(net: Network, images: np.ndarray) -> np.ndarray:
    """Images none of whose activations lies within 1e-4 steps of the edge between two codes."""
    clear = np.ones(len(images), bool)
    for k, layer in enumerate(net.layers):
        if isinstance(layer, FakeQuantize) and layer.name != f"{next(iter(net.weights))}_input":
            steps = net.run(images, 0, k).reshape(len(images), -1) / layer.qparams.scale
            clear &= (np.abs(steps - np.floor(steps) - 0.5) > 1e-4).all(axis=1)
    return clear


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("activation_bits", [None, 1, 3])
@pytest.mark.parametrize("name", FLOAT)
def test_the_network_computes_what_the_module_computes(
    method: str, activation_bits: int | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: list[Workpiece] = []
    run = qat.run

    def watched(*arguments: Any, **named: Any) -> Fitted:
        works.append(named["workpiece"])
        return run(*arguments, **named)

    monkeypatch.setattr(qat, "run", watched)
    plan = LEARN | {"epochs": 1}
    train_quantized(FLOAT[name], DIGITS, method, fewest(method), activation_bits, **plan)
    net = works[0].export()
    with torch.no_grad():
        expected = works[0].module.eval()(torch.tensor(IMAGES)).numpy()
    clear = away_from_edges(net, IMAGES)
    assert clear.mean() > 0.5
    np.testing.assert_allclose(net.predict(IMAGES)[clear], expected[clear], rtol=0, atol=1e-4)


def test_parameters_are_put_back_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    works: list[Workpiece] = []
    run = qat.run

    def watched(*arguments: Any, **named: Any) -> Fitted:
        works.append(named["workpiece"])
        return run(*arguments, **named)

    monkeypatch.setattr(qat, "run", watched)
    plan = LEARN | {"lr": 0.5, "schedule": "constant"}  # one step of Adam goes half a unit
    train_quantized(dense(), DIGITS, "bnn", 1, **plan)
    latent = works[0].module.fc1.weight
    assert latent.abs().max() == 1  # type: ignore[operator]


@pytest.mark.parametrize("method", METHODS)
def test_weights_lie_on_few_levels_and_activations_on_their_grids(method: str) -> None:
    bits = fewest(method)
    net = train_quantized(FLOAT["dense"], DIGITS, method, bits, 3, **LEARN | {"epochs": 1}).network
    for W in net.weights.values():
        rows = list(W) if METHODS[method].batch_norm or method == "xnor" else [W]
        assert max(len(np.unique(row)) for row in rows) <= 2**bits
    grids = {k.name: k.qparams.spec for k in net.layers if isinstance(k, FakeQuantize)}
    unsigned = QuantSpec(bits=3, signed=False)
    assert grids == {
        "fc1_input": QuantSpec(bits=8, signed=False),
        "fc2_input": unsigned,
        "fc3_input": unsigned,
    }


@pytest.mark.parametrize("method", METHODS)
def test_training_mends_what_rounding_breaks(method: str) -> None:
    bits = fewest(method)
    fitted = train_quantized(FLOAT["dense"], DIGITS, method, bits, **LEARN | {"epochs": 8})
    spec = QuantSpec(bits=max(bits, 2))
    rounded = networks.quantize_weights(FLOAT["dense"], spec).network
    after = metrics.accuracy(rounded, DIGITS.validation)
    assert fitted.validation.low > after.high
    assert fitted.validation == metrics.accuracy(fitted.network, DIGITS.validation)
    assert fitted.validation.value >= fitted.history[0].validation.value


def test_epoch_0_of_straight_through_is_quantization_after_training() -> None:
    fitted = train_quantized(FLOAT["dense"], DIGITS, "straight_through", 3, **LEARN)
    rounded = networks.quantize_weights(FLOAT["dense"], QuantSpec(bits=3)).network
    expected = metrics.accuracy(rounded, DIGITS.validation)
    assert fitted.history[0].validation == expected


def test_eight_bits_change_no_prediction_rate_beyond_noise() -> None:
    fitted = train_quantized(FLOAT["dense"], DIGITS, "lsq", 8, 8, **LEARN)
    assert fitted.validation.high >= metrics.accuracy(FLOAT["dense"], DIGITS.validation).low


def test_negative_activations_get_a_signed_grid() -> None:
    net = FLOAT["convolutional"]
    bare = net.with_layers([layer for layer in net.layers if layer.name != "relu1"])
    net = train_quantized(bare, DIGITS, "pact", 2, 4, **LEARN | {"epochs": 1}).network
    signs = {k.name: k.qparams.spec.signed for k in net.layers if isinstance(k, FakeQuantize)}
    assert signs == {"conv1_input": False, "fc1_input": True}
    net = train_quantized(bare, DIGITS, "bnn", 1, 1, **LEARN | {"epochs": 1}).network
    assert {float(v) for v in np.unique(net.run(IMAGES, 0, net.index("fc1")))} == {
        0.0,
        float(net.layer("fc1_input").qparams.scale),  # type: ignore[attr-defined]
    }


def test_training_leaves_network_and_global_generator_alone() -> None:
    net, twin = dense(), dense()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_quantized(net, DIGITS, "bnn", 1, dropout={"fc2": 0.5}, **LEARN | {"epochs": 1})
    assert same(net, twin)
    assert (torch.rand(3) == expected).all()


@pytest.mark.parametrize(("method", "bits"), [("lsq", 3), ("bnn", 1), ("learned_codebook", 2)])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_stopped_and_resumed_gives_the_same_bits(
    method: str, bits: int, optimizer: str, tmp_path: Path
) -> None:
    plan = LEARN | {"epochs": 4, "dropout": {"fc2": 0.2}, "jitter": 1, "optimizer": optimizer}
    whole = train_quantized(FLOAT["dense"], DIGITS, method, bits, 3, **plan)
    seen: list[Progress] = []

    def in_the_third_epoch() -> bool:
        return len(seen) > 0 and seen[-1].epoch == 3 and seen[-1].step > 2 * 16 + 5

    file = tmp_path / "state.pt"
    parts = [
        train_quantized(
            FLOAT["dense"],
            DIGITS,
            method,
            bits,
            3,
            resume=file,
            on_progress=seen.append,
            should_stop=stop,
            **plan,
        )
        for stop in (in_the_third_epoch, None, None)  # the last one finds it finished
    ]
    assert [part.stopped for part in parts] == [True, False, False]
    for part in parts[1:]:
        assert same(part.network, whole.network)
        assert [repr(row) for row in part.history] == [repr(row) for row in whole.history]
        assert part.best_epoch == whole.best_epoch
    assert [p.step for p in seen if p.epoch == 4][-1] == seen[-1].steps == 64
    assert list(tmp_path.iterdir()) == [file]


def test_a_resumed_training_keeps_a_best_that_it_found_before(tmp_path: Path) -> None:
    plan = LEARN | {"epochs": 3, "lr": 10.0, "optimizer": "sgd", "max_norm": 1e-6}  # ruinous
    file = tmp_path / "state.pt"
    whole = train_quantized(FLOAT["dense"], DIGITS, "lsq", 4, resume=file, **plan)
    again = train_quantized(FLOAT["dense"], DIGITS, "lsq", 4, resume=file, **plan)
    assert whole.best_epoch == again.best_epoch == 0
    assert same(whole.network, again.network)
    assert metrics.accuracy(again.network, DIGITS.validation) == again.validation


class Trap:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("sprung",)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "trap", "other"])
def test_a_damaged_checkpoint_is_refused_and_nothing_in_it_runs(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.pt"
    train_quantized(dense(), DIGITS, "lsq", 4, resume=file, **LEARN | {"epochs": 1})
    whole = file.read_bytes()
    if damage == "other":
        torch.save({"module": 1}, file)
    else:
        content = {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no checkpoint"}
        file.write_bytes(content.get(damage) or (pickle.dumps(Trap()) if damage == "trap" else b""))
    with pytest.raises(ValueError, match=r"got a damaged file 'state\.pt'\. Delete it"):
        train_quantized(dense(), DIGITS, "lsq", 4, resume=file, **LEARN | {"epochs": 1})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("change", [{"seed": 1}, {"lr": 1e-3}, {"batch_norm": True}, {"net": 1}])
def test_a_checkpoint_of_another_training_is_refused(
    change: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "state.pt"
    plan = LEARN | {"epochs": 1}
    train_quantized(dense(), DIGITS, "lsq", 4, resume=file, **plan)
    plan |= change
    net = dense(plan.pop("net", 0))
    with pytest.raises(ValueError, match="resume must be the file of this training"):
        train_quantized(net, DIGITS, "lsq", 4, resume=file, **plan)


def test_a_checkpoint_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in a folder that exists"):
        train_quantized(dense(), DIGITS, resume=tmp_path / "no" / "state.pt")


def test_the_test_split_is_refused() -> None:
    whole = data.load("digits")
    for splits in ({"validation": whole.test}, {"train": whole.test}):
        parts = {"train": whole.train, "calibration": whole.calibration}
        cheating = data.Dataset(
            "cheating", **{**parts, "validation": whole.validation, "test": whole.test, **splits}
        )
        with pytest.raises(ValueError, match="test"):
            train_quantized(dense(), cheating, epochs=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"method": "qat"}, "method must be one of straight_through, lsq"),
        ({"method": "bnn"}, r"weight_bits must be 1 for 'bnn', got \(weight_bits=4\)"),
        ({"weight_bits": 1}, r"weight_bits must be 2 to 8 for 'lsq', got \(weight_bits=1\)"),
        ({"weight_bits": True}, r"got \(weight_bits=True\)"),
        ({"activation_bits": 0}, r"activation_bits must be 1 to 8, or None"),
        ({"activation_bits": 9}, r"got \(activation_bits=9\)"),
        ({"method": "dorefa", "batch_size": 1}, "at least 2 images to be normalised"),
        ({"method": "dorefa", "batch_size": 73}, r"\(batch_size=73\) for 512 images"),
        ({"epochs": 0}, "epochs must be an integer"),
    ],
)
def test_a_wrong_argument_is_told_in_one_sentence(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        train_quantized(dense(), DIGITS, **arguments)


def test_fake_quantize_layers_that_were_there_are_replaced() -> None:
    calibrated = networks.quantize_activations(dense(), DIGITS.calibration, QuantSpec(bits=2))
    net = train_quantized(calibrated, DIGITS, "lsq", 4, **LEARN | {"epochs": 1}).network
    assert not [k for k in net.layers if isinstance(k, FakeQuantize)]


def test_float_activations_enter_each_layer_as_they_are_and_8_bit_images_exactly() -> None:
    net = train_quantized(dense(), DIGITS, "lsq", 4, 2, **LEARN | {"epochs": 1}).network
    grid = net.layer("fc1_input").qparams  # type: ignore[attr-defined]
    error = np.abs(core.fake_quantize(IMAGES, grid) - IMAGES).max()
    assert error <= grid.scale / 2
    assert grid.spec == ranges.minmax(IMAGES, QuantSpec(bits=8, signed=False)).spec
