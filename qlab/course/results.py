"""The learner's own results: a table filled by their own runs, kept in the record."""

from typing import Any

from qlab.course.calibration import figures
from qlab.course.measurement import measurement
from qlab.course.panel import Panel, table, words
from qlab.course.record import plain, record
from qlab.live import Instrument, Value
from qlab.metrics import Measured

_tables: dict[tuple[str, str], "Results"] = {}


def results(name: str = "results") -> "Results":
    """Return a table of results; the same name gives the same table.

    Parameters
    ----------
    name
        Of the table, for instance the number of the lab.

    Returns
    -------
    results
        A widget with ``add``.
    """
    return _tables.setdefault((str(record().path), name), Results(name))


class Results(Panel):
    """Rows by name, columns as they come; made by ``results``.

    Parameters
    ----------
    name
        Of the table.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = words("qlab-rows")
        super().__init__("qlab-results-table", [self.shown])
        self.refresh()

    def add(self, name: str, **values: Any) -> "Results":
        """Add a row, or replace the one of that name.

        Parameters
        ----------
        name
            Of the row: "3 bits, a scale a row".
        **values
            Column to number, text, ``Measured`` or a ``Value`` of an instrument.

        Returns
        -------
        results
            The table itself, so that a cell that ends with ``add`` shows it.

        Raises
        ------
        ValueError
            No values.
        """
        if not values:
            raise ValueError(f"add: at least one value is expected, got none for {name!r}.")
        record().add_result(self.name, name, {k: _kept(value) for k, value in values.items()})
        self.refresh()
        return self

    def keep(self, name: str, instrument: Instrument, *shown: str) -> "Results":
        """Add a row of what an instrument shows now, or replace the one of that name.

        Parameters
        ----------
        name
            Of the row: the settings in words.
        instrument
            Whose numbers they are.
        shown
            Names of its numbers.

        Returns
        -------
        results
            The table itself.

        Raises
        ------
        ValueError
            No names, or one that the instrument does not show.
        """
        if unknown := [one for one in shown if one not in instrument.values]:
            raise ValueError(
                f"keep: shown must be among {', '.join(instrument.values)}, got {unknown[0]!r}."
            )
        return self.add(name, **{one: instrument.values[one] for one in shown})

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The values by the name of the row, as the record holds them."""
        found = [e for e in record().results if e.get("table") == self.name]
        return {str(e.get("name")): e["values"] for e in found if isinstance(e.get("values"), dict)}

    def refresh(self) -> None:
        """Show the record's rows."""
        title = "Your results" if self.name == "results" else f"Your results, {self.name}"
        empty = "<p>No results yet: add a row with <code>results().add(name, …)</code>.</p>"
        self.shown.value = table(title, *columns(self.rows)) or empty

    def in_words(self) -> str:
        """Return the table as text."""
        header, lines = columns(self.rows)
        if not lines:
            return "No results yet."
        cells = [header, *lines]
        widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
        written = (
            "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells
        )
        return "\n".join(line.rstrip() for line in written)


def columns(rows: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Lay rows out: the header, and the cells as text.

    Parameters
    ----------
    rows
        Name to values, not all with the same columns.

    Returns
    -------
    header, lines
        A cell that a row does not have is empty.

    Examples
    --------
    >>> columns({"a": {"bits": 3}, "b": {"bits": 8, "note": "free"}})
    (['run', 'bits', 'note'], [['a', '3', ''], ['b', '8', 'free']])
    """
    names = list(dict.fromkeys(column for values in rows.values() for column in values))
    lines = [[name, *(_text(values.get(c, "")) for c in names)] for name, values in rows.items()]
    return ["run", *names], lines


def _kept(value: Any) -> Any:
    """Turn a value into what the record keeps: a measured one with its interval and n."""
    if isinstance(value, Value | Measured):
        found = measurement(value)
        kept = {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
        return plain({"text": found.text, **kept, "source": found.source})
    return plain(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("text", value.get("value", "")))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return figures(value)
