"""Word-sized bar charts for lists, with a text alternative."""

from collections.abc import Sequence

from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 84, 22


def sparkline(values: Sequence[int], *, spoken: str) -> SafeString:
    """Draw `values` as bars, at least one pixel high unless zero. `spoken` is the text alternative and must not need escaping."""
    highest, slot = max(values, default=0), WIDTH / max(len(values), 1)
    bars = "".join(
        f'<rect x="{index * slot:.1f}" y="{HEIGHT - height:.1f}" width="{slot - 1:.1f}" height="{height:.1f}"/>'
        for index, value in enumerate(values)
        if value and (height := max(HEIGHT * value / highest, 1.0))
    )
    return mark_safe(  # noqa: S308 - numbers, and a text from our own code
        f'<svg class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{spoken}">{bars}<line x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/></svg>'
    )
