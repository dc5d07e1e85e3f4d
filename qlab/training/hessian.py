"""The trace of the loss's Hessian by each layer's weights: by probes, and exactly.

    tr(H) = E[vᵀ·H·v],  v of random signs                                               (1)
    H·v = ∂(∂L/∂W · v)/∂W                       two passes back, H itself is never there   (2)
    tr(H_l) = mean over images of Σ_c p_c · ‖∂(−log p_c)/∂W_l‖²                           (3)

(1) is Hutchinson's estimate, for any loss. All layers are probed at once: signs of different layers
are independent, so what they share is zero on average. (3) is exact wherever the logits are
piecewise linear in the weights of one layer, as with Linear, Conv2d, ReLU and MaxPool2d: the
Hessian is Jᵀ·(diag(p) − p·pᵀ)·J there, and labels do not matter. It takes a pass a class.

Source: Dong et al. 2019, arXiv:1911.03852 (HAWQ-V2); Hutchinson 1989; (3) is the trace of the
Fisher information, Martens 2014, arXiv:1412.1193.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from qlab.networks import Network, Trace
from qlab.networks.arguments import Chooser, calibrated
from qlab.training.module import to_module

BATCH = 256  # images at a time


def hutchinson_traces(
    net: Network, calibration: Chooser, probes: int = 32, seed: int = 0
) -> dict[str, Trace]:
    """Estimate the trace of each layer from random signs, equations 1 and 2.

    Parameters
    ----------
    net
        Left as it is.
    calibration
        Images that may choose.
    probes
        Vectors of signs, at least 2. The standard error falls with their root.
    seed
        Of the signs.

    Returns
    -------
    dict
        By layer; ``deviation`` is the standard error of the mean over probes.

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        Fewer than two probes; images of the test split, or none.

    Examples
    --------
    >>> import qlab
    >>> net, mnist = qlab.networks.load("mlp_784_128_10"), qlab.data.load("mnist")
    >>> some = mnist.calibration[:100]
    >>> found, exact = hutchinson_traces(net, some)["fc2"], hessian_traces(net, some)["fc2"]
    >>> abs(found.value - exact.value) < 5 * found.deviation
    True
    """
    if probes < 2:
        raise ValueError(f"hutchinson_traces: probes must be at least 2, got probes={probes}.")
    module, images, labels = _ready("hutchinson_traces", net, calibration)
    generator = torch.Generator().manual_seed(seed)
    weights = _weights(module, net)
    seen = np.zeros((probes, len(weights)))
    for k in range(probes):
        signs = [
            (torch.randint(0, 2, W.shape, generator=generator) * 2 - 1).to(W.dtype)
            for W in weights.values()
        ]
        for i in range(0, len(images), BATCH):
            loss = F.cross_entropy(
                module(images[i : i + BATCH]), labels[i : i + BATCH], reduction="sum"
            ) / len(images)
            seen[k] += quadratic_forms(loss, list(weights.values()), signs)
    deviation = seen.std(axis=0, ddof=1) / np.sqrt(probes)
    return {
        name: Trace(float(seen[:, at].mean()), W.numel(), float(deviation[at]))
        for at, (name, W) in enumerate(weights.items())
    }


def quadratic_forms(
    loss: torch.Tensor, weights: list[nn.Parameter], v: list[torch.Tensor]
) -> list[float]:
    """Return v_l · (H·v)_l of each layer, equation 2.

    Parameters
    ----------
    loss
        One number that the weights lead to.
    weights
        By which H differentiates.
    v
        A vector for each, of its shape.

    Examples
    --------
    >>> w = nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> quadratic_forms((w**2).sum(), [w], [torch.tensor([1.0, -1.0])])     # H = 2·I
    [4.0]
    """
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    along = sum(((g * u).sum() for g, u in zip(gradients, v, strict=True)), torch.zeros(()))
    Hv = torch.autograd.grad(along, weights)  # (2)
    return [float((u * h).sum()) for u, h in zip(v, Hv, strict=True)]


def hessian_traces(net: Network, calibration: Chooser) -> dict[str, Trace]:
    """Return the trace of each layer exactly, equation 3.

    Parameters
    ----------
    net
        Of layers that are linear or piecewise linear.
    calibration
        Images that may choose.

    Returns
    -------
    dict
        By layer; ``deviation`` is 0.

    Raises
    ------
    TypeError
        If `calibration` is no split.
    ValueError
        Images of the test split, or none.

    Examples
    --------
    >>> import qlab
    >>> net, mnist = qlab.networks.load("mlp_784_128_10"), qlab.data.load("mnist")
    >>> some = mnist.calibration[:100]
    >>> trace = hessian_traces(net, some)["fc2"].value
    >>> abs(trace / qlab.networks.last_layer_trace(net, some).value - 1) < 1e-5
    True
    """
    module, images, _ = _ready("hessian_traces", net, calibration)
    layers = {name: module.get_submodule(name) for name in net.weights}
    entered: dict[str, torch.Tensor] = {}
    left: dict[str, torch.Tensor] = {}

    def keep(name: str, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        entered[name], left[name] = given[0].detach(), out

    hooks = [
        layer.register_forward_hook(lambda _, given, out, name=name: keep(name, given, out))
        for name, layer in layers.items()
    ]
    totals = dict.fromkeys(layers, 0.0)
    for i in range(0, len(images), BATCH):
        log_p = F.log_softmax(module(images[i : i + BATCH]), dim=1)
        p = log_p.detach().exp()
        x = {name: _columns(layer, entered[name]) for name, layer in layers.items()}
        for c in range(p.shape[1]):
            δ = torch.autograd.grad(-log_p[:, c].sum(), list(left.values()), retain_graph=True)
            for name, d in zip(layers, δ, strict=True):
                totals[name] += float((p[:, c] * _squared_gradients(x[name], d)).sum())  # (3)
    for hook in hooks:
        hook.remove()
    return {name: Trace(totals[name] / len(images), W.size) for name, W in net.weights.items()}


def _columns(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what a layer's weights are multiplied by: the inputs, or a column a place."""
    if isinstance(layer, nn.Conv2d):
        kernel, stride, padding = layer.kernel_size, layer.stride, layer.padding
        return F.unfold(x, kernel, 1, padding, stride)  # type: ignore[arg-type]
    return x


def _squared_gradients(x: torch.Tensor, δ: torch.Tensor) -> torch.Tensor:
    """Return ‖∂/∂W‖² of each image from what a layer's weights see and what comes back."""
    if x.ndim == 3:  # (n, in·kh·kw, places)
        gradient = δ.flatten(2) @ x.transpose(1, 2)  # (n, out, in·kh·kw)
        return (gradient * gradient).sum(dim=(1, 2))
    return (δ * δ).sum(dim=1) * (x * x).sum(dim=1)  # ‖δ·xᵀ‖² = ‖δ‖²·‖x‖²


def _ready(
    function: str, net: Network, calibration: Chooser
) -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    images, labels = calibrated(function, calibration, "find the curvature of the loss")
    module = to_module(net).eval()
    return module, torch.from_numpy(images.copy()), torch.from_numpy(labels.copy())


def _weights(module: nn.Module, net: Network) -> dict[str, nn.Parameter]:
    return {name: module.get_parameter(f"{name}.weight") for name in net.weights}
