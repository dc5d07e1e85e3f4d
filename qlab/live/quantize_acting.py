"""All but the weights in the Quantize instrument: what enters layers, biases, what leaves.

Calibrated ranges are those of the float network, found once; dynamic ones find themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qlab import data, networks, ranges
from qlab.live.quantize_look import Look, Small
from qlab.live.quantize_state import QuantizeState
from qlab.networks import FakeQuantize, Network

OUTPUT = "output"  # what leaves the last layer, among what enters layers
Ends = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a state makes of a network's weights.

    Parameters
    ----------
    small
        Levels and codes.
    base
        The float network that was rounded, and a name for it.
    look
        Where it was looked at already.
    ends
        Least and largest of its activations, where they are no other state's as well.
    """

    small: Small
    base: Network
    name: tuple[Any, ...]
    look: Look | None = None
    ends: Ends | None = None


def activation_ends(base: Network) -> Ends:
    """Find least and largest of what enters each layer and what leaves the last one."""
    images, _ = data.load("mnist").calibration.for_choosing("calibrate activation ranges")
    seen = networks.activations(base, images)
    last = list(seen)[-1]
    seen[OUTPUT] = base.run(seen[last], base.index(last))
    return {name: np.array([x.min(), x.max()]) for name, x in seen.items()}


def calibrates(s: QuantizeState) -> bool:
    """Tell whether a state needs these ends."""
    inputs = s.input_spec()
    return s.output_spec() is not None or (inputs is not None and s.input_range == "static")


def acting(s: QuantizeState, net: Network, ends: Ends) -> Network:
    """Return the network that infers: inputs, biases and outputs quantized where they are to be.

    Parameters
    ----------
    s
        Says to what.
    net
        Its weights are on their levels.
    ends
        As ``activation_ends`` finds them; may be empty where the state does not calibrate.
    """
    biases, inputs, outputs = s.bias_spec(), s.input_spec(), s.output_spec()
    if biases is not None:
        calibration = data.load("mnist").calibration
        net = networks.quantize_whole(net, calibration, biases=biases)
    if inputs is not None and s.input_range == "static":
        grids = {name: ranges.minmax(ends[name], inputs) for name in net.weights}
        net = networks.fake_quantize_inputs(net, grids)
    elif inputs is not None:
        net = networks.quantize_dynamically(net, inputs)
    if outputs is not None:
        leaving = ranges.minmax(ends[OUTPUT], outputs)
        net = net.with_layers([*net.layers, FakeQuantize(OUTPUT, leaving)])
    return net


def packed(s: QuantizeState, small: Small) -> int:
    """Count the bytes of a file, biases at their bits."""
    spec = s.bias_spec()
    size = small.bytes
    if spec is None:
        return size.total
    return replace(size, biases=networks.bytes_biases(small.network, spec)).total
