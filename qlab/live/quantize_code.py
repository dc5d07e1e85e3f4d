"""The lines of qlab that print what the Quantize instrument shows."""

from qlab.live.quantize_state import (
    GRANULARITIES,
    OWN,
    REPAIR_IMAGES,
    REPAIR_OPTIONS,
    UNSCALED,
    QuantizeState,
)


def code_of(s: QuantizeState) -> str:
    """Write the lines that print the numbers of a state."""
    acting = "acting = small.network"
    if s.activation_bits != "float":
        acting = (
            "acting = qlab.networks.quantize_activations(net, mnist.calibration, qlab.core."
            f"QuantSpec(bits={s.activation_bits}, signed=False, symmetric=False)"
            ").with_weights(small.network.weights, small.network.biases)"
        )
    act = 32 if s.activation_bits == "float" else s.activation_bits
    words = "sum(len(qlab.coding.huffman_encode(q)) for q in codes.values())"
    if s.grid == "identity":
        words = "size.codes"  # more different codes than a table has room for
    return f"""import functools, numpy as np, qlab
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
{_small(s)}
{acting}
W, W_hat = (np.concatenate([n.weights[k].ravel() for k in codes]) for n in (net, small.network))
was, now = (n.predict(mnist.test.images) for n in (net, acting))
before, after = (qlab.metrics.accuracy(x, mnist.test).value for x in (was, now))
print("accuracy", after, "\\nfloat_accuracy", before, "\\nchange", after - before)
print("flipped", (was.argmax(1) != now.argmax(1)).mean())
print("sqnr", qlab.metrics.sqnr(W, W_hat), "\\nmse", qlab.metrics.mse(W, W_hat))
size, dense = qlab.metrics.bytes_packed(small.network, stored), qlab.metrics.bytes_dense(net)
print("bytes_memory", dense.total, "\\nbytes", size.total + more)
print("ratio", dense.total / (size.total + more))
print("bytes_huffman", size.total + more - size.codes + {words})
macs = {{k: net.layer(k).macs(net.shapes[net.index(k)]) for k in net.weights}}
bits = {{k: {s.width()} if k in codes else 32 for k in macs}}
print("macs", sum(macs.values()), "\\nbit_operations", sum(macs[k] * bits[k] * {act} for k in macs))
"""


def _small(s: QuantizeState) -> str:
    """Write the lines that make the quantized network."""
    layers = None if s.layer == "all" else [s.layer]
    if s.grid != "affine":
        given = f"bits={s.width()}"
        if s.granularity != OWN and s.grid not in UNSCALED:
            given += f", granularity=qlab.core.{GRANULARITIES[s.granularity][1]!r}"
        return (
            f'small = qlab.networks.code_weights(net, qlab.codebooks.METHODS["{s.grid}"], '
            f"{layers}, {given})\n"
            "stored, codes, more = small.coded, {k: c.codes for k, c in small.coded.items()}, 0"
        )
    spec = (
        f"spec = qlab.core.QuantSpec(bits={s.bits}, symmetric={s.symmetric}, "
        f"granularity=qlab.core.{GRANULARITIES[s.granularity][1]!r})\n"
    )
    if not s.rounds_itself():
        rounding = (
            "qlab.core.stochastic(np.random.default_rng(0))"
            if s.rounding == "stochastic"
            else f"qlab.core.{s.rounding}"
        )
        even = "net = qlab.networks.equalize(net)\n" if s.equalized() else ""
        return (
            f"{even}{spec}small = qlab.networks.quantize_weights("
            f"net, spec, qlab.ranges.{s.method}, {rounding}, {layers})\n"
            "stored, codes, more = small.qparams, small.codes, 0"
        )
    options = "".join(f", {k}={v}" for k, v in REPAIR_OPTIONS.get(s.repair, {}).items())
    return (
        f'{spec}method = functools.partial(qlab.ptq.METHODS["{s.repair}"], '
        f"method=qlab.ranges.{s.method}{options})\n"
        f"small = qlab.networks.repair(net, spec, method, mnist.calibration[:{REPAIR_IMAGES}], "
        f"{layers})\n"
        "stored, codes = small.qparams, small.codes\n"
        "beside = [a for r in small.repaired.values() for a in (r.offset, r.input_scale)]\n"
        "more = 4 * sum(a.size for a in beside if a is not None)"
    )
