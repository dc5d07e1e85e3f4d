import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.ao.quantization import MinMaxObserver as TorchMinMax
from torch.ao.quantization import MovingAverageMinMaxObserver as TorchEMA

from qlab.core import PerAxis, QuantSpec
from qlab.ranges import OBSERVERS, EMAObserver, MinMaxObserver, Observer, ema, minmax
from tests.strategies import SPECS, float32_arrays, unchecked

AFFINE = QuantSpec(bits=8, signed=False, symmetric=False)


@pytest.fixture(params=OBSERVERS)
def observer(request: pytest.FixtureRequest) -> Observer:
    return OBSERVERS[request.param](AFFINE)


def test_every_observer_keeps_the_contract_and_its_argument(observer: Observer) -> None:
    assert isinstance(observer, Observer)
    x = np.random.default_rng(0).normal(0, 1, (3, 100)).astype(np.float32)
    before = x.copy()
    for piece in x:
        observer.observe(piece)
    qparams = observer.calculate_qparams()
    np.testing.assert_array_equal(x, before)
    assert qparams.spec == AFFINE and qparams.scale > 0
    again = observer.calculate_qparams()  # asking changes nothing
    assert (again.scale, again.zero_point) == (qparams.scale, qparams.zero_point)


def test_every_observer_refuses_nan_tensors_and_to_speak_of_nothing(observer: Observer) -> None:
    name = type(observer).__name__
    with pytest.raises(ValueError, match=rf"^{name}\.calculate_qparams: expected at least one"):
        observer.calculate_qparams()
    with pytest.raises(ValueError, match=rf"^{name}\.observe: x must be finite, got 1 NaN"):
        observer.observe(np.array([np.nan, 1.0]))
    with unchecked(), pytest.raises(TypeError, match="got a torch Tensor"):
        observer.observe(torch.ones(2))
    observer.observe(np.zeros((0, 3), np.float32))
    with pytest.raises(ValueError, match=r"got none\. Call observe"):  # an empty piece is nothing
        observer.calculate_qparams()


@given(st.lists(float32_arrays(), min_size=1, max_size=4), SPECS)
def test_minmax_in_pieces_is_minmax_of_all(pieces: list[np.ndarray], spec: QuantSpec) -> None:
    spec = QuantSpec(bits=spec.bits, signed=spec.signed, symmetric=spec.symmetric)
    whole = np.concatenate([piece.ravel() for piece in pieces])
    observer = MinMaxObserver(spec)
    for piece in pieces:
        observer.observe(piece)
    if whole.size:
        found, expected = observer.calculate_qparams(), minmax(whole, spec)
        assert (found.scale, found.zero_point) == (expected.scale, expected.zero_point)


def test_channels_are_observed_each_by_itself() -> None:
    x = np.random.default_rng(1).normal(0, 1, (12, 3, 5)).astype(np.float32)
    spec = QuantSpec(granularity=PerAxis(1))
    observer = MinMaxObserver(spec)
    for piece in np.split(x, 4):
        observer.observe(piece)
    assert observer.calculate_qparams().scale.tolist() == minmax(x, spec).scale.tolist()
    with pytest.raises(ValueError, match=r"as many blocks as before, got \(2,\) after \(3,\)"):
        observer.observe(x[:, :2])


def test_ema_in_pieces_is_ema_of_batches() -> None:
    x = np.random.default_rng(2).normal(0, 1, (8, 40)).astype(np.float32)
    observer = EMAObserver(AFFINE, averaging_constant=0.2)
    for piece in x:
        observer.observe(piece)
    found, expected = observer.calculate_qparams(), ema(x, AFFINE, 0.2, 8)
    assert (found.scale, found.zero_point) == (expected.scale, expected.zero_point)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(MinMaxObserver, TorchMinMax), (EMAObserver, TorchEMA)]
)
@pytest.mark.parametrize("symmetric", [True, False])
def test_torchs_observers_agree(ours, theirs, symmetric: bool) -> None:
    x = np.random.default_rng(3).normal(0.3, 1, (20, 64)).astype(np.float32)
    if symmetric:  # torch calls it affine or symmetric, and takes narrow codes as limits
        spec = QuantSpec(bits=8)
        limits = {"qscheme": torch.per_tensor_symmetric, "dtype": torch.qint8}
        reference = theirs(quant_min=-127, quant_max=127, **limits)
    else:
        spec, reference = AFFINE, theirs(dtype=torch.quint8)
    observer = ours(spec)
    for piece in x:
        observer.observe(piece)
        reference(torch.from_numpy(piece))
    scale, zero_point = reference.calculate_qparams()
    found = observer.calculate_qparams()
    np.testing.assert_allclose(found.scale, scale.item(), rtol=40 * 2.0**-24)  # 40 roundings
    assert found.zero_point == zero_point.item()


@pytest.mark.parametrize("c", [0.0, -1.0, 1.5, float("nan")])
def test_an_averaging_constant_outside_0_to_1_is_refused(c: float) -> None:
    with pytest.raises(ValueError, match="EMAObserver: averaging_constant must lie in 0 … 1"):
        EMAObserver(AFFINE, c)


@pytest.mark.parametrize("name", OBSERVERS)
@pytest.mark.parametrize("spec", [None, 8, QuantSpec])
def test_what_is_no_spec_is_refused_at_once(name, spec) -> None:
    kind = OBSERVERS[name]
    with unchecked(), pytest.raises(TypeError, match=f"^{kind.__name__}: spec must be a QuantSpec"):
        kind(spec)
