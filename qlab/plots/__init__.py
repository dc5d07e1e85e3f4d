"""Plots: arrays in, matplotlib artists out; no state, no widgets, no pyplot.

Each function draws on the Axes it is given and returns the artists that a live view
moves afterwards; where moving takes more than ``set_data``, a ``set_…`` function does it.
"""

from qlab.plots import style
from qlab.plots.answers import Answers, answers, scale_answers, set_answers
from qlab.plots.bars import bar_axis, bars, set_bars
from qlab.plots.curve import Curve, curve, odds_axis, set_curve
from qlab.plots.cut import Cut, cut, set_all, set_cut
from qlab.plots.decades import decade_axis
from qlab.plots.histogram import error_histogram, histogram, levels, set_levels
from qlab.plots.images import Grid, image_grid, set_image_grid
from qlab.plots.learning import Learning, learning, scale_learning, set_learning
from qlab.plots.masks import mask_picture, mask_sheet, place_masks, set_mask
from qlab.plots.meter import Meter, meter, set_meter
from qlab.plots.number_line import (
    gap_axes,
    gap_stairs,
    number_line,
    set_gap_stairs,
    set_number_line,
    signed_axis,
)
from qlab.plots.staircase import staircase
from qlab.plots.temperature import (
    Errors,
    Pulls,
    errors,
    pulls,
    set_errors,
    set_here,
    set_own,
    set_pulls,
    temperature_axis,
)

__all__ = [
    "Answers",
    "Curve",
    "Cut",
    "Errors",
    "Grid",
    "Learning",
    "Meter",
    "Pulls",
    "answers",
    "bar_axis",
    "bars",
    "curve",
    "cut",
    "decade_axis",
    "error_histogram",
    "errors",
    "gap_axes",
    "gap_stairs",
    "histogram",
    "image_grid",
    "learning",
    "levels",
    "mask_picture",
    "mask_sheet",
    "meter",
    "number_line",
    "odds_axis",
    "place_masks",
    "pulls",
    "scale_answers",
    "scale_learning",
    "set_all",
    "set_answers",
    "set_bars",
    "set_curve",
    "set_cut",
    "set_errors",
    "set_gap_stairs",
    "set_here",
    "set_image_grid",
    "set_learning",
    "set_levels",
    "set_mask",
    "set_meter",
    "set_number_line",
    "set_own",
    "set_pulls",
    "signed_axis",
    "staircase",
    "style",
    "temperature_axis",
]
