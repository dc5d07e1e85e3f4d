"""The one way in which an instrument draws: a persistent figure, blitted, sent as WebP.

Redrawing a matplotlib figure takes 30 ms and more, nearly all of it axes and text. So the
static part (``stage``) is drawn once for each scene and its pixels are kept; a new
state moves a few animated artists (``draw``) over those pixels in about a millisecond,
and lossless WebP of method 0 ships them in about three, crisp. Frames are kept by key,
so a state seen before costs neither. While the hand moves a frame has one pixel per
CSS pixel; once it rests, ``sharpen`` sends it at the screen's own density.
"""

import html
import io
import zlib
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import ipywidgets as ipw
import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MplFigure
from PIL import Image

from qlab.live.recent import Recent

DPI = 100  # dots an inch of the drawing, one dot per CSS pixel
_ENCODERS = ThreadPoolExecutor(2, "qlab-encode")  # WebP lets go of Python's lock
FRAMES = 256  # kept for each figure, 5 to 10 kB each
SCENES = 16  # kept backgrounds, half a megabyte each


class Picture(ipw.Image):
    """An image whose value can be ahead of the page's for a while."""

    ahead = False  # the page got the value some other way, and is sent it again at rest

    def _should_send_property(self, key: str, value: Any) -> bool:
        if key == "value" and self.ahead:
            return False
        return bool(super()._should_send_property(key, value))


