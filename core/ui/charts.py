"""Server-rendered SVG charts: pure functions from numbers to markup, without scripts or inline styles.

A `Chart` provides the same numbers as SVG (in three widths, so that labels keep their size; the page's CSS selects one) and as
the table next to every chart (docs/architecture.md, Pages), so that no information depends on shape or color alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import Literal

from django.utils.safestring import SafeString, mark_safe

Kind = Literal["bars", "stacked", "lines"]

MAX_SERIES = 8
WIDE = 1000
MEDIUM = 580
NARROW = 340
HEIGHT = 220
MARGIN_TOP = 10
MARGIN_RIGHT = 8
MARGIN_BOTTOM = 26
SMALLEST = 1e-9  # smaller values are drawn as zero
UNKNOWN = "–"  # how the table and tooltips show a gap


@dataclass(frozen=True)
class Series:
    """A named series of values. `tone` is the number of its color token (1–11).

    None means that the value is unknown: a gap, as opposed to zero.
    """

    name: str
    values: Sequence[float | None]
    tone: int = 1


@dataclass(frozen=True)
class Links:
    """The links of one label: for its total, and for each series. An empty URL means no link."""

    label: str = ""
    series: Sequence[str] = ()


@dataclass(frozen=True)
class Cell:
    """A table cell with a value or a label."""

    text: str
    href: str = ""

    @property
    def html(self) -> str:
        """The escaped text, as a link if it has a URL."""
        return f'<a href="{escape(self.href)}">{escape(self.text)}</a>' if self.href else escape(self.text)


@dataclass(frozen=True)
class Chart:
    """A drawn chart. Build it with `bar_chart`, `stacked_chart` or `line_chart`."""

    kind: Kind
    title: str
    summary: str
    labels: Sequence[str]
    series: Sequence[Series]
    format_value: Callable[[float], str]
    # Short axis labels, if the labels themselves are too long. An empty string means no tick.
    ticks: Sequence[str] = ()
    # The total of the previous period, drawn next to each bar.
    before: Series | None = None
    links: Sequence[Links] = ()
    # Each label in UTC, for tooltips. An empty string if the label is in UTC.
    exact: Sequence[str] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there are only zeros and gaps."""
        return not any(value for series in self.series for value in series.values)

    @property
    def headings(self) -> list[str]:
        """The headings of the table's value columns."""
        total = ["Total"] if self._has_total else []
        return [*(one.name for one in self.series), *total, *([self.before.name] if self.before else [])]

    @property
    def table(self) -> list[tuple[Cell, list[Cell]]]:
        """The table's rows: label, value of each series, total (if stacked) and previous period, with their links."""
        return [
            (Cell(label, self._link(index).label), self._cells(index))
            for index, label in enumerate(self.labels)
        ]

    @property
    def table_rows(self) -> SafeString:
        """The rows of `table` as HTML. A page has hundreds of cells, for which a template would be slow."""
        rows = [
            f'<tr><th scope="row"{self._title(index)}>{label.html}</th>'
            + "".join([f'<td class="num">{cell.html}</td>' for cell in cells])
            + "</tr>"
            for index, (label, cells) in enumerate(self.table)
        ]
        return mark_safe("".join(rows))  # noqa: S308 - every text in it went through escape()

    @cached_property
    def titles(self) -> list[str]:
        """The tooltip of each column, the same in all widths."""
        return [
            escape(
                f"{label}{f' ({self.exact[index]})' if self.exact and self.exact[index] else ''}: "
                + ", ".join(
                    f"{one.name} {self.written(one.values[index])}" for one in _hovered_series(self, index)
                )
            )
            for index, label in enumerate(self.labels)
        ]

    def _cells(self, index: int) -> list[Cell]:
        values, links = [one.values[index] for one in self.series], self._link(index)
        hrefs = [*links.series, *[""] * len(values)]
        cells = [
            Cell(self.written(value), href if value else "")
            for value, href in zip(values, hrefs, strict=False)
        ]
        if self._has_total:
            cells.append(Cell(self.written(sum(value or 0 for value in values)), links.label))
        if self.before:
            cells.append(Cell(self.written(self.before.values[index])))
        return cells

    def _title(self, index: int) -> str:
        exact = self.exact[index] if self.exact else ""
        return f' title="{escape(exact)}"' if exact else ""

    def _link(self, index: int) -> Links:
        return self.links[index] if self.links else Links()

    @property
    def _has_total(self) -> bool:
        return self.kind == "stacked" and len(self.series) > 1

    def written(self, value: float | None) -> str:
        """Format one value, a gap as a dash."""
        return UNKNOWN if value is None else self.format_value(value)

    @property
    def wide_svg(self) -> SafeString:
        """The SVG for columns of 720 px or more."""
        return _draw(self, WIDE)

    @property
    def medium_svg(self) -> SafeString:
        """The SVG for half a page."""
        return _draw(self, MEDIUM)

    @property
    def narrow_svg(self) -> SafeString:
        """The SVG for phones, with fewer labels and the same height."""
        return _draw(self, NARROW)


