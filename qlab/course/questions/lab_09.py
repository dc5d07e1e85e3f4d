"""Lab 09, quantization-aware training: before it and after it."""

from typing import Any

from qlab.course.quiz import Ask, Item, Number
from qlab.metrics import within_noise

GRIDS = ("LSQ", "minmax", "no difference beyond noise")


def better_grid(bench: Any) -> str:
    """Say which of ``GRIDS`` holds for weights of 2 bits, by the instrument's stored table."""
    one, other = (bench.table.mean(method, 2, None) for method in ("lsq", "straight_through"))
    if within_noise(one, other):
        return GRIDS[2]
    return GRIDS[0] if one.value < other.value else GRIDS[1]


WARM_UP = (
    Item(
        question="A weight is rounded to the nearest multiple of 0.5. It moves from 0.60 to 0.61. "
        "By how much does its rounded value move?",
        options={
            "0.01": "That would be so without rounding. It is what training will pretend.",
            "0": "Both are rounded to 0.5. So it is almost everywhere, and a gradient that asks "
            "what a small step changes hears: nothing.",
            "0.5": "That happens at 0.75, in one jump, and nowhere else nearby.",
        },
        right="0",
    ),
    Item(
        question="The largest weight is clipped to the last level. The weight grows a little more. "
        "What becomes of its rounded value, rounding apart?",
        options={
            "It stays: clipped is clipped.": "So its slope is 0, rounding or not. That is why "
            "the pretended gradient has a window.",
            "It grows as well.": "Inside the grid it would, if rounding were not there.",
            "It wraps around.": "A cast would do that. A clip holds it at the end.",
        },
        right="It stays: clipped is clipped.",
    ),
    Number(
        question="A weight lies 0.05 below the next jump, and each step of training moves it by "
        "0.001. After how many steps does its code change?",
        right=50,
        tolerance=0.5,
        explanation="0.05/0.001 = 50. Until then nothing but the float weight knows that "
        "anything happened.",
    ),
)

EXPLAIN = (
    Number(
        question="LSQ, step 0.5, codes −3 to 3. What does a weight of 0.7 say to the step, ∂ŵ/∂s?",
        right=-0.4,
        tolerance=0.001,
        explanation="y = 0.7/0.5 = 1.4, round(1.4) − 1.4 = −0.4. A weight of 1.8, clipped to the "
        "code 3, says 3.",
    ),
    Number(
        question="The 30,000 weights of fc2 share one step; 3 bits, so Qp = 3. How large is g?",
        right=0.003333,
        tolerance=0.00002,
        explanation="1/√(30,000 · 3) = 1/300 = 0.00333. Without it the step would get the sum of "
        "30,000 opinions, and run away from the weights.",
    ),
    Item(
        question="Weights of 2 bits, trained by the same recipe: with LSQ 2.24 % errors, on a grid "
        "that covers the largest weight (straight-through, minmax) 8.08 %. Why?",
        options={
            "Straight-through is a worse gradient.": "Inside the grid both have the slope 1.",
            "On the wide grid 99.4 % of fc2's weights stand on 0, and few ever leave it.": "Its "
            "step is 0.486, and the median weight has 202 steps of the learning rate to the next "
            "jump; with LSQ 36. A step that may shrink is worth more than an open window.",
            "LSQ has more levels.": "Both have three.",
        },
        right="On the wide grid 99.4 % of fc2's weights stand on 0, and few ever leave it.",
    ),
    Ask(
        question="A colleague rounds the weights after every step of the optimizer and trains on "
        "with the rounded ones. The loss does not fall. What do you tell them?",
        model="Each step is far smaller than half a gap, so rounding takes it back, and the next "
        "one starts at the same level: nothing is ever collected. Keep the float weights, use "
        "their rounded values forward, and move the float ones by the gradient at the rounded "
        "ones. Round for good when the training is over.",
    ),
)
