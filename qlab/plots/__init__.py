"""Plots: arrays in, matplotlib artists out; no state, no widgets, no pyplot.

Each function draws on the Axes it is given and returns the artists that a live view
moves afterwards; where moving takes more than ``set_data``, a ``set_…`` function does it.
"""

from qlab.plots import style
from qlab.plots.accumulator import (
    Gauge,
    Pairs,
    Running,
    gauge,
    name_gauge,
    pairs,
    running,
    scale_running,
    set_gauge,
    set_pairs,
    set_running,
)
from qlab.plots.answers import Answers, answers, scale_answers, set_answers
from qlab.plots.bars import bar_axis, bars, set_bars
from qlab.plots.clipping import (
    SHAPES,
    ClipHistogram,
    ErrorCurves,
    MethodRows,
    clip_histogram,
    error_curves,
    method_rows,
    set_clip_histogram,
    set_error_curves,
    set_error_point,
    set_method_rows,
)
from qlab.plots.code import Bits, Nearby, bits, nearby, set_bits, set_nearby
from qlab.plots.code_lengths import (
    CodeLengths,
    Kraft,
    code_lengths,
    kraft,
    set_code_lengths,
    set_kraft,
)
from qlab.plots.curve import Curve, curve, odds_axis, set_curve
from qlab.plots.cut import Cut, cut, set_all, set_cut
from qlab.plots.decades import decade_axis
from qlab.plots.gradient import Gradient, gradient, set_gradient
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
from qlab.plots.pareto import Pareto, cost_axis, pareto, set_pareto
from qlab.plots.sensitivity import sensitivity_bars, set_chosen, set_sensitivity_bars
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
from qlab.plots.tensor import cells, dark, diverging, outline, set_cells

__all__ = [
    "SHAPES",
    "Answers",
    "Bits",
    "ClipHistogram",
    "CodeLengths",
    "Curve",
    "Cut",
    "ErrorCurves",
    "Errors",
    "Gauge",
    "Gradient",
    "Grid",
    "Kraft",
    "Learning",
    "Meter",
    "MethodRows",
    "Nearby",
    "Pairs",
    "Pareto",
    "Pulls",
    "Running",
    "answers",
    "bar_axis",
    "bars",
    "bits",
    "cells",
    "clip_histogram",
    "code_lengths",
    "cost_axis",
    "curve",
    "cut",
    "dark",
    "decade_axis",
    "diverging",
    "error_curves",
    "error_histogram",
    "errors",
    "gap_axes",
    "gap_stairs",
    "gauge",
    "gradient",
    "histogram",
    "image_grid",
    "kraft",
    "learning",
    "levels",
    "mask_picture",
    "mask_sheet",
    "meter",
    "method_rows",
    "name_gauge",
    "nearby",
    "number_line",
    "odds_axis",
    "outline",
    "pairs",
    "pareto",
    "place_masks",
    "pulls",
    "running",
    "scale_answers",
    "scale_learning",
    "scale_running",
    "sensitivity_bars",
    "set_all",
    "set_answers",
    "set_bars",
    "set_bits",
    "set_cells",
    "set_chosen",
    "set_clip_histogram",
    "set_code_lengths",
    "set_curve",
    "set_cut",
    "set_error_curves",
    "set_error_point",
    "set_errors",
    "set_gap_stairs",
    "set_gauge",
    "set_gradient",
    "set_here",
    "set_image_grid",
    "set_kraft",
    "set_learning",
    "set_levels",
    "set_mask",
    "set_meter",
    "set_method_rows",
    "set_nearby",
    "set_number_line",
    "set_own",
    "set_pairs",
    "set_pareto",
    "set_pulls",
    "set_running",
    "set_sensitivity_bars",
    "signed_axis",
    "staircase",
    "style",
    "temperature_axis",
]
