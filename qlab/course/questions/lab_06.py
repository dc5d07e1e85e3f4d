"""Lab 06, integer-only inference: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Number(
        question="784 products of a code from 0 to 255 and a weight from −127 to 127 are added. "
        "How many bits, with the sign, hold the sum whatever the codes are?",
        right=26,
        tolerance=0,
        unit="bits",
        explanation="784 · 255 · 127 = 25,389,840 lies below 2^25 = 33,554,432, and the sign takes "
        "one more. The weights of a trained layer need less: not all of them are 127.",
    ),
    Item(
        question="Inputs have the scale s_x, weights s_w. In which unit is the bias that is added "
        "to the sum of their products?",
        options={
            "s_w, like the weights.": "The sum counts products, and one product is worth s_x·s_w.",
            "s_x·s_w.": "So the bias is round(b / (s_x·s_w)), in 32 bits: these steps are small, "
            "and it takes many of them.",
            "The scale of the output.": "That comes after the multiplier, the bias before.",
        },
        right="s_x·s_w.",
    ),
    Number(
        question="A sum is to be multiplied by 0.375 on a chip that only adds, multiplies "
        "integers and shifts. 0.375 = m / 2^5: what is m?",
        right=12,
        tolerance=0,
        explanation="12 / 32 = 0.375. With 31 bits instead of 4 it is 1,610,612,736 / 2^32, the "
        "same number: real multipliers need the bits.",
    ),
)

EXPLAIN = (
    Number(
        question="M = 0.0003 becomes M0 / 2^n with an M0 of 31 bits. What is n?",
        right=42,
        tolerance=0,
        explanation="0.0003 = 0.6144 · 2^−11, so M0 = round(0.6144 · 2^31) and n = 31 + 11.",
    ),
    Item(
        question="A register of 20 bits holds more wrong sums where it saturates than where it "
        "wraps, and yet the accuracy on all test images is 98.48 % saturating and 92.80 % "
        "wrapping. Why?",
        options={
            "Saturating rounds better.": "Nothing is rounded in the register; it holds integers.",
            "A wrapped sum comes back with the wrong sign, a saturated one stays large.": "What "
            "was the strongest answer of a neuron becomes the weakest, and behind a rectifier 0. "
            "At the end of the register it is still strong.",
            "Saturating has one bit more.": "Both have 20. They differ in what becomes of a sum "
            "that does not fit.",
        },
        right="A wrapped sum comes back with the wrong sign, a saturated one stays large.",
    ),
    Item(
        question="A sum leaves its register on the way and comes back before the last product. "
        "Which register holds the right sum at the end?",
        options={
            "The one that wraps.": "It counts modulo 2^b: what it loses at one end it wins back at "
            "the other. Only the last sum decides.",
            "The one that saturates.": "It has forgotten by how much it was over, and everything "
            "that is taken off comes off too early.",
            "Both.": "The saturating one has forgotten by how much it was over.",
            "Neither.": "In two's complement a wrap and a wrap back cancel.",
        },
        right="The one that wraps.",
    ),
    Ask(
        question="A colleague exports a network as integers only and says: “Now it needs no "
        "floats, so it is four times as fast.” What do you tell them?",
        model="That no float is left is true and can be checked; that it is fast has to be "
        "measured on the machine it will run on. The codes take a quarter of the bytes. Time falls "
        "only where a kernel multiplies 8-bit codes, several at once; without one they are widened "
        "first and it gets slower, as in NumPy. Zero points, multipliers and shifts are work that "
        "floats do not have. So give both times, from one machine and one run.",
    ),
)
