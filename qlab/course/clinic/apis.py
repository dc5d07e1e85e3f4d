"""W17 and W18: code that rounds something else, and code that calls what is not there.

What is not there is looked up in another process, which imports torch and TensorFlow if they are
installed; this one stays without them.
"""

import functools
import json
import subprocess
import sys
from typing import Any

import numpy as np

from qlab import core, data, metrics, networks, ranges
from qlab.core import QuantSpec
from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, bits, number, stand
from qlab.live.readout import Value
from qlab.live.settings import Choice

NETWORK, SECONDS = "mlp_784_128_10", 120
LOOP = """\
for name in parameters:
    if "weight" in name:
        parameters[name] = quantize(parameters[name])"""


def _loop(bits: int) -> dict[str, np.ndarray]:
    """Run the claimed loop on a trained network, with qlab's quantizer for the missing one."""
    net, spec = networks.load(NETWORK), QuantSpec(bits=bits)
    parameters = {f"{name}.weight": W for name, W in net.weights.items()}
    parameters |= {f"{name}.bias": b for name, b in net.biases.items()}

    def quantize(W: np.ndarray) -> np.ndarray:
        return core.fake_quantize(W, ranges.minmax(W, spec))

    parameters = stand(LOOP, parameters=parameters, quantize=quantize)[0]["parameters"]
    return {name.removesuffix(".weight"): W for name, W in parameters.items() if "weight" in name}


def _w17_stands() -> Outcome:
    net = networks.load(NETWORK)
    changed = sum(not np.array_equal(W, net.weights[name]) for name, W in _loop(8).items())
    return Outcome(
        says=f"With a quantizer put in for the one that is missing, {changed} arrays of weights "
        "are rounded and 0 activations: it is the loop for weights once more.",
        values={"weights": changed, "activations": 0},
    )


def _w17(bits: int = 4) -> Measurement:
    net, mnist = networks.load(NETWORK), data.load("mnist")
    claimed = net.with_weights(_loop(bits))
    ours = networks.quantize_activations(net, mnist.calibration, QuantSpec(bits=bits, signed=False))
    images = mnist.test[:1000].images
    entering = [np.unique(networks.activations(n, images)["fc2"]).size for n in (claimed, ours)]
    found = metrics.accuracy(ours, mnist.test)
    return Measurement(
        values=(
            number(
                "claimed", "Different activations into fc2, as claimed", entering[0], form="count"
            ),
            number("values", "The same, calibrated and quantized", entering[1], form="count"),
            number("codes", "Codes there are", 2**bits, "derived", form="count"),
            Value.of("accuracy", "Accuracy, activations quantized", found, form="percent"),
        ),
        says=f"The claimed loop leaves activations with {entering[0]:,} different values. Observed "
        f"on calibration images and quantized, {entering[1]} are left.",
    )


CALLS = {
    "quantizer": "torch.quantization.Quantizer(2**8, 2**-8)",
    "quantized": "torch.nn.Linear(2, 2).quantized()",
    "qconfig": "torch.quantization.QConfig(activations=set(), weights=set())",
    "keras": "tf.keras.models.quantize_model(None)",
    "undefined": "quantize_model(None)",
}
FILES = {
    "quantizer": "article 001",
    "quantized": "article 001",
    "qconfig": "article 000",
    "keras": "article 002",
    "undefined": "article 004",
}
CONVERT = """\
net = torch.nn.Sequential(torch.nn.Linear(2, 2)).eval()
net.qconfig = torch.quantization.get_default_qconfig()
prepared = torch.quantization.prepare(net)
converted = torch.quantization.convert(prepared)
uncalibrated = float(converted[0].scale)
prepared(torch.ones(1, 2))
calibrated = float(torch.quantization.convert(prepared)[0].scale)
stays = "nn.quantized" not in type(net[0]).__module__"""
PROBE = """\
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
calls, convert = json.loads(sys.stdin.read())
names, versions, said = {}, {}, {}
for module, name in (("torch", "torch"), ("tensorflow", "tf")):
    try:
        names[name] = importlib.import_module(module)
        versions[name] = names[name].__version__
    except ImportError:
        versions[name] = ""
def attempt(run):
    try:
        run()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["", "It runs."]
for key, call in calls.items():
    said[key] = attempt(lambda: eval(call, dict(names)))
after = dict(names)
said["convert"] = attempt(lambda: exec(convert, after))
kept = {k: after.get(k) for k in ("stays", "uncalibrated", "calibrated")}
print(json.dumps({"versions": versions, "said": said, "convert": kept}))
"""


