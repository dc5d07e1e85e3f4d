"""Lab 11, packing and entropy coding: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Number(
        question="11 codes of 3 bits are laid side by side. How many bytes do they take?",
        right=5,
        tolerance=0,
        unit="bytes",
        explanation="33 bits are 4.125 bytes, and a byte that is begun is a byte: 5. In a byte "
        "each they would take 11.",
    ),
    Item(
        question="A layer was rounded to 16 levels, each weight is still a float32. How long is "
        "its array in memory?",
        options={
            "An eighth of what it was.": "Only once codes of 4 bits are stored in its place.",
            "As long as it was.": "A float32 takes 4 bytes, whatever its value is. Few different "
            "values can be written shorter; nobody has done so yet.",
            "A quarter of what it was.": "That would be one byte a weight, and these are floats.",
        },
        right="As long as it was.",
    ),
    Number(
        question="Four symbols occur with the shares 1/2, 1/4, 1/8, 1/8. How many bits does one "
        "take at least, on average?",
        right=1.75,
        tolerance=0.001,
        unit="bits",
        explanation="1/2·1 + 1/4·2 + 1/8·3 + 1/8·3 = 1.75. Words of 1, 2, 3 and 3 bits do that.",
    ),
)

EXPLAIN = (
    Number(
        question="Three levels; one holds 99 % of the weights, the two others half a percent each. "
        "How many bits do Huffman's words take, on average?",
        right=1.01,
        tolerance=0.001,
        unit="bits",
        explanation="Words of 1, 2 and 2 bits: 0.99 + 0.02 = 1.01. The entropy is 0.0908: no word "
        "is shorter than one bit, whatever the share.",
    ),
    Item(
        question="Even steps of 5 bits and a k-means table of 4 bits, on `fc2`: packed, the table "
        "is the better bargain. With Huffman's words it is not. Why?",
        options={
            "The table has to be stored.": "64 bytes beside 13,000: that is not it.",
            "k-means makes the codes about equally frequent.": "It spends levels where weights "
            "are. What is left for short words is the difference of the shares, and that it has "
            "used up: 3.63 bits of 4, against 3.27 of 5.",
            "Huffman codes need even steps.": "They see codes and counts, and never a level.",
        },
        right="k-means makes the codes about equally frequent.",
    ),
    Number(
        question="A bitmap takes one bit for every weight. Of a layer with 99 % zeros the others "
        "have 4 bits each. What share of the file is the bitmap, scale apart?",
        right=100 / 1.04,
        tolerance=0.5,
        unit="%",
        explanation="1 bit a weight for the mask, 0.01·4 = 0.04 for the codes: 1/1.04 = 96 %. Gaps "
        "are paid only where a weight is.",
    ),
    Ask(
        question="“We quantized to 8 bits for a smaller and faster model.” Which five numbers do "
        "you ask for, and which of them did rounding alone change?",
        model="Bytes in memory, bytes packed, bytes entropy-coded, operations, time. Rounding "
        "changes none of them: the array is float32 as before, with as many products, in the same "
        "time. Packing makes the file short, a code of words shorter, both with their tables "
        "counted, and both have to be undone before anyone computes, which takes time. Fewer "
        "operations need whole rows to go; less time needs a kernel that works on the codes.",
    ),
)
