"""The lines of qlab that print what the Integer instrument shows."""

from qlab.live.integer_state import IntegerResult, IntegerState


def code(s: IntegerState, r: IntegerResult) -> str:
    """Write them."""
    w, a = s.weight_bits, s.activation_bits
    more = ", ".join(f"{name}={value!r}" for name, value in s.arithmetic().items())
    return f"""import qlab
from qlab.core import PerAxis, QuantSpec
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
spec, acting = QuantSpec(bits={w}, granularity=PerAxis(0)), \
QuantSpec(bits={a}, signed=False, symmetric=False)
base = qlab.networks.IntegerNetwork.from_calibration(net, mnist.calibration, spec, acting)
small = base.with_arithmetic({more})
nets = {{"accuracy": small, "simulated_accuracy": base.simulated, "float_accuracy": net}}
y = {{name: n.predict(mnist.test.images).argmax(1) for name, n in nets.items()}}
for name, classes in y.items():
    print(name, (classes == mnist.test.labels).mean())
print("same", (y["accuracy"] == y["simulated_accuracy"]).mean())
counts = small.count(mnist.test.images).values()
total = sum(c.accumulators for c in counts)
print("overflows", sum(c.overflows for c in counts) / total)
print("saturated", sum(c.saturated for c in counts) / total)
print("needed", base.count(mnist.test.images)["{s.layer}"].bits)
layer = next(k for k in small.integer_layers if k.name == "{s.layer}")
print("worst_case", qlab.networks.bits_for(*layer.extremes))
q = small.encode(mnist.test[{s.image}:{s.image + 1}].images)
walk = qlab.networks.follow(layer, small.enter("{s.layer}", q), {r.walk.output})
print("accumulator", walk.registers[-1], "\\ncode", walk.code)
"""