@functools.cache
def probe() -> dict[str, Any]:
    """Try the calls in a process of its own, once.

    Returns
    -------
    dict
        ``versions``: of torch and tf, empty where not installed; ``said``: by call, the name of
        the exception and its message; ``convert``: what convert does where torch has it.

    Raises
    ------
    OSError
        The process could not be started or gave no answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            input=json.dumps([CALLS, CONVERT]),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"probe: an answer is expected, got {type(error).__name__}.") from None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def library_of(call: str) -> str:
    """Return which library a call belongs to: "torch", "tf" or none.

    Parameters
    ----------
    call
        A name in ``CALLS``.

    Examples
    --------
    >>> library_of("keras"), library_of("undefined")
    ('tf', '')
    """
    first = CALLS[call].partition(".")[0]
    return first if first in ("torch", "tf") else ""


def verdict(call: str) -> str:
    """Say in a sentence what became of a call, honestly where its library is not installed.

    Parameters
    ----------
    call
        A name in ``CALLS``.
    """
    found, library = probe(), library_of(call)
    if library and not found["versions"][library]:
        full = {"tf": "TensorFlow", "torch": "torch"}[library]
        return f"{full} is not installed here, so this call was not tried"
    kind, message = found["said"][call]
    return f"{kind}: {message}".rstrip(".") if kind else message.rstrip(".")


def _w18_stands() -> Outcome:
    found = probe()
    version = found["versions"]["torch"]
    where = f"torch {version}" if version else "torch is not installed"
    return Outcome(
        says=f"Five calls, tried with what is installed here ({where}): "
        + "; ".join(f"{CALLS[call]} → {verdict(call)}" for call in CALLS)
        + ".",
        error=found["said"]["quantizer"][0] if version else "",
        values={call: kind for call, (kind, _) in found["said"].items()},
    )


def _w18(call: str = "quantizer") -> Measurement:
    found = probe()
    tried = [c for c in CALLS if not library_of(c) or found["versions"][library_of(c)]]
    work = sum(not found["said"][c][0] for c in tried)
    values = [
        number("tried", "Calls that could be tried", len(tried), form="count"),
        number("work", "Of these work", work, form="count"),
    ]
    after, note = found["convert"], ""
    if after["stays"] is not None:
        values += [
            number("uncalibrated", "Scale that convert takes uncalibrated", after["uncalibrated"]),
            number("calibrated", "Scale after one batch", after["calibrated"]),
        ]
        state = "still the float one" if after["stays"] else "changed"
        note = f" After convert(net), whose result nobody keeps, the network is {state}."
    return Measurement(
        values=tuple(values),
        says=f"{CALLS[call]} ({FILES[call]}): {verdict(call)}.{note}",
    )


EXHIBITS = (
    Exhibit(
        number="W17",
        theme="apis",
        title="Activations that are weights",
        claim="Activations are quantized by rounding each parameter whose name contains “weight”.",
        file="article 001, §4.4",
        fragment=LOOP,
        as_it_stands=_w17_stands,
        controls={"bits": bits(4, 2)},
        measure=_w17,
        truth="Activations are no parameters. Their range has to be observed on real inputs, and "
        "they are rounded while the network runs.",
        reading="Krishnamoorthi 2018, arXiv:1806.08342, section 3.1.2.",
    ),
    Exhibit(
        number="W18",
        theme="apis",
        title="Functions that were never written",
        claim="The frameworks have a Quantizer, a method quantized(), a QConfig of activations, "
        "and quantize_model; convert(net) quantizes the network.",
        file="article 000; article 001, §4.3 and §4.4; article 002, §5.2; article 004",
        fragment="\n".join([*CALLS.values(), "torch.quantization.convert(net)"]),
        as_it_stands=_w18_stands,
        controls={"call": Choice("quantizer", CALLS, label="Call", help="Which call is tried.")},
        measure=_w18,
        truth="None of them exists. QConfig takes activation and weight, two observers; convert "
        "needs a calibrated network, and returns the quantized one instead of changing it.",
        reading="torch.ao.quantization's documentation, eager mode; qlab.networks."
        "quantize_activations does both steps.",
    ),
)
