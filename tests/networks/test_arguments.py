"""The doors of the room: what comes in is named as it came, with what was expected."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from qlab import codebooks, data, networks, ptq
from qlab.core import QuantSpec
from qlab.networks import IntegerNetwork
from qlab.networks.arguments import calibrated
from tests.strategies import unchecked

NET = networks.build("mlp_784_128_10", np.random.default_rng(0))
FOUR = QuantSpec(bits=4)
CALIBRATED: dict[str, Callable[[object], object]] = {
    "from_calibration": lambda c: IntegerNetwork.from_calibration(NET, c),
    "quantize_activations": lambda c: networks.quantize_activations(NET, c, FOUR),
    "quantize_whole": lambda c: networks.quantize_whole(NET, c, inputs=FOUR),
    "repair": lambda c: networks.repair(NET, FOUR, ptq.gptq, c),
    "sensitivity": lambda c: networks.sensitivity(NET, c),
    "choose": lambda c: networks.choose(NET, c, networks.candidates()),
    "last_layer_trace": lambda c: networks.last_layer_trace(NET, c),
    "fold_smoothquant": lambda c: networks.fold_smoothquant(NET, c),
    "fold_awq": lambda c: networks.fold_awq(NET, FOUR, c),
}
IMAGES = np.zeros((2, 1, 28, 28), np.float32)


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibration_that_is_no_split_or_empty_is_refused_in_one_sentence(name: str) -> None:
    call = CALIBRATED[name]
    for wrong, kind in ((IMAGES, "ndarray"), (data.load("mnist"), "Dataset"), (None, "None")):
        with unchecked(), pytest.raises(TypeError) as told:
            call(wrong)
        assert str(told.value) == (
            f'{name}: calibration must be a split such as qlab.data.load("mnist").calibration, '
            f"got {kind}. Images of your own become one by "
            'qlab.data.Split(images, labels, "calibration").'
        )
    split = data.Split(IMAGES, np.zeros(2, np.int64), "calibration")  # the remedy of the sentence
    with pytest.raises(ValueError, match=f"^{name}: calibration must hold images, got none.$"):
        call(split[:0])
    assert len(calibrated(name, split, "test")[0]) == 2


NAMED: dict[str, Callable[[object], object]] = {
    "quantize_weights": lambda k: networks.quantize_weights(NET, FOUR, layers=k),
    "quantize_dynamically": lambda k: networks.quantize_dynamically(NET, FOUR, layers=k),
    "code_weights": lambda k: networks.code_weights(NET, codebooks.nf4, layers=k),
    "repair": lambda k: networks.repair(
        NET, FOUR, ptq.gptq, data.load("mnist").calibration[:2], layers=k
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_name_is_no_list_of_names(name: str) -> None:
    said = f"{name}: layers must be a list of names, got 'fc1'. Try layers=['fc1']."
    with unchecked(), pytest.raises(TypeError, match=f"^{re.escape(said)}$"):
        NAMED[name]("fc1")
    with unchecked(), pytest.raises(TypeError, match="layers must be a list of names, got 3"):
        NAMED[name](3)
    with pytest.raises(ValueError, match=f"^{name}: layers must be among fc1, fc2, got 'fc9'"):
        NAMED[name](["fc1", "fc9"])


SPLIT = data.load("mnist").calibration[:2]
WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "a method by name": (
        lambda: networks.quantize_weights(NET, FOUR, "minmax"),
        "quantize_weights: method must be a function, got method='minmax'. Use one of "
        "ranges.METHODS, by name ranges.METHODS['minmax'].",
    ),
    "a method that is a number": (
        lambda: networks.quantize_activations(NET, SPLIT, FOUR, 3),
        "quantize_activations: method must be a function, got method=3. Use one of ranges.METHODS.",
    ),
    "a rounding by name": (
        lambda: networks.quantize_weights(NET, FOUR, rounding="nearest"),
        "quantize_weights: rounding must be a function, got rounding='nearest'. Use one of "
        "core.ROUNDINGS, by name core.ROUNDINGS['nearest'].",
    ),
    "a method of AWQ by name": (
        lambda: networks.fold_awq(NET, FOUR, SPLIT, method="mse"),
        "fold_awq: method must be a function, got method='mse'. Use one of "
        "ranges.METHODS, by name ranges.METHODS['mse'].",
    ),
    "a method of mixed bits by name": (
        lambda: networks.quantize_mixed(NET, {"fc1": 2}, method="mse"),
        "quantize_mixed: method must be a function, got method='mse'. Use one of "
        "ranges.METHODS, by name ranges.METHODS['mse'].",
    ),
    "a method of a whole network by name": (
        lambda: networks.quantize_whole(NET, SPLIT, method="mse"),
        "quantize_whole: method must be a function, got method='mse'. Use one of "
        "ranges.METHODS, by name ranges.METHODS['mse'].",
    ),
    "a method of integers by name": (
        lambda: IntegerNetwork.from_calibration(NET, SPLIT, weight_method="mse"),
        "from_calibration: weight_method must be a function, got weight_method='mse'. Use one of "
        "ranges.METHODS, by name ranges.METHODS['mse'].",
    ),
    "no spec": (
        lambda: networks.quantize_weights(NET, None),
        "quantize_weights: spec must be a QuantSpec, got spec=None. Use QuantSpec(bits=8).",
    ),
    "bits as a spec": (
        lambda: networks.repair(NET, 4, ptq.gptq, SPLIT),
        "repair: spec must be a QuantSpec, got spec=4. Use QuantSpec(bits=8).",
    ),
    "no spec of what each image gets": (
        lambda: networks.quantize_dynamically(NET, None),
        "quantize_dynamically: spec must be a QuantSpec, got spec=None. Use QuantSpec(bits=8).",
    ),
    "bits as the weights": (
        lambda: IntegerNetwork.from_calibration(NET, SPLIT, weights=8),
        "from_calibration: weights must be a QuantSpec, got weights=8. Use QuantSpec(bits=8).",
    ),
    "a quantized network": (
        lambda: IntegerNetwork.from_calibration(networks.quantize_weights(NET, FOUR), SPLIT),
        "from_calibration: net must be a Network, got Quantized. Take its .network.",
    ),
    "the name of a network": (
        lambda: networks.quantize_weights("lenet_5", FOUR),
        "quantize_weights: net must be a Network, got 'lenet_5'. One is "
        'qlab.networks.load("lenet_5").',
    ),
}


@pytest.mark.parametrize(("call", "said"), WRONG.values(), ids=WRONG)
def test_what_is_of_another_type_is_refused_in_one_sentence(call, said: str) -> None:
    with unchecked(), pytest.raises(TypeError, match=f"^{re.escape(said)}$"):
        call()
