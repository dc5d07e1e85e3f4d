"""Lab 04, calibration: before it and after it."""

from typing import Any

from qlab.course.quiz import Ask, Item, Number

CLIPPED: dict[str, Any] = {
    "question": "Two thirds of the range are cut away. How many percent of the values were there?",
    "at": {"clip": 33},
    "reads": "clipped",
}
ERROR: dict[str, Any] = {
    "question": "From 0 to the largest, the sum of both errors is 0.176. How large is it now?",
    "at": {"clip": 33},
    "reads": "error",
    "between": (0, 10),
}
DRAWS: dict[str, Any] = {
    "question": "Ten draws of 64 images, ten times minmax: the widest range over the narrowest is",
    "reads": "minmax_spread",
}

WARM_UP = (
    Number(
        question="Two bits without a sign have the codes 0, 1, 2, 3. The last level is put at 6. "
        "How large is a step?",
        right=2,
        explanation="Three steps lie between 0 and 6. A value of 1.9 then becomes 2, and 0.9 is 0.",
    ),
    Item(
        question="You move the last level, the clip point, towards zero. What happens to the "
        "values?",
        options={
            "All of them err less.": "Those inside do: the steps are smaller. Those that are now "
            "outside go to the last level, and err more the farther out they lie.",
            "Those inside err less, and more of them are cut off.": "Two errors, and one point "
            "that trades them. This lab is about that point.",
            "Only those that are cut off change.": "The levels move, too: as many of them on a "
            "shorter line.",
        },
        right="Those inside err less, and more of them are cut off.",
    ),
    Item(
        question="For the range of activations one needs images. A colleague takes the test "
        "images: “no weight is trained on them, so it does no harm.”",
        options={
            "Right, ranges are no parameters.": "They are numbers chosen from data, and they "
            "decide what the network answers.",
            "Wrong: then the accuracy on them is a fit and no longer a measurement.": "Whatever "
            "is chosen on images is made for them. qlab refuses to do it.",
            "Wrong: there are too many of them.": "Their number is not the point.",
        },
        right="Wrong: then the accuracy on them is a fit and no longer a measurement.",
    ),
)

EXPLAIN = (
    Number(
        question="In the 5×5 example with the clip point at 1.8, one value is clipped: 2.4. How "
        "large is the clipping error, as a mean over all 25?",
        right=0.0144,
        tolerance=0.00005,
        explanation="(2.4 − 1.8)² = 0.36, and 0.36/25 = 0.0144.",
    ),
    Item(
        question="What enters fc2 is clipped best at 2.03 with two bits, and at 5.28 with eight. "
        "Why?",
        options={
            "Eight bits have larger codes.": "How far a grid reaches is its scale's affair, not "
            "its codes'.",
            "Small steps make rounding cheap, so less may be clipped.": "The rounding error falls "
            "with the square of the step, the clipping error does not know the bits. They meet "
            "farther out.",
            "With eight bits the values are larger.": "They are the same values.",
        },
        right="Small steps make rounding cheap, so less may be clipped.",
    ),
    Number(
        question="An EMA with c = 0.1 takes the first batch as it is. After how many batches, the "
        "first among them, does that first one weigh less than a tenth?",
        right=23,
        explanation="After T batches it weighs 0.9^(T − 1): 0.0985 for T = 23, and 0.109 for 22. "
        "With c = 0.01, made for thousands of batches, it would take 231.",
    ),
    Item(
        question="A range for each batch, found at run time, 2 bits. Among 999 others an image "
        "gets another answer than alone. Why?",
        options={
            "The weights are quantized anew for each batch.": "Only what enters the layers is "
            "quantized here, and weights never depend on images.",
            "The largest activation of the batch sets the step for all its images.": "A quiet "
            "image among loud ones gets few codes. With a range a row, or in a batch of its own, "
            "it has its grid to itself.",
            "Sums of floats come in another order.": "That moves the last digits. It would not "
            "change more answers with fewer bits.",
        },
        right="The largest activation of the batch sets the step for all its images.",
    ),
    Ask(
        question="The weights of fc1 at 2 bits: the MSE range leaves half the squared error of "
        "the KL range, and the network answers worse, 91.5 % against 97.2 %. How can that be, "
        "and what follows for choosing?",
        model="The squared error counts all weights alike. MSE cuts off 16 % of them, KL 2 %, and "
        "those are the large ones, on which the sums of the next layer rest; the many small ones "
        "that it serves better matter less. The error of a layer only stands for what is wanted. "
        "So judge by something nearer to it, the error of the outputs or the accuracy, on "
        "calibration or validation images, and look at the test images once, at the end.",
    ),
)
