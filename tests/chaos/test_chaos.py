"""Half a minute of chaos in the suite; `make chaos` runs longer."""

import tempfile
from pathlib import Path

import pytest

from core.engines.pair import DATABASE
from tests.chaos.run import run
from tests.engines import FOLDER_PREFIX, TEMPLATE, copy_migrated_server

LEAST_WRITES = 30


@pytest.mark.chaos
def test_nothing_is_lost_or_done_twice() -> None:
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder:
        is_migrated = copy_migrated_server(Path(folder))
        report = run(
            30,
            data_dir=Path(folder),
            database=TEMPLATE if is_migrated else DATABASE,
            at_least=LEAST_WRITES,
        )

    assert report.accepted >= LEAST_WRITES
    assert report.delivered >= report.accepted
    assert report.lost_writes == set()
    assert report.double_writes == set()
    assert report.lost_events == set()
    assert report.forged == 0
    assert report.surprises == []
    assert len(report.mishaps) >= 4, (
        report.mishaps
    )  # half a minute is too short for more kinds on slow machines
