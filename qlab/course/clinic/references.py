"""W27: what the articles cite, and what there is.

An arXiv number is an address: it can be looked up, and then title and authors match or do not.
"""

from dataclasses import dataclass

from qlab.course.clinic.exhibit import Exhibit, Measurement, Outcome, number
from qlab.live.settings import Choice


@dataclass(frozen=True, slots=True)
class Reference:
    """One work, as printed and as it is.

    Parameters
    ----------
    name
        In the menu.
    printed
        What the article says, in our words.
    file
        Which article.
    right
        Authors, title in short, year, address.
    wrong
        What differs.
    """

    name: str
    printed: str
    file: str
    right: str
    wrong: tuple[str, ...]


REFERENCES = {
    "deep compression": Reference(
        "Deep Compression",
        "Han X. and others, 2015, at a conference on machine learning",
        "article 001",
        "S. Han, H. Mao and W. J. Dally, Deep Compression, ICLR 2016, arXiv:1510.00149",
        ("authors", "venue"),
    ),
    "xnor": Reference(
        "XNOR-Net",
        "Rastegari, Joudenay (or Jouden) and Farhadi (or Farsiu), with two different arXiv numbers",
        "articles 001 and 003",
        "M. Rastegari, V. Ordonez, J. Redmon and A. Farhadi, XNOR-Net, 2016, arXiv:1603.05279",
        ("authors", "arXiv number"),
    ),
    "dorefa": Reference(
        "DoReFa-Net",
        "Zhou, Zhang and Liu, read as “deep residual fully connected”, with the number that the "
        "same list gives to XNOR-Net",
        "article 003",
        "S. Zhou and others, DoReFa-Net: low bitwidth weights, activations and gradients, 2016, "
        "arXiv:1606.06160",
        ("authors", "title", "arXiv number"),
    ),
    "bnn": Reference(
        "Binarized neural networks",
        "Courbariaux and Lewicki, arXiv:1602.02477",
        "article 003",
        "M. Courbariaux, I. Hubara and others, Binarized Neural Networks, 2016, arXiv:1602.02830",
        ("authors", "arXiv number"),
    ),
}
LISTS = {"article 001": (28, 6), "article 003": (57, 7)}  # entries, different works: counted


def _w27_stands() -> Outcome:
    entries = "; ".join(
        f"{file} has {lines} entries for {works} works" for file, (lines, works) in LISTS.items()
    )
    return Outcome(
        says=f"The same entries come again and again, and both lists break off in the middle: "
        f"{entries}. Of the four works below none is cited rightly.",
        values={file: works for file, (_, works) in LISTS.items()},
        nothing=True,
    )


def _w27(work: str = "deep compression") -> Measurement:
    one = REFERENCES[work]
    lines, works = (sum(pair[k] for pair in LISTS.values()) for k in (0, 1))
    return Measurement(
        values=(
            number(
                "wrong",
                "Parts of this citation that are wrong",
                len(one.wrong),
                "cited",
                form="count",
            ),
            number("entries", "Entries in both lists", lines, "cited", form="count"),
            number("works", "Works that each list names, added up", works, "cited", form="count"),
        ),
        says=f"Printed in {one.file}: {one.printed}. Right: {one.right}. "
        f"Wrong were: {', '.join(one.wrong)}.",
    )


EXHIBITS = (
    Exhibit(
        number="W27",
        theme="references",
        title="References that lead nowhere",
        claim="The articles rest on published work, which they list.",
        file="articles 001, 002 and 003, the references",
        as_it_stands=_w27_stands,
        controls={
            "work": Choice(
                "deep compression",
                {key: one.name for key, one in REFERENCES.items()},
                label="Work",
                help="Which citation is looked at.",
            )
        },
        measure=_w27,
        truth="; ".join(one.right for one in REFERENCES.values())
        + ". Several others of their references could not be found.",
        reading="arxiv.org, under each of these numbers.",
    ),
)