def bar_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "",
    format_value: Callable[[float], str] | None = None,
    exact: Sequence[str] = (),
) -> Chart:
    """Draw grouped bars. Raises ValueError unless each series has one value per label."""
    return replace(_chart("bars", title, labels, series, unit, format_value), exact=exact)


def stacked_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "",
    format_value: Callable[[float], str] | None = None,
    ticks: Sequence[str] = (),
    before: Series | None = None,
    links: Sequence[Links] = (),
    exact: Sequence[str] = (),
) -> Chart:
    """Draw stacked bars, for parts of a whole. Raises ValueError like `bar_chart`.

    `before` holds the totals of the previous period, drawn as a bar next to each stack. `links` are the links of each label.
    """
    drawn = _chart("stacked", title, labels, series, unit, format_value)
    return replace(drawn, ticks=ticks, before=before, links=links, exact=exact)


def line_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "",
    format_value: Callable[[float], str] | None = None,
    ticks: Sequence[str] = (),
    links: Sequence[Links] = (),
    exact: Sequence[str] = (),
) -> Chart:
    """Draw one line per series, for values that do not add up. Raises ValueError like `bar_chart`."""
    drawn = _chart("lines", title, labels, series, unit, format_value)
    return replace(drawn, ticks=ticks, links=links, exact=exact)


