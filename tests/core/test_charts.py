"""Charts are pure functions: numbers in, escaped SVG and table rows out."""

import itertools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ui.charts import (
    Cell,
    Chart,
    Links,
    Series,
    bar_chart,
    compact_number,
    line_chart,
    nice_ticks,
    stacked_chart,
)

SVG = "{http://www.w3.org/2000/svg}"
amounts = st.floats(min_value=0, max_value=1e12, allow_nan=False)


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def bars(root: ET.Element) -> list[ET.Element]:
    return [rect for rect in root.iter(f"{SVG}rect") if rect.get("class", "").startswith("series-")]


@given(st.floats(min_value=1e-6, max_value=1e15))
def test_ticks_cover_the_highest_value_in_few_even_steps(highest: float) -> None:
    ticks = nice_ticks(highest)

    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert 2 <= len(ticks) <= 6
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3, abs_tol=1e-9) for step in steps)


def test_ticks_are_round_numbers() -> None:
    assert nice_ticks(0) == [0, 1]
    assert nice_ticks(20) == [0, 5, 10, 15, 20]
    assert nice_ticks(7) == [0, 2, 4, 6, 8]


@given(st.integers(min_value=1, max_value=10**15))
def test_ticks_of_what_is_counted_are_whole(highest: int) -> None:
    ticks = nice_ticks(highest, whole=True)

    assert all(tick == int(tick) for tick in ticks)
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert 2 <= len(ticks) <= 6


def test_the_axis_of_a_count_has_no_fractions_and_that_of_a_measure_has() -> None:
    def axis(values: list[float]) -> list[str]:
        return re.findall(
            r'text-anchor="end">([^<]*)<',
            str(bar_chart("Requests", ["a", "b"], [Series("all", values)]).wide_svg),
        )

    assert axis([1, 0]) == ["0", "1"]
    assert axis([2, 0]) == ["0", "1", "2"]
    assert axis([10, 0]) == ["0", "5", "10"]
    assert axis([1.0, 0.5]) == ["0", "0.25", "0.5", "0.75", "1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1k"),
        (1200, "1.2k"),
        (34_000, "34k"),
        (5_600_000, "5.6M"),
        (0.5, "0.5"),
        (2e9, "2G"),
    ],
)
def test_axis_numbers_are_short(value: float, text: str) -> None:
    assert compact_number(value) == text


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=40))
def test_stacked_bars_stand_on_each_other_inside_the_plot(pairs: list[tuple[float, float]]) -> None:
    chart = stacked_chart(
        "Sends",
        [f"{index}" for index in range(len(pairs))],
        [Series("Email", [a for a, _ in pairs], 1), Series("SMS", [b for _, b in pairs], 2)],
    )

    for svg in (chart.wide_svg, chart.medium_svg, chart.narrow_svg):
        root = parse(svg)
        for rect in bars(root):
            top, height = float(rect.get("y", "nan")), float(rect.get("height", "nan"))
            assert 9.9 <= top <= 194.1
            assert top + height <= 194.1


def test_bar_heights_are_in_proportion() -> None:
    chart = bar_chart("Calls", ["Mon", "Tue"], [Series("Calls", [10, 20])])

    heights = [float(rect.get("height", "0")) for rect in bars(parse(chart.wide_svg))]

    assert heights[1] == pytest.approx(2 * heights[0], abs=0.02)


def test_zero_draws_no_bar_and_an_empty_chart_shows_a_message() -> None:
    assert len(bars(parse(bar_chart("Calls", ["a", "b"], [Series("Calls", [0, 3])]).wide_svg))) == 1
    assert bar_chart("Calls", ["a"], [Series("Calls", [0])]).is_empty
    assert not line_chart("Calls", ["a"], [Series("Calls", [1])]).is_empty


def texts_of(chart: Chart) -> list[tuple[str, list[str]]]:
    return [(label.text, [cell.text for cell in cells]) for label, cells in chart.table]


def test_chart_table_contains_every_number_with_its_unit() -> None:
    chart = line_chart(
        "Latency", ["Mon", "Tue"], [Series("p50", [12, 13.5]), Series("p95", [1200, 0])], unit="ms"
    )

    assert texts_of(chart) == [("Mon", ["12 ms", "1,200 ms"]), ("Tue", ["13.5 ms", "0 ms"])]
    assert chart.summary == "From Mon to Tue. p50: highest 13.5 ms at Tue; p95: highest 1,200 ms at Mon."


