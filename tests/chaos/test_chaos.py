"""Half a minute of chaos in the suite; `make chaos` runs longer."""

import pytest

from tests.chaos.run import run


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_nothing_is_lost_and_nothing_is_done_twice():
    report = run(30)

    assert report.accepted > 0
    assert report.lost_writes == set()
    assert report.double_writes == set()
    assert report.lost_events == set()
    assert report.forged == 0
    assert report.surprises == []
    assert len(report.mishaps) >= 4  # how many kinds fit into half a minute depends on the machine