def compact_number(value: float) -> str:
    """Format a number compactly for an axis: 0, 950, 1.2k, 34k, 5.6M."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            scaled = value / limit
            return (
                f"{scaled:.0f}{suffix}" if scaled >= 100 or scaled == int(scaled) else f"{scaled:.1f}{suffix}"
            )
    return f"{value:.0f}" if value == int(value) else f"{value:g}"


def nice_ticks(highest: float, wanted: int = 4, *, whole: bool = False) -> list[float]:
    """Return round axis values from 0 to at least `highest`, such as 0, 5, 10, 15, 20; [0, 1] if it is (nearly) zero.

    With `whole`, for what is counted, none of them is a fraction.
    """
    if highest < SMALLEST:
        return [0, 1]
    raw = max(highest / wanted, 1.0) if whole else highest / wanted
    magnitude = 10.0 ** math.floor(math.log10(raw))
    steps = (factor * magnitude for factor in (1, 2, 2.5, 5, 10))
    step = next(step for step in steps if step >= raw * (1 - 1e-9) and (not whole or step == int(step)))
    count = math.ceil(highest / step - 1e-9)
    return [float(f"{step * index:.6g}") for index in range(count + 1)]


def _chart(
    kind: Kind,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    unit: str,
    format_value: Callable[[float], str] | None,
) -> Chart:
    if not series or len(series) > MAX_SERIES:
        raise ValueError(f"a chart has 1 to {MAX_SERIES} series, not {len(series)}")
    for one in series:
        if len(one.values) != len(labels):
            raise ValueError(f"series {one.name!r} has {len(one.values)} values for {len(labels)} labels")
        if any(value < 0 or not math.isfinite(value) for value in _known(one)):
            raise ValueError(f"series {one.name!r} has a value that is negative or not finite")
    suffix = f" {unit}" if unit else ""
    written = format_value or (
        lambda value: f"{value:,.0f}{suffix}" if value == int(value) else f"{value:,.1f}{suffix}"
    )
    return Chart(kind, title, _summary(labels, series, written), labels, series, written)


def _is_count(chart: Chart) -> bool:
    """Whether every value is a whole number, so that nothing is between two of them."""
    shown = [*chart.series, *([chart.before] if chart.before else [])]
    return all(isinstance(value, int) for one in shown for value in _known(one))


def _known(series: Series) -> list[float]:
    return [value for value in series.values if value is not None]


def _summary(labels: Sequence[str], series: Sequence[Series], written: Callable[[float], str]) -> str:
    """Return a text alternative for screen readers."""
    if not labels:
        return "No data."
    parts = []
    for one in series:
        known = [(value, label) for value, label in zip(one.values, labels, strict=True) if value is not None]
        if not known:
            parts.append(f"{one.name}: no data")
            continue
        value, label = max(known, key=lambda pair: pair[0])
        parts.append(f"{one.name}: highest {written(value)} at {label}")
    return f"From {labels[0]} to {labels[-1]}. " + "; ".join(parts) + "."


def _draw(chart: Chart, width: int) -> SafeString:
    if chart.kind == "stacked":
        highest = max(
            (
                sum(value or 0 for value in column)
                for column in zip(*(s.values for s in chart.series), strict=True)
            ),
            default=0,
        )
        highest = max([highest, *(_known(chart.before) if chart.before else [])])
    else:
        highest = max((value for series in chart.series for value in _known(series)), default=0)
    ticks = nice_ticks(highest, whole=_is_count(chart))
    tick_labels = [compact_number(tick) for tick in ticks]
    left = 10 + 7 * max(len(text) for text in tick_labels)
    plot_width = width - left - MARGIN_RIGHT
    plot_height = HEIGHT - MARGIN_TOP - MARGIN_BOTTOM
    base = MARGIN_TOP + plot_height

    def y(value: float) -> float:
        return base - plot_height * value / ticks[-1]

    spoken = escape(f"{chart.title}. {chart.summary}")
    parts = [f'<svg class="chart-svg" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{spoken}">']
    for tick, text in zip(ticks, tick_labels, strict=True):
        line = "chart-base" if tick == 0 else "chart-grid"
        parts.append(
            f'<line class="{line}" x1="{left}" x2="{width - MARGIN_RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
            f'<text x="{left - 8}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{text}</text>'
        )
    count = len(chart.labels)
    slot = plot_width / count if count else plot_width
    if chart.kind == "lines":
        parts.append(_lines(chart, left, slot, y))
    parts += [_column(chart, index, left + slot * index, slot, base, y) for index in range(count)]
    parts.append(_axis_labels(chart.ticks or chart.labels, left, slot, width))
    parts.append("</svg>")
    return mark_safe("".join(parts))  # noqa: S308 - every text in it went through escape()


def _column(chart: Chart, index: int, x: float, slot: float, base: float, y: Callable[[float], float]) -> str:
    """Draw the column of one label: the hover area with its tooltip, and bars or dots."""
    height = base - MARGIN_TOP
    parts = [
        f'<g class="chart-column"><title>{chart.titles[index]}</title>',
        f'<rect class="chart-slot" x="{x:.2f}" y="{MARGIN_TOP}" width="{slot:.2f}" height="{height:.1f}"/>',
    ]
    if chart.kind == "lines":
        for one in chart.series:
            value = one.values[index]
            if value is None:
                continue
            shown = " chart-dot-shown" if _stands_alone(one, index) else ""
            parts.append(
                f'<circle class="chart-dot{shown} series-{one.tone}" cx="{x + slot / 2:.2f}" '
                f'cy="{y(value):.2f}" r="4"/>'
            )
    elif chart.kind == "stacked":
        width = min(slot * 0.72, 40)
        start, below = x + (slot - width) / 2, 0.0
        if chart.before:
            beside, width = width * 0.3, width * 0.64
            if before := chart.before.values[index]:
                parts.append(
                    f'<rect class="chart-before" x="{start:.2f}" y="{y(before):.2f}" width="{beside:.2f}" '
                    f'height="{base - y(before):.2f}"/>'
                )
            start += beside * 1.2
        for place, one in enumerate(chart.series):
            value = one.values[index]
            if value:
                top = y(below + value)
                parts.append(_bar(one.tone, start, top, width, y(below) - top, place=place))
                below += value
    else:
        group = min(slot * 0.76, 22 * len(chart.series) + 18)
        width = group / len(chart.series)
        for position, one in enumerate(chart.series):
            value = one.values[index]
            if value:
                start = x + (slot - group) / 2 + position * width
                parts.append(
                    _bar(one.tone, start, y(value), max(width - 1, 0.5), base - y(value), place=position)
                )
    parts.append("</g>")
    return "".join(parts)


def _bar(tone: int, x: float, y: float, width: float, height: float, *, place: int = 0) -> str:
    radius = min(2.0, width / 2, height / 2)
    return (
        f'<rect class="series-{tone}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'rx="{radius:.2f}" data-series="{place}"/>'
    )


def _lines(chart: Chart, left: float, slot: float, y: Callable[[float], float]) -> str:
    lines = []
    for one in chart.series:
        for start, end in _runs(one):
            points = " ".join(
                f"{left + slot * (index + 0.5):.2f},{y(one.values[index] or 0):.2f}"
                for index in range(start, end)
            )
            lines.append(f'<polyline class="chart-line series-{one.tone}" points="{points}"/>')
    return "".join(lines)


def _runs(series: Series) -> list[tuple[int, int]]:
    """Return the runs of values without a gap, as (first index, index after the last)."""
    gaps = [-1, *(index for index, value in enumerate(series.values) if value is None), len(series.values)]
    return [(before + 1, after) for before, after in pairwise(gaps) if after - before > 1]


def _stands_alone(series: Series, index: int) -> bool:
    """Whether a point has gaps (or the end) on both sides, so that no line would make it visible."""
    beside = (*series.values[max(index - 1, 0) : index], *series.values[index + 1 : index + 2])
    return all(value is None for value in beside)


def _hovered_series(chart: Chart, index: int) -> Sequence[Series]:
    """Return the series for a column's tooltip: if there are many, only those that are not zero."""
    told = [one for one in chart.series if one.values[index]] if len(chart.series) > 3 else chart.series
    return told or chart.series[:1]


def _axis_labels(labels: Sequence[str], left: float, slot: float, width: int) -> str:
    """Draw as many axis labels as fit without overlapping, always including the first, each with a tick."""
    if not any(labels):
        return ""
    needed = 12 + 6.2 * max(len(label) for label in labels)
    apart = max(1, math.ceil(needed / slot))
    parts, free_from = [], 0
    for index, label in enumerate(labels):
        if not label or index < free_from:
            continue
        free_from = index + apart
        start, half = left + slot * index, needed / 2
        centre = min(max(start + slot / 2, half - 6), width - half + 6)
        parts.append(
            f'<line class="chart-base" x1="{start:.1f}" x2="{start:.1f}" y1="{HEIGHT - MARGIN_BOTTOM}" '
            f'y2="{HEIGHT - MARGIN_BOTTOM + 5}"/>'
            f'<text x="{centre:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>'
        )
    return "".join(parts)
