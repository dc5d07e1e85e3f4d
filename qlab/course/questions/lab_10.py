"""Lab 10, codebooks, ternary, binary: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="Lloyd's iterations have come to rest: no weight changes its level, no level "
        "moves. What do you know?",
        options={
            "The table is the best one.": "It may be; but tables that are far from it are at rest, "
            "too.",
            "Neither half-step makes the error smaller.": "And that is all. Levels and codes fit "
            "each other; another pair may fit the weights better.",
            "Every start would have ended here.": "Starts end in different places, as you will "
            "see.",
        },
        right="Neither half-step makes the error smaller.",
    ),
    Item(
        question="A weight is 2^(−3). How does a processor multiply the integer x by it?",
        options={
            "It shifts x by three places.": "x · 2^(−3) is x with its bits moved three places to "
            "the right: no multiplier is needed.",
            "It adds x three times.": "That is 3x. A power of two moves the point.",
            "It looks the product up.": "It could; a shift is simpler.",
        },
        right="It shifts x by three places.",
    ),
    Number(
        question="A table of 16 levels is stored as float32. A layer with 300 rows has one for "
        "each row. How many bytes do the tables take?",
        right=19_200,
        unit="bytes",
        explanation="300 · 16 · 4 = 19,200. One table for the whole layer is 64 bytes.",
    ),
)

EXPLAIN = (
    Number(
        question="Normal weights are replaced by their sign times the best α. What SQNR is left?",
        right=4.396,
        tolerance=0.05,
        unit="dB",
        explanation="α = mean|w| = σ·√(2/π), so the error is σ²(1 − 2/π), 36 % of the energy: "
        "−10·log10(0.363) = 4.4 dB. On `fc1`, with its tails, it is 3.43 dB.",
    ),
    Item(
        question="From even steps, Lloyd's iterations find the best table of 8 levels for `fc1` "
        "and miss that of 64 by 2.5 dB. What goes wrong with more levels?",
        options={
            "They were stopped too early.": "They ran until nothing moved.",
            "Too many levels stay in the tails, where they began.": "Even steps put many levels "
            "where few weights are. Each keeps its handful, and no half-step can send it to the "
            "crowded middle.",
            "Small gaps round worse.": "The error of each weight is smaller than before; it could "
            "have been smaller still.",
        },
        right="Too many levels stay in the tails, where they began.",
    ),
    Number(
        question="NF4 has codes of 4 bits and a float32 scale for every 64 weights. How many bits "
        "does a weight take, all told?",
        right=4.5,
        tolerance=0.001,
        unit="bits",
        explanation="4 + 32/64 = 4.5, where 64 divides the row. The paper codes the scales once "
        "more, in 8 bits with a float32 for every 256 of them: 4 + 8/64 + 32/(64·256) = 4.127.",
    ),
    Ask(
        question="A table of 4 levels and the three values of TWN both take 2 bits a weight. On "
        "LeNet-300-100, not trained again, the one keeps 95.6 % and the other 87.9 %. Why would "
        "anybody take three values?",
        model="The fourth code of TWN is paid for and never used, and −α, 0, α are less free than "
        "four levels anywhere. But products with them are additions, subtractions, or nothing at "
        "all; zeros can be skipped; three values need log2 3 = 1.58 bits if packed well. And a "
        "network trained with them gets most of the loss back.",
    ),
)
