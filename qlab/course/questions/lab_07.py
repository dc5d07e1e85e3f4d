"""Lab 07, sensitivity and mixed precision: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="A layer's weights are quantized and the mean squared error of the weights is "
        "large. Is the layer sensitive?",
        options={
            "Yes, a large error is a large loss.": "An error costs what the loss makes of it: "
            "where the loss is flat, or where the layer has few weights, it may cost nothing.",
            "Only the loss says: run the network with it.": "Or ask the curvature. The error of "
            "the weights is one factor of two.",
            "No, errors of weights cancel.": "They do in part, and how much differs from layer to "
            "layer.",
        },
        right="Only the loss says: run the network with it.",
    ),
    Item(
        question="Which images may decide how many bits a layer gets?",
        options={
            "Test images: they say what counts.": "Then nothing is left to measure with: what was "
            "chosen by the test images looks better on them than it is.",
            "Calibration or validation images.": "And the test images are looked at once, at the "
            "end.",
            "It does not matter, no weight is trained.": "Choosing is learning, too: a few bits of "
            "it.",
        },
        right="Calibration or validation images.",
    ),
    Number(
        question="A layer has 1,000 weights. By how many bytes do its codes grow from 2 bits to 4?",
        right=250,
        tolerance=0.5,
        unit="bytes",
        explanation="1,000 · 2 bits = 2,000 bits = 250 bytes. Scale and biases stay as they are.",
    ),
)

EXPLAIN = (
    Item(
        question="At 2.25 bits a weight the exact solution has the smaller sum of losses, and "
        "greedy's network is better. How can that be?",
        options={
            "Dynamic programming found only a local optimum.": "It is exact: no allocation within "
            "the budget has a smaller sum. Try all 512.",
            "The sum is not the loss: each term was measured with all other layers float.": "Two "
            "errors at once can cancel or add to each other. Exact solves the model exactly, and "
            "the model is not the network.",
            "It is noise.": "The intervals do not overlap: 94.27 to 95.15 % against 92.14 to "
            "93.16 % of the test images.",
        },
        right="The sum is not the loss: each term was measured with all other layers float.",
    ),
    Number(
        question="The exact trace of fc3 of LeNet-300-100 is 3.01, that of fc1 9.51. By what "
        "factor is the mean eigenvalue of fc3, with 1,000 weights, above that of fc1, with "
        "235,200?",
        right=74.4,
        tolerance=0.8,
        unit="times",
        explanation="(3.01/1,000) / (9.51/235,200) = 74.4. The same squared error costs 74 times "
        "as much in fc3, by the curvature.",
    ),
    Item(
        question="The scan calls fc1 the most sensitive layer at 2 bits, the Hessian calls fc3 so. "
        "Whom do you believe at 2 bits?",
        options={
            "The Hessian: it has the theory.": "Its theory is a small error of no preferred "
            "direction. At 2 bits half of fc1 becomes 0: that is neither.",
            "The scan: it measured this very error.": "The curvature at a point tells of small "
            "steps away from it. At many bits the two agree better, and the Hessian is cheaper.",
            "Neither: they contradict each other.": "They answer different questions; one of them "
            "is the one that was asked.",
        },
        right="The scan: it measured this very error.",
    ),
    Ask(
        question="A colleague gives each layer its bits by trying allocations on the test images "
        "until the accuracy is highest, and reports that accuracy. What do you tell them?",
        model="The number is too good: of many allocations the one that happens to suit these test "
        "images was picked, so its accuracy on them is the luck of the draw included. Choose on "
        "calibration or validation images, by a criterion stated beforehand; then measure once on "
        "test images, with an interval, and say what uniform bits of the same size reach.",
    ),
)