def test_label_without_data_is_a_gap_in_the_line() -> None:
    chart = line_chart("Latency", list("abcdef"), [Series("p50", [4, 2, None, 3, None, None])], unit="ms")
    root = parse(chart.wide_svg)
    lines = [line.get("points", "").split() for line in root.iter(f"{SVG}polyline")]
    dots = [dot.get("class", "") for dot in root.iter(f"{SVG}circle")]

    assert [len(points) for points in lines] == [2, 1]
    assert [("chart-dot-shown" in dot) for dot in dots] == [False, False, True]
    assert [values for _, values in texts_of(chart)] == [["4 ms"], ["2 ms"], ["–"], ["3 ms"], ["–"], ["–"]]
    assert root.findall(f".//{SVG}title")[2].text == "c: p50 –"


@pytest.mark.parametrize("draw", [bar_chart, stacked_chart])
def test_bars_are_omitted_for_unknown_values(draw: Callable[..., Chart]) -> None:
    chart = draw("Calls", ["a", "b", "c"], [Series("Calls", [None, 3, 0]), Series("Others", [None, 1, None])])

    assert len(bars(parse(chart.wide_svg))) == 2
    assert [(label, cells[:2]) for label, cells in texts_of(chart)] == [
        ("a", ["–", "–"]),
        ("b", ["3", "1"]),
        ("c", ["0", "–"]),
    ]


def test_empty_series_shows_a_message() -> None:
    chart = line_chart("Latency", ["a", "b"], [Series("p50", [None, None]), Series("p95", [None, 0])])

    assert chart.is_empty
    assert chart.summary == "From a to b. p50: no data; p95: highest 0 at b."
    assert "<circle" in chart.wide_svg


def test_text_is_escaped_and_nothing_is_styled_inline() -> None:
    svg = bar_chart('<b>"x"', ["<script>"], [Series("</svg>", [1])]).wide_svg

    assert "<script" not in svg
    assert "</svg>" not in svg[:-6]
    assert "style=" not in svg
    assert parse(svg).get("aria-label", "").startswith('<b>"x".')


def test_previous_period_is_shown_and_numbers_link_to_what_they_count() -> None:
    chart = stacked_chart(
        "Requests",
        ["Mon", "Tue"],
        [Series("ok", [3, 0]), Series("scope", [1, 0]), Series("limit", [0, 0])],
        before=Series("Period before", [8, 2]),
        links=[Links("/r?a", ["/r?a&ok", "/r?a&scope", "/r?a&limit"]), Links()],
        ticks=["1 Nov", ""],
    )
    before = [
        rect for rect in parse(chart.wide_svg).iter(f"{SVG}rect") if rect.get("class") == "chart-before"
    ]

    assert len(before) == 2
    assert float(before[0].get("height", "0")) == pytest.approx(
        2 * sum(float(bar.get("height", "0")) for bar in bars(parse(chart.wide_svg))), abs=0.1
    )
    assert chart.headings == ["ok", "scope", "limit", "Total", "Period before"]
    assert chart.table == [
        (
            Cell("Mon", "/r?a"),
            [Cell("3", "/r?a&ok"), Cell("1", "/r?a&scope"), Cell("0"), Cell("4", "/r?a"), Cell("8")],
        ),
        (Cell("Tue"), [Cell("0"), Cell("0"), Cell("0"), Cell("0"), Cell("2")]),
    ]
    assert ">1 Nov<" in chart.wide_svg
    assert ">Tue<" not in chart.wide_svg


def test_axis_labels_never_overlap() -> None:
    chart = bar_chart("Calls", [f"{day} November" for day in range(90)], [Series("Calls", [1.0] * 90)])

    texts = [text for text in parse(chart.narrow_svg).iter(f"{SVG}text") if "November" in (text.text or "")]
    positions = [float(text.get("x", "0")) for text in texts]

    assert positions == sorted(positions)
    assert all(after - before >= 70 for before, after in itertools.pairwise(positions))


@pytest.mark.parametrize("values", [[1], [1, 2, 3], [1, -1], [1, math.nan], [1, math.inf]])
def test_invalid_chart_values_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="series 'Calls'"):
        bar_chart("Calls", ["a", "b"], [Series("Calls", values)])


def test_chart_has_one_to_eight_series() -> None:
    with pytest.raises(ValueError, match="1 to 8 series"):
        bar_chart("Calls", [], [])
    with pytest.raises(ValueError, match="1 to 8 series"):
        bar_chart("Calls", ["a"], [Series(str(index), [1]) for index in range(9)])
