"""Lab 16, distillation: before it and after it."""

from qlab.course.quiz import Ask, Item, Number

WARM_UP = (
    Item(
        question="The logits of a teacher are divided by 4 before the softmax. Which class comes "
        "first now?",
        options={
            "The one that came first before.": "Dividing by a positive number keeps the order; "
            "only the distances shrink.",
            "It depends on the image.": "What depends on it is how far the others come up.",
            "The second one of before.": "No temperature lets two classes change places.",
        },
        right="The one that came first before.",
    ),
    Number(
        question="An answer gives each of ten classes the same probability. What is its entropy?",
        right=3.32,
        tolerance=0.005,
        unit="bits",
        explanation="log₂ 10 = 3.32 bits. This is what a teacher says at a very high temperature: "
        "ten classes.",
    ),
    Item(
        question="A student gives 0 to a class that its teacher gives 0.1. What is KL(teacher ‖ "
        "student)?",
        options={
            "0.1": "The distance is not a difference of probabilities.",
            "Infinite.": "The term is 0.1·(ln 0.1 − ln 0), and ln 0 is minus infinity.",
            "0, as the term is multiplied by 0.": "It is weighted by the teacher's 0.1, the first "
            "of the two. The other way round it would be 0.",
        },
        right="Infinite.",
    ),
)

EXPLAIN = (
    Number(
        question="Two logits differ by 2. What is the quotient of their probabilities at T = 2?",
        right=2.718,
        tolerance=0.005,
        explanation="e^(2/2) = e = 2.718, whatever the other logits are. At T = 1 it is e² = 7.39.",
    ),
    Item(
        question="Somebody leaves T² out, and turns T up from 1 to 20. What happens to the "
        "training?",
        options={
            "The teacher's share of the gradient fades, and labels alone are left.": "At high "
            "T it falls to a quarter with each doubling. α says something "
            "else, but nobody listens to it.",
            "Nothing: a factor of the loss changes no minimum.": "It multiplies one of two terms, "
            "so it moves the balance between them.",
            "The teacher drowns the labels.": "The other way round: the soft gradient shrinks.",
        },
        right="The teacher's share of the gradient fades, and labels alone are left.",
    ),
    Item(
        question="The student of 30 + 30 units is taught by all 55,000 images, the one of 100 + "
        "100 by 5,000. Which of them gains by a teacher?",
        options={
            "The smaller one: it needs help.": "Its errors are 3.15 % at T = 4 and 3.18 % without "
            "a teacher: within noise.",
            "The one with few images.": "5.60 % without a teacher, 3.94 % at T = 4, and the "
            "intervals are apart. Where images are few, what a teacher says of each is worth more.",
            "Both.": "Look at the smaller one's intervals, with a teacher and without.",
        },
        right="The one with few images.",
    ),
    Ask(
        question="An article's distillation computes the teacher's outputs, never uses them, "
        "trains the student on the labels, and then copies the student's weights into the teacher. "
        "What is missing, or wrong?",
        model="No temperature softens the outputs; no divergence compares the student's answers "
        "with the teacher's; no α weighs it against the labels; no T² keeps that balance. And a "
        "teacher is frozen: nothing is copied into it, and a smaller student's weights would not "
        "even have its shapes.",
    ),
)
