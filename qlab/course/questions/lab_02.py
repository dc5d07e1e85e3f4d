"""Lab 02, the affine quantizer: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="Three bits, signed and symmetric. How many levels does the grid have?",
        options={
            "3": "Three is the number of bits.",
            "7": "The codes run from −3 to 3. The eighth code, −4, stays unused.",
            "8": "Eight codes there are; a grid that mirrors itself around zero uses an odd number "
            "of them.",
        },
        right="7",
    ),
    Item(
        question="The zero point of a grid is z. Which code does x = 0 get, and what comes back?",
        options={
            "Code 0, and 0 comes back.": "Only where z = 0, that is on a symmetric grid.",
            "Code z, and exactly 0 comes back.": "round(0/s) + z = z, and (z − z)·s = 0. Padding "
            "and pruned weights rely on it.",
            "Code z, and something near 0 comes back.": "The zero point is an integer, so nothing "
            "is lost there.",
        },
        right="Code z, and exactly 0 comes back.",
    ),
    Number(
        question="A range from −1 to 1.55 is written with 8 bits. How large is one step?",
        right=0.01,
        tolerance=0.00002,
        explanation="2.55/255 = 0.01. With 2.55/256 = 0.00996 the last level would be 1.54.",
    ),
)

EXPLAIN = (
    Number(
        question="The second row of `W` above, by itself, asymmetrically, 3 bits: its range is "
        "−1.5 to 0.9, the codes run from −4 to 3. What is the scale?",
        right=2.4 / 7,
        tolerance=0.001,
        explanation="2.4/7 = 0.343. The zero point is round(−4 + 1.5/0.343) = round(0.375) = 0, so "
        "code 0 means 0. Check it with `QuantSpec(bits=3, symmetric=False)`.",
    ),
    Item(
        question="At 3 bits the range method MSE clips the largest weights, and the error becomes "
        "smaller. Why?",
        options={
            "Clipped weights do not count.": "They count, with all of their error.",
            "A few weights err more, and all others less, as the step is smaller.": "From smallest "
            "to largest the SQNR is 4.02 dB, with the MSE range 11.64 dB.",
            "It has more levels.": "It has the same seven, nearer to each other.",
        },
        right="A few weights err more, and all others less, as the step is smaller.",
    ),
    Number(
        question="Rounding toward zero errs by up to a whole step instead of half of one. How much "
        "does that cost on a fine grid?",
        right=6.02,
        tolerance=0.1,
        unit="dB",
        explanation="The mean squared error is s²/3 instead of s²/12, four times as much: 10·log₁₀ "
        "4 = 6.02 dB, the price of a whole bit.",
    ),
    Ask(
        question="A network was fake-quantized to 4 bits. A colleague finds it neither smaller in "
        "memory nor faster. What do you tell them?",
        model="Nothing is wrong. The values lie on 15 levels, but each is still a float32, and is "
        "multiplied as one; the simulation only says what accuracy to expect. Bytes fall when the "
        "codes are packed, scales counted; time falls when integer arithmetic uses the codes.",
    ),
)
