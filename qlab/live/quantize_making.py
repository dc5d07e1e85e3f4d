"""What the Quantize instrument makes of a network: at once where a hand can wait, else in a thread.

Weights are rounded, folded, repaired or coded; ranges of activations are calibrated once.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from qlab import codebooks, core, data, metrics, networks, ranges
from qlab.core import QParams
from qlab.live.evaluation import Evaluation
from qlab.live.quantize_acting import Ends, Made, acting, activation_ends, calibrates
from qlab.live.quantize_background import Job, Jobs
from qlab.live.quantize_kept import base_of, flat, folded, range_of
from qlab.live.quantize_look import look_coded
from qlab.live.quantize_pictures import BARS
from qlab.live.quantize_state import REPAIR_IMAGES, QuantizeState
from qlab.live.quantize_strips import Strip, strips
from qlab.live.recent import Recent
from qlab.live.worker import finish
from qlab.networks import Network

AT_ONCE = 0.02  # seconds that a hand waits for a grid that is not affine
DRAWN = 64  # counts that pictures of several states share
_CALIBRATOR = ThreadPoolExecutor(1, "qlab-calibrate")


class Making:
    """The half of the instrument that calls the library; the other half shows what comes of it."""

    evaluation: Evaluation
    jobs: Jobs
    at_work: Any

    def __init__(self, **given: Any) -> None:
        self._ends: dict[tuple[str, str], Future[Ends]] = {}
        self._drawn: Recent[Any, Any] = Recent(DRAWN)
        super().__init__(**given)

    def made(self, s: QuantizeState) -> Made | None:
        """Return what a state makes of the weights; None while it is computed."""
        if self.at_work is not None:
            return Made(self.at_work.answers(s).small, base_of(s.network), (s.network, "none"))
        return self.by_library(s)

    def by_library(self, s: QuantizeState, seconds: float = AT_ONCE) -> Made | None:
        """Return the same, whatever stands in for the library, after at most so long."""
        if s.plain() and self._at_hand(s):
            return self._quantized(s)
        job = self._job(s)
        return job.result if job.ready(seconds) else None

    def _at_hand(self, s: QuantizeState) -> bool:
        """Tell whether factors were found, and what is calibrated behind them."""
        if s.fold() in ("none", "equalization"):
            return True
        return folded(s.network, s.fold()) and self._calibrated(s.network, s.fold()).done()

    def network_of(self, s: QuantizeState) -> Network | None:
        """Return the network that a state infers with; None while it is computed."""
        made = self.made(s)
        return None if made is None else self._with_activations(s, made)

    def _work(self, s: QuantizeState, pause: Callable[[], None]) -> Made:
        """Fold, repair, or code the weights, in a thread of its own."""
        if s.plain():
            base_of(s.network, s.fold())
            pause()
            self._calibrated(s.network, s.fold()).result()
            return self._quantized(s)
        net, layers = networks.load(s.network), s.chosen()
        images = data.load("mnist").calibration[:REPAIR_IMAGES]
        name = (s.network, "none")
        if s.fold() == "awq":
            method = pausing(ranges.METHODS[s.method], pause)
            base = networks.fold_awq(net, s.spec(), images, method=method)
            small = networks.quantize_weights(
                base, s.spec(), ranges.METHODS[s.method], s.rounding_function(), layers
            )
            return Made(small, base, s.weights_key(), None, activation_ends(base))
        if s.rounds_itself():
            method = pausing(s.repair_function(), pause)
            return Made(networks.repair(net, s.spec(), method, images, layers), net, name)
        method = pausing(codebooks.METHODS[s.grid], pause)
        coded = networks.code_weights(net, method, layers, **s.grid_options())
        look = finish(look_coded(net, coded, self.stair_points(s), self._limit(s)))
        return Made(coded, net, name, look)

    def _quantized(self, s: QuantizeState) -> Made:
        """Round the weights to an affine grid."""
        net = base_of(s.network, s.fold())
        found = {id(net.weights[name]): q for name, q in self.ranges_of(s).items()}
        small = networks.quantize_weights(
            net, s.spec(), lambda W, spec: found[id(W)], s.rounding_function(), s.chosen()
        )
        return Made(small, net, (s.network, s.fold()))

    def _with_activations(self, s: QuantizeState, made: Made) -> Network:
        """Return the network that infers, with all that is quantized beside the weights."""
        ends = made.ends
        if ends is None and calibrates(s):
            ends = self._calibrated(*made.name).result()
        return acting(s, made.small.network, ends or {})

    def ranges_of(self, s: QuantizeState) -> dict[str, QParams]:
        """Find scale and zero point of each layer that is quantized."""
        fold, spec = s.fold(), s.spec()
        return {name: range_of(s.network, fold, name, spec, s.method) for name in s.chosen()}

    def stair_points(self, s: QuantizeState, limit: float | None = None) -> np.ndarray:
        """List the weights at which the staircase is drawn."""
        limit = self._limit(s) if limit is None else limit
        return np.linspace(-limit, limit, 401, dtype=np.float32)

    def _stairs(self, s: QuantizeState, limit: float, *ends: QParams) -> np.ndarray:
        if self.at_work is not None:
            return self.at_work.answers(s).stairs
        x, rounding = self.stair_points(s, limit), s.rounding_function()
        return np.stack([core.fake_quantize(x, q, rounding) for q in ends])

    def _calibrated(self, name: str, fold: str) -> "Future[Ends]":
        """Calibrate once for all bits, in a thread: the page is heard meanwhile."""
        if (name, fold) not in self._ends:
            work = lambda: activation_ends(base_of(name, fold))  # noqa: E731
            self._ends[name, fold] = _CALIBRATOR.submit(work)
        return self._ends[name, fold]

    def _limit(self, s: QuantizeState, made: Made | None = None) -> float:
        """Find the largest weight, a little rounded up: both ends of the weight axes."""
        base = base_of(s.network) if made is None else made.base
        name = (s.network, "none") if made is None else made.name
        return self._drawn.find(
            ("limit", name, s.layer), lambda: 1.04 * float(np.abs(flat(base, s.chosen())).max())
        )

    def _strips(self, s: QuantizeState, made: Made, acts: Network) -> tuple[Strip, ...]:
        """Count what is not a weight; only its own settings move it."""
        biases = s.bias_spec()
        own = (s.input_spec(), s.input_range, s.output_spec(), biases)
        moved = s.weights_key() if biases else None  # some repairs shift biases
        key = ("strips", made.name, s.layer, *own, moved)
        return self._drawn.find(key, lambda: strips(s, made, acts, self.evaluation))

    def _before(self, s: QuantizeState, made: Made) -> np.ndarray:
        """Count the float weights of the picture, in bins."""
        end = self._limit(s, made)
        return self._drawn.find(
            ("before", made.name, s.layer),
            lambda: metrics.histogram(flat(made.base, s.chosen()), -end, end, BARS).counts,
        )

    def _job(self, s: QuantizeState) -> Job:
        return self.jobs.ask(s.weights_key(), functools.partial(self._work, s.copy()))


def pausing(method: Callable[..., Any], pause: Callable[[], None]) -> Callable[..., Any]:
    """Let a method of a layer pause first."""

    def paused(*given: Any, **options: Any) -> Any:
        pause()
        return method(*given, **options)

    return paused
