"""Settings of the Allocate instrument worth looking at; tests hold each lesson to its numbers."""

from qlab.live.instrument import Preset


def _preset(name: str, lesson: str, bits: str, **values: object) -> Preset:
    layers = ("fc1", "fc2", "fc3") if len(bits) == 3 else ("conv1", "conv2", "fc1", "fc2")
    network = "lenet_300_100" if len(bits) == 3 else "lenet_5"
    given = {f"bits_{layer}": int(b) for layer, b in zip(layers, bits, strict=True)}
    return Preset(name, {"network": network, **values, **given}, lesson)


PRESETS = (
    _preset(
        "250 bytes where they count",
        "Two bits everywhere, but for the last layer, which gets four: 1,000 weights of 266,200. "
        "The accuracy rises by more than noise. Which layer would you have paid first?",
        "224",
    ),
    _preset(
        "The best sum is not the best network",
        "Exact finds the least sum of losses that the budget allows, and greedy stops at a worse "
        "one; yet greedy's network is better on all images. Each loss was measured with the other "
        "layers float: they do not add up.",
        "247",
    ),
    _preset(
        "Four layers, two bits and a quarter",
        "LeNet-5's first layer has 500 weights and cannot live on two bits; fc1 has 400,000 and "
        "can. Eight bits for the one cost 375 bytes, and the whole network is as good as float.",
        "8428",
    ),
    _preset(
        "As good as three bits, a quarter smaller",
        "Uniform needs three bits for this accuracy; mixed, the same network takes 43,000 bytes "
        "less. A budget buys accuracy or bytes: look along the front, not at one point.",
        "8428",
        budget=3.0,
    ),
    _preset(
        "Operations are another budget",
        "Counted in bit operations, the dear layer is conv2: 25,000 weights, each used at 64 "
        "places. What was cheap in bytes is not cheap in time; the best allocation is another one.",
        "4238",
        unit="operations",
        budget=2.5,
    ),
    _preset(
        "A budget that nothing meets",
        "Below one bit a weight there is no grid to choose: the page says the smallest budget that "
        "can be met. Less than that takes pruning, sharing or entropy coding.",
        "111",
        budget=0.75,
    ),
)