class Figure:
    """A picture that follows a result: what stands still, what moves, and its frames.

    Parameters
    ----------
    name
        One word; the widget carries the CSS classes ``qlab-figure`` and ``qlab-figure-NAME``.
    title
        Heading above the picture, as text of the page.
    size
        Width and height in CSS pixels.
    build
        ``build(figure) -> artists``: makes the axes on the matplotlib figure and returns
        the artists that will move.
    draw
        ``draw(result)``: moves those artists.
    key
        ``key(result)``: names the frame; equal keys and scenes mean equal pixels.
    scene
        ``scene(result)``: names the static part; None if there is only one.
    stage
        ``stage(result)``: sets limits and static artists of the scene.
    describe
        ``describe(result)``: one sentence that says what the picture shows.
    caption
        HTML of our own below the title: the key to marks and colours.
    live
        False for a picture that is drawn only once the hand rests.
    grainy
        True for few colours in single pixels (a mask): sent as PNG of at most 64 colours.
    on_pick
        ``on_pick(result, x, y)``: the picture was clicked there, in data coordinates of its
        axes. What can be picked can be set by a control, too: a keyboard has no pointer.
    drags
        True if a pointer that is held down picks wherever it moves, inside the axes' limits.

    Examples
    --------
    >>> def build(figure):
    ...     global line
    ...     (line,) = figure.add_subplot().plot([0, 1], [0, 1])
    ...     return [line]
    >>> figure = Figure("slope", "A slope", size=(200, 100), build=build,
    ...                 draw=lambda r: line.set_ydata([0, r]), key=lambda r: r)
    >>> figure.show(0.5); figure.image.value[8:12].tobytes()
    b'WEBP'
    """

    def __init__(
        self,
        name: str,
        title: str,
        *,
        size: tuple[int, int],
        build: Callable[[MplFigure], Any],
        draw: Callable[[Any], None],
        key: Callable[[Any], Hashable],
        scene: Callable[[Any], Hashable] = lambda result: None,
        stage: Callable[[Any], None] = lambda result: None,
        describe: Callable[[Any], str] | None = None,
        caption: str = "",
        live: bool = True,
        grainy: bool = False,
        on_pick: Callable[[Any, float, float], None] | None = None,
        drags: bool = False,
    ) -> None:
        self.name, self.title, self.size = name, title, size
        self._encode = _palette_png if grainy else _webp
        self.caption, self.live = caption, live
        self._draw, self._scene, self._stage = draw, scene, stage
        self._on_pick, self.drags = on_pick, drags
        self._key: Callable[[Any], Hashable] = lambda r: (key(r), scene(r), _token(r))
        self._describe = describe or (lambda result: title)
        with rc_context({"font.family": "DejaVu Sans", "svg.fonttype": "none"}):
            self.mpl = MplFigure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
            self._canvas: Any = FigureCanvasAgg(self.mpl)
            self.artists: tuple[Artist, ...] = tuple(build(self.mpl))
        for artist in self.artists:
            artist.set_animated(True)
        self._staged: Hashable = object()  # no scene yet
        self._scenes: Recent[Hashable, np.ndarray] = Recent(SCENES)
        self._frames: Recent[Hashable, bytes] = Recent(FRAMES)
        self._coming: dict[Hashable, Future[bytes]] = {}  # drawn, not encoded yet
        self._shown: tuple[Hashable, float | int] | None = None  # key and density
        self.image = Picture(
            format="png" if grainy else "webp", width=str(size[0]), height=str(size[1])
        )
        self.image.layout = {"width": f"{size[0]}px", "max_width": "100%", "height": "auto"}
        self.image.add_class("qlab-figure")
        self.image.add_class(f"qlab-figure-{name}")
        self.result: Any = None
        self.alt = title  # what the page says instead of the picture

    def heading(self) -> str:
        """Return title and caption as HTML."""
        return f'<h2>{html.escape(self.title)}</h2><p class="qlab-caption">{self.caption}</p>'

    def lay_over(self, build: Callable[[MplFigure], Any], draw: Callable[[Any], None]) -> None:
        """Add artists that move over the others: what a stand-in gives, beside the library's."""
        more = tuple(build(self.mpl))
        for artist in more:
            artist.set_animated(True)
        self.artists, below = (*self.artists, *more), self._draw

        def draw_both(result: Any) -> None:
            below(result)
            draw(result)

        self._draw = draw_both

    # -- a pointer ---------------------------------------------------------------

    @property
    def pickable(self) -> str:
        """How the picture takes a pointer: "click", "drag" or not at all."""
        return "" if self._on_pick is None else "drag" if self.drags else "click"

    def pick(self, x: float, y: float) -> None:
        """Tell ``on_pick`` where the shown picture was touched.

        Parameters
        ----------
        x, y
            Fractions of width and height, 0 … 1, from the upper left corner. Outside all axes a
            click means nothing; a drag stays at the border of the nearest.
        """
        if self._on_pick is None or self.result is None:
            return
        scene = self._scene(self.result)
        if scene != self._staged:  # pictures drawn ahead may have other limits
            self._stage(self.result)
            self._staged = scene
        point, axes = np.array([x, 1 - y]), [a for a in self.mpl.axes if a.get_visible()]
        boxes = [np.array(a.get_position().extents).reshape(2, 2) for a in axes]
        inside = [np.clip(point, *box) for box in boxes]
        nearest = int(np.argmin([np.hypot(*(point - place)) for place in inside]))
        if not self.drags and not np.array_equal(inside[nearest], point):
            return
        low, high = boxes[nearest]
        ax, share = axes[nearest], (inside[nearest] - low) / (high - low)
        at = ax.transData.inverted().transform(ax.transAxes.transform(share))
        self._on_pick(self.result, float(at[0]), float(at[1]))

    # -- frames ------------------------------------------------------------------

    def begin(self, result: Any) -> None:
        """Draw the frame of this result if it is new, and encode it beside what comes next."""
        key = (self._key(result), 1.0)
        if key not in self._frames and key not in self._coming:
            pixels = self._pixels(result, 1.0)
            self._coming[key] = _ENCODERS.submit(self._encode, pixels)

    def show(self, result: Any, density: float | int = 1.0) -> None:
        """Send the frame of this result to the page, drawing it only if it is new."""
        self.result = result
        shown = (self._key(result), density)
        frame = self.frame(result, density)
        if shown != self._shown:
            self._shown = shown
            self.image.ahead = False
            self.image.value = frame

    def turn(self, result: Any, density: float | int = 1.0) -> bytes | None:
        """Turn to the frame of this result, and return it if it is another: the caller sends it.

        Every message takes its time from kernel to page, so the frames of one event share one. What
        is shown sharper already stays.
        """
        key, (shown, sharpness) = self._key(result), self._shown or (None, 0)
        self.result = result
        if key == shown and density <= sharpness:
            return None
        self._shown = key, density
        self.image.ahead = True
        self.image.value = frame = self.frame(result, density)
        return frame

    def view(self, result: Any) -> tuple[Hashable, bytes]:
        """Return the key of this result's frame, and the frame."""
        return self._key(result), self.frame(result)

    def take(self, result: Any, key: Hashable, frame: bytes) -> None:
        """Note that the page turned to a frame by itself, at the density of frames that move."""
        self.result, self._shown = result, (key, 1.0)
        self.image.ahead = True
        self.image.value = frame

    def catch_up(self) -> None:
        """Let the page's model of the picture know what the page shows already."""
        if self.image.ahead:
            self.image.ahead = False
            self.image.send_state("value")

    def sharpen(self, density: float | int) -> bytes | None:
        """Turn to the shown frame at the screen's density, and say in words what it shows."""
        if self.result is None:
            return None
        self.alt = self._describe(self.result)
        return self.turn(self.result, density)

    def frame(self, result: Any, density: float | int = 1.0) -> bytes:
        """Return the encoded picture of this result, from the kept ones if possible."""
        key = (self._key(result), density)
        if key in self._coming:
            self._land()
        if key not in self._frames:
            self._frames[key] = self._encode(self._pixels(result, density))
        return self._frames[key]

    def _land(self) -> None:
        while self._coming:
            key, coming = self._coming.popitem()
            self._frames[key] = coming.result()

    def pixels(self, result: Any = None) -> np.ndarray:
        """Draw this result (or the shown one) and return its (height, width, 4) pixels."""
        return self._pixels(self.result if result is None else result, 1.0).copy()

    def _pixels(self, result: Any, density: float | int) -> np.ndarray:
        self._land()  # an encoder may still read the buffer that is drawn on
        scene = self._scene(result)
        if scene != self._staged:
            self._stage(result)  # limits first: they place the moving artists
            self._staged = scene
        self._draw(result)
        self.mpl.set_dpi(DPI * density)
        name = (scene, density)
        if name not in self._scenes:
            self._canvas.draw()  # everything but the animated artists
            self._scenes[name] = np.array(self._canvas.buffer_rgba())
        else:
            self._canvas.get_renderer()  # of this density
        buffer = np.asarray(self._canvas.buffer_rgba())
        np.copyto(buffer, self._scenes[name])
        for artist in self.artists:
            if artist.axes is not None:
                artist.axes.draw_artist(artist)
            else:
                self.mpl.draw_artist(artist)
        return buffer

    # -- downloads ---------------------------------------------------------------

    def png(self) -> bytes:
        """Return the shown picture with its title, at twice the density."""
        return self._saved("png")

    def svg(self) -> bytes:
        """Return the shown picture with its title as vectors, its text as text."""
        return self._saved("svg")

    def _saved(self, format: str) -> bytes:
        if self.result is not None:
            self._pixels(self.result, 1.0)
        heading = self.mpl.suptitle(self.title, fontsize=10, x=0.01, y=1.03, ha="left", va="bottom")
        out = io.BytesIO()
        try:
            settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": self.name}
            settings["image.composite_image"] = False  # else invisible ones are drawn too
            with rc_context(settings):
                self.mpl.savefig(
                    out, format=format, dpi=2 * DPI, bbox_inches="tight", metadata=_DATELESS[format]
                )
        finally:
            heading.remove()
            self.mpl.set_dpi(DPI)
            self._canvas = FigureCanvasAgg(self.mpl)  # saving as SVG swaps the canvas
        return out.getvalue()


_DATELESS: dict[str, dict[str, str | None]] = {"png": {"Software": None}, "svg": {"Date": None}}


def _token(result: Any) -> Hashable:
    """Name what stands in for the library, if a function does: its frames are other ones."""
    beside = getattr(result, "beside", None)
    return None if beside is None else beside.token


def _webp(rgba: np.ndarray) -> bytes:
    size = (rgba.shape[1], rgba.shape[0])
    # without its all-opaque alpha plane the picture encodes in half the time
    picture = Image.frombuffer("RGBA", size, rgba, "raw", "RGBA", 0, 1).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "WEBP", lossless=True, method=0, quality=0)
    return out.getvalue()


def _palette_png(rgba: np.ndarray) -> bytes:
    """Encode few colours in much grain: 2 ms for 400 × 290 pixels where WebP takes 7."""
    size = (rgba.shape[1], rgba.shape[0])
    picture = Image.frombuffer("RGBA", size, rgba, "raw", "RGBA", 0, 1).convert("RGB")
    picture = picture.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return out.getvalue()
