"""The lines of qlab that print what the Quantize instrument shows."""

from qlab.core import PerTensor, QuantSpec
from qlab.live.quantize_state import (
    GRANULARITIES,
    OWN,
    REPAIR_IMAGES,
    REPAIR_OPTIONS,
    UNSCALED,
    QuantizeState,
)

FOLDS = {  # the float network that is rounded
    "none": "",
    "equalization": "base = qlab.networks.equalize(net)\n",
    "smoothquant": "base = qlab.networks.fold_smoothquant(net, mnist.calibration)\n",
    "awq": "base = qlab.networks.fold_awq(\n    net, spec, mnist.calibration"
    f"[:{REPAIR_IMAGES}], method=qlab.ranges.METHOD)\n",
}


def code_of(s: QuantizeState) -> str:
    """Write the lines that print the numbers of a state."""
    base = "net" if s.fold() == "none" else "base"
    bits = f"dict.fromkeys(small.{'codes' if s.grid == 'affine' else 'coded'}, {s.width()})"
    acting, biases, inputs = _acting(s, base), s.bias_spec(), s.input_spec()
    infers = "acting" if acting else "small.network"
    batch = f", {s.batch_size()}" if s.batch_size() else ""
    saved, less = "", ""
    if biases:
        spec = f"qlab.networks.bytes_biases(net, {_spec(biases)})"
        saved, less = f"saved = small.bytes.biases - {spec}\n", " - saved"
    packages = "functools, qlab" if s.rounds_itself() else "qlab"
    packages = "numpy as np, qlab" if s.stochastic() else packages
    return f"""import {packages}
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
{_small(s, base)}{acting}
was, now = (n.predict(mnist.test.images{batch}).argmax(1) for n in (net, {infers}))
before, after = ((x == mnist.test.labels).mean() for x in (was, now))
print("accuracy", after, "\\nfloat_accuracy", before, "\\nchange", after - before)
errors = qlab.networks.weight_errors({base}, small)
print("flipped", (was != now).mean(), "\\nsqnr", errors.sqnr, "\\nmse", errors.mse)
{saved}dense, size = qlab.metrics.bytes_dense(net).total, small.bytes.total{less}
print("bytes_memory", dense, "\\nbytes", size, "\\nratio", dense / size)
print("bytes_huffman", qlab.networks.bytes_huffman(small).total{less})
bits = qlab.networks.network_bit_operations(net, {bits}, {inputs.bits if inputs else 32})
print("macs", net.summary().macs, "\\nbit_operations", bits)
"""


def _small(s: QuantizeState, base: str) -> str:
    """Write the lines that make the quantized network."""
    layers = "" if s.layer == "all" else f', layers=["{s.layer}"]'
    if s.grid != "affine":
        given = f"bits={s.width()}"
        if s.granularity != OWN and s.grid not in UNSCALED:
            given += f", granularity=qlab.core.{GRANULARITIES[s.granularity][1]!r}"
        method = f'method = qlab.codebooks.METHODS["{s.grid}"]\n'
        return f"{method}small = qlab.networks.code_weights(net, method{layers}, {given})"
    spec = f"spec = {_spec(s.spec())}\n"
    if s.rounds_itself():
        options = "".join(f", {k}={v}" for k, v in REPAIR_OPTIONS.get(s.repair, {}).items())
        function = f'qlab.ptq.METHODS["{s.repair}"]'
        return (
            f"{spec}method = functools.partial(\n"
            f"    {function}, method=qlab.ranges.{s.method}{options})\n"
            "small = qlab.networks.repair(\n"
            f"    net, spec, method, mnist.calibration[:{REPAIR_IMAGES}]{layers})"
        )
    rounding = "" if s.rounding == "nearest" else f",\n    qlab.core.{s.rounding}"
    rounding += "(np.random.default_rng(0))" if s.stochastic() else ""
    fold = FOLDS[s.fold()].replace("METHOD", s.method)
    made = f"small = qlab.networks.quantize_weights({base}, spec, qlab.ranges.{s.method}"
    return f"{spec}{fold}{made}{rounding}{layers})"


def _acting(s: QuantizeState, base: str) -> str:
    """Write the lines that make the network that infers, none where it is that of the weights."""
    inputs, outputs, biases = s.input_spec(), s.output_spec(), s.bias_spec()
    dynamic = inputs is not None and s.input_range != "static"
    given = {} if dynamic or inputs is None else {"inputs": inputs}
    given |= {"outputs": outputs} if outputs else {}
    net, lines = "small.network", ""
    if biases:
        lines += (
            f"\nacting = qlab.networks.quantize_whole(\n"
            f"    {net}, mnist.calibration, biases={_spec(biases)})"
        )
        net = "acting"
    if given:
        words = ",\n    ".join(f"{name}={_spec(spec)}" for name, spec in given.items())
        lines += (
            f"\nacting = qlab.networks.quantize_whole({base}, mnist.calibration,\n    {words}\n"
            f").with_weights({net}.weights, {net}.biases)"
        )
        net = "acting"
    if dynamic and inputs:
        words = _spec(inputs).replace("(", "(\n    ", 1)
        lines += f"\nacting = qlab.networks.quantize_dynamically({net}, {words})"
    return lines


def _spec(spec: QuantSpec) -> str:
    """Write a spec, what is as always left out."""
    given = f"bits={spec.bits}"
    given += "" if spec.signed else ", signed=False"
    given += "" if spec.symmetric else ", symmetric=False"
    if spec.granularity != PerTensor():
        given += f", granularity=qlab.core.{spec.granularity!r}"
    return f"qlab.core.QuantSpec({given})"
