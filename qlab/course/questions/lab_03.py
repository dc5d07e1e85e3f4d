"""Lab 03, granularity: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="A layer has one symmetric scale, from its largest weight. That one weight grows "
        "tenfold, all others stay. What happens to the others?",
        options={
            "Nothing, they did not change.": "Their codes do: the step is ten times as wide, and "
            "it is theirs too.",
            "Their step grows tenfold, and their error with it.": "A tenfold error is 20 dB of "
            "SQNR, what three bits and a third buy. One weight costs everybody that.",
            "They are clipped.": "Nothing is clipped: the range reaches further than before.",
        },
        right="Their step grows tenfold, and their error with it.",
    ),
    Number(
        question="A layer has 300 rows of 784 weights, and a scale for 64 neighbours of a row. How "
        "many scales is that?",
        right=3900,
        tolerance=0,
        explanation="784/64 = 12.25: twelve full groups and a short one, 13 in a row, 300·13 = "
        "3,900. Dividing 235,200 by 64 gives 3,675, and lets groups run across rows.",
    ),
    Item(
        question="y is the sum of the products w·x over all inputs. The weights are integers times "
        "scales. Which scales can be multiplied once, after the sum?",
        options={
            "One for each output (row).": "Every term of the sum has the same: it comes out.",
            "One for each input (column).": "Every term has another one: they stay inside, and the "
            "sum is none of integers.",
            "Both.": "Only what all terms share comes out of a sum.",
        },
        right="One for each output (row).",
    ),
)

EXPLAIN = (
    Item(
        question="LeNet-300-100 in about 103,000 bytes: with 2 bits in groups of 32 (102,350 "
        "bytes), or with 3 bits and a scale a row (103,105 bytes). Which is right on more test "
        "images?",
        options={
            "2 bits in groups of 32.": "94.40 %. A float32 scale for 32 weights costs what a "
            "third bit costs.",
            "3 bits and a scale a row.": "97.91 % against 94.40 %. Groups of 32 pay a bit a weight "
            "for their scales; here a third bit is the better buy.",
            "They are within noise.": "3.5 points lie between them, ten times the interval.",
        },
        right="3 bits and a scale a row.",
    ),
    Number(
        question="A format stores 4-bit weights in groups of 128, each with a scale of 16 bits and "
        "a zero point of 4 bits. How many bits does a weight take?",
        right=4.15625,
        tolerance=0.005,
        unit="bits",
        explanation="4 + (16 + 4)/128 = 4.156. With float32 scales and groups of 32 it would be 5.",
    ),
    Item(
        question="In fc1 scales for columns would leave less error than scales for rows (16.12 "
        "against 15.63 dB at 4 bits). Why does everybody use rows?",
        options={
            "There are fewer rows than columns.": "True (300 and 784), and no reason: 4 bytes each "
            "are little beside the codes.",
            "A column's scale stays inside the sum.": "The sum would have to multiply every term "
            "by another number: no integer accumulation is left.",
            "The difference is noise.": "Nothing is drawn by lot here: the weights are these.",
        },
        right="A column's scale stays inside the sum.",
    ),
    Ask(
        question="A colleague gives each channel of the activations its own scale, as for the "
        "rows of weights, and finds an excellent accuracy in simulation. What will the author of "
        "the integer kernel say?",
        model="The channels of the activations are what the layer sums over. With a scale for "
        "each, every product has to be multiplied by its own number before it is added, so the "
        "sum is one of floats: simulation hides that, because it works on values. Either one scale "
        "for the tensor (or for each image), or the factors are moved into the weights of the "
        "columns beforehand.",
    ),
)
