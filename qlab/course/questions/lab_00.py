"""Lab 00, meters: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="A network is right on 98 of 100 test images. What is its accuracy on all images "
        "of this kind?",
        options={
            "98 %.": "That is the share of these hundred. Another hundred would have another one.",
            "Somewhere near 98 %; nobody knows better than to some points.": "The interval from "
            "93.0 to 99.4 % holds the truth in 95 of 100 draws. How to get it comes next.",
            "A hundred images say nothing.": "They rule out much: 90 %, for instance.",
        },
        right="Somewhere near 98 %; nobody knows better than to some points.",
    ),
    Item(
        question="All weights of a float32 array are rounded to one of 16 values, and stay in a "
        "float32 array. How many bytes does it take now?",
        options={
            "An eighth.": "Sixteen values could be written with four bits each. Nobody did.",
            "As many as before.": "Four bytes each, whatever the value. Bytes fall when the codes "
            "are stored instead.",
            "About half.": "No number of an array takes fewer bytes because it is round.",
        },
        right="As many as before.",
    ),
    Number(
        question="25 codes of 4 bits are packed without a gap. How much room do they take?",
        right=13,
        unit="bytes",
        explanation="25 · 4 = 100 bits, and 100/8 = 12.5: the last byte is half empty, and counts.",
    ),
)

EXPLAIN = (
    Item(
        question="A colleague measures 97 right answers of 100 for the small network, and 98 of "
        "100 for the large one. What do you tell them?",
        options={
            "The large network is better.": "97 of 100 fits every truth from 91.5 to 99.0 %, 98 of "
            "100 from 93.0 to 99.4 %: mostly the same ones.",
            "The two are equally good.": "Not shown either: a difference of some points would look "
            "just like this.",
            "This comparison does not tell. Measure more images.": "91.5 to 99.0 % and 93.0 to "
            "99.4 % overlap: within noise.",
        },
        right="This comparison does not tell. Measure more images.",
    ),
    Number(
        question="About how many test images does it take until 98.4 % and 98.2 % are no longer "
        "within noise?",
        right=64_000,
        tolerance=10_000,
        explanation="Half widths are about 1.96·√(p(1 − p)/n), here 0.246/√n and 0.261/√n. Their "
        "sum must be under 0.002, so √n = 253, n = 64,000; MNIST has 10,000 test images. "
        "(Two networks on the same images can be compared more sharply, image by image.)",
    ),
    Item(
        question="A network needs half the multiplications of another one and takes as long. How "
        "can that be?",
        options={
            "The clock is wrong.": "It was read 20 times, and the spread is shown with it.",
            "Moving numbers takes time too, and so do zeros that are multiplied.": "Operations are "
            "counted from shapes; time is what this code on this machine needs.",
            "It cannot be.": "It is the usual case. You will see it when you prune.",
        },
        right="Moving numbers takes time too, and so do zeros that are multiplied.",
    ),
    Ask(
        question='"My compressed network is just as good, and eight times smaller." What do you '
        "ask before you believe it?",
        model="Good on how many images, chosen how, with which interval, and compared with which "
        "network on the same images? Smaller in which bytes: in memory, packed or entropy-coded, "
        "and are scales, masks and biases counted? And if it is called faster: operations or time, "
        "on which machine, with which spread?",
    ),
)

HUNT = (
    Item(
        question="Somebody else's `wilson` printed these lines. What would you tell its author?",
        options={
            "z = 1 is not 95 %: the intervals are half as wide as they should be.": "The one of "
            "9,840 of 10,000 is as wide as the library's. With z = 1 it would be half of that.",
            "That is p ± z·√(p(1 − p)/n): right for many images, and blind at the edge.": "Five of "
            "five are no proof of 100 %, and no share can be above 1. Wald's interval says both. "
            "Wilson's has z² in its centre and in its width.",
            "The square root is missing.": "Then the widths would be hundreds of times too small "
            "for 10,000 images; there they are right.",
            "Nothing is wrong here.": "Look at the first line: five images, and no doubt at all.",
        },
        right="That is p ± z·√(p(1 − p)/n): right for many images, and blind at the edge.",
    ),
    Item(
        question="On which of the three lines does the bug do no harm?",
        options={
            "5 of 5": "There it claims certainty.",
            "98 of 100": "Its upper end is above 1.",
            "9,840 of 10,000": "With many images both formulas agree to two hundredths of a point. "
            "A bug that is tested there only is never found.",
        },
        right="9,840 of 10,000",
    ),
)
