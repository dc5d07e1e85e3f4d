"""What the Quantize instrument says about a method, beside its controls."""

from qlab.live.quantize_state import BATCH, QuantizeState

FOLDS = {
    "smoothquant": "<b>SmoothQuant.</b> Input j of a layer is divided by t<sub>j</sub> = "
    "√(max|X<sub>j</sub>| / max|W<sub>j</sub>|), found on 1,024 images, and its weights are "
    "multiplied by it: the same function. What is rounded is X/t and W·t. The layer before "
    "divides, once and for all; images stay as they are. For weights alone this is a loss: "
    "quantize activations, too.",
    "awq": "<b>AWQ.</b> Inputs that are large on average are divided by factors, and their weights "
    "multiplied, so that these are rounded more finely: the same function. The layer before "
    "divides, once and for all, and activations are quantized as they are then; images stay as "
    "they are.",
}
INPUTS = {
    "batch": f"<b>Per batch.</b> {BATCH} images share a range, found as they pass: nothing was "
    "calibrated, and what one image gets depends on the others.",
    "row": "<b>Per image.</b> Each row that enters a layer has a scale of its own, found as it "
    "passes. It multiplies a whole sum, so integers can do it.",
}


def note(s: QuantizeState) -> str:
    """Explain what is set where its name alone says too little; HTML, empty for most settings."""
    told = [FOLDS.get(s.fold(), "")]
    told += [INPUTS.get(s.input_range, "")] if "input_range" in s.used() else []
    return "".join(f'<p class="qlab-caption">{words}</p>' for words in told if words)
