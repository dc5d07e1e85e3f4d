"""Settings of the Pack instrument that are worth looking at, and what they teach."""

from qlab.live.instrument import Preset

PRESETS = (
    Preset(
        "A bell in five bits",
        {"bits": 5},
        "Even steps over a bell: codes in the middle are frequent, those at the ends hardly "
        "occur. A short word for the frequent ones takes the layer below three bits a weight, "
        "and nothing is lost.",
    ),
    Preset(
        "A table leaves less to gain",
        {"bits": 4, "grid": "kmeans"},
        "k-means puts its levels where the weights are, which evens out the shares: Huffman "
        "takes off a tenth. Now take even steps of 5 bits and compare SQNR and words: packed "
        "the table wins, coded the even steps do.",
    ),
    Preset(
        "One symbol takes nearly all",
        {"bits": 2},
        "Of three levels the middle one holds nearly every weight. Huffman cannot go below one "
        "bit a weight; arithmetic coding can, and does.",
    ),
    Preset(
        "Deep Compression, first layer",
        {"layer": "fc1", "sparsity": 0.92, "bits": 6, "grid": "kmeans"},
        "Han, Mao and Dally keep 8 % of this layer, write 6 bits and gaps of 5, and print 2.32 "
        "% of the float bytes (2016). Here nothing was trained again, so the accuracy falls, and "
        "everything is counted: reproduce the accounting, not the row.",
    ),
    Preset(
        "When the mask costs most",
        {"sparsity": 0.99, "bits": 4},
        "A bitmap costs one bit for every weight, kept or not. At 99 % zeros it is most of the "
        "file, and gaps are far shorter.",
    ),
    Preset(
        "Too small for its table",
        {"layer": "fc3", "bits": 6, "grid": "kmeans"},
        "A thousand weights and a table of 64 levels: a third as large as the codes. "
        "Whoever leaves it out of the count finds a ratio that no file has.",
    ),
)
