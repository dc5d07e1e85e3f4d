"""Lab 12, pruning: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Number(
        question="A matrix of 25 weights is pruned to a sparsity of 0.6. How many weights stay?",
        right=10,
        explanation="Sparsity is the share that goes: 15 of 25.",
    ),
    Item(
        question="`mask = rng.random(W.shape) < 0.3`, then `W * mask`. What is left?",
        options={
            "The 30 % largest weights.": "Nothing looked at the weights: this draws lots.",
            "About 30 % of the weights, by lot.": "The mask is True with a chance of 0.3, and True "
            "means keep. An article calls this pruning 30 %.",
            "About 70 % of the weights, by lot.": "Its author wanted that. True means keep.",
        },
        right="About 30 % of the weights, by lot.",
    ),
    Item(
        question="Nine of ten weights of a float32 matrix are set to 0. How long does a "
        "multiplication with it take?",
        options={
            "A tenth of the time.": "If zeros were skipped. A dense product multiplies by them.",
            "About as long as before.": "The shapes are the same. Below you measure it.",
            "Longer.": "Zeros are multiplied like all numbers, neither faster nor slower.",
        },
        right="About as long as before.",
    ),
)

EXPLAIN = (
    Number(
        question="266,200 float32 weights, nine of ten are 0. How much room do a bitmap and the "
        "values take together?",
        right=139_755,
        unit="bytes",
        explanation="266,200/8 = 33,275 for the bitmap, 26,620 · 4 = 106,480 for the values. Dense "
        "it was 1,064,800: a ratio of 7.6, not of 10. The instrument adds the 410 biases, 1,640 "
        "bytes.",
    ),
    Item(
        question='An article "prunes" [0.6, 0.3, 0.5] and arrives at [0, 0, 0.5]. What is left '
        "after pruning by magnitude with a sparsity of 2/3?",
        options={
            "[0.6, 0, 0]": "The largest stays. The article lost the weight that goes last.",
            "[0, 0, 0.5]": "0.6 is larger than 0.5, so it cannot go before it.",
            "[0.6, 0, 0.5]": "That is a sparsity of 1/3.",
        },
        right="[0.6, 0, 0]",
    ),
    Item(
        question="All layers ranked as one, at 90 %: fc3 keeps 58 % of its weights, fc1 only 8 %. "
        "Why?",
        options={
            "The last layer is protected.": "Nothing knows which layer is the last.",
            "The weights of fc3 are larger.": "It sums over 100 inputs, fc1 over 784: fewer "
            "inputs, larger weights. The ranking sees only sizes.",
            "fc3 has the fewest weights.": "How many there are does not enter the ranking, only "
            "how large each is.",
        },
        right="The weights of fc3 are larger.",
    ),
    Ask(
        question="Why does a pruning result need random pruning beside it?",
        model="Because a network may bear the loss of many weights, whichever they are. Only what "
        "magnitude saves beyond draws by lot, at the same sparsity and on the same images, speaks "
        "for magnitude. And one draw is not enough: with one half gone the five draws above range "
        "from 69 to 94 %, far more than the interval of any one of them says.",
    ),
)
