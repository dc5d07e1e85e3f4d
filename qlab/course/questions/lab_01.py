"""Lab 01, number grids: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="Eight bits make 2^8 = 256 codes. How many steps lie between the first level and "
        "the last?",
        options={
            "8": "8 is the number of bits; each doubles the number of codes.",
            "255": "256 posts of a fence have 255 gaps between them.",
            "256": "256 is the number of levels. Between two levels lies one gap, not two.",
        },
        right="255",
    ),
    Item(
        question="In a floating-point format, what happens to the gap between neighbours when the "
        "numbers become twice as large?",
        options={
            "It stays.": "That is an integer grid, or fixed point: the same gap everywhere.",
            "It doubles.": "Each power of two holds the same number of levels, in twice the space.",
            "It halves.": "The other way round: floats are finest near zero.",
        },
        right="It doubles.",
    ),
    Number(
        question="A range from 0 to 100 is written with 8 bits. How large is one step?",
        right=100 / 255,
        tolerance=0.001,
        explanation="100/255 = 0.392. An article gets 100/8 = 12.5, which would be a grid of nine "
        "levels, and 100/256 = 0.391 further down, with which the last of 256 codes is 99.6.",
    ),
)

EXPLAIN = (
    Item(
        question="E4M3 has 256 codes and 253 levels. Where are the other three?",
        options={
            "Two mean NaN, and two mean zero.": "+0 and −0 are one level, and the highest code of "
            "each sign is NaN: 256 − 1 − 2 = 253.",
            "Two are infinities, and one is NaN.": "E4M3 has no infinities: it gives their codes "
            "to numbers. E5M2 has them, and 247 levels.",
            "They lie below the smallest normal number.": "Those are the subnormal numbers; they "
            "are levels like the others.",
        },
        right="Two mean NaN, and two mean zero.",
    ),
    Number(
        question="What is the largest number of signed fixed point Q3.4, sign not counted?",
        right=7.9375,
        tolerance=0.00005,
        explanation="The codes of 8 bits end at 127, and 127/2^4 = 2^3 − 2^(−4) = 7.9375.",
    ),
    Item(
        question="An article computes the number of bits as log2(range / step). What is wrong?",
        options={
            "Nothing.": "It would be near the truth if the step were known; but the step is what "
            "the bits are needed for.",
            "The step comes from the bits, so neither can come first.": "Choose the bits (from the "
            "hardware, the budget, the accuracy); then the step is range/(2^bits − 1). The "
            "article's code ends in a NameError at that line.",
            "It should be the natural logarithm.": "Bits are powers of two. The trouble is what "
            "stands inside.",
        },
        right="The step comes from the bits, so neither can come first.",
    ),
    Ask(
        question="On the weights of fc1, 8-bit integers from −0.34 to 0.34 have a better SQNR than "
        "E4M3, and 8-bit integers from −3 to 3 a worse one. Why?",
        model="The even grid has the same error for all weights, about step/√12, so everything "
        "depends on the range: it is better while the range fits and loses 6 dB with each "
        "doubling of it. The error of E4M3 is in proportion to each weight (about 1/16 of it at "
        "most), whatever the range, until weights fall among its subnormal numbers.",
    ),
)
