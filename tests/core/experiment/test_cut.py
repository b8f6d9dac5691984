"""What an analysis is worth that the end of its experiment cuts short, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.api.analysis import AnalysisRun
from serinus.api.experiment import Experiment
from serinus.api.wire import decode
from serinus.core.experiment.plan import plan
from serinus.core.experiment.snapshot import ExperimentSnapshot, SetSeen

BEGAN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
GOOD = {"count": 2, "successful": 2}
NOTHING = {"consecutiveNoData": 3}
BAD = {"count": 2, "failed": 2}
FAULTY = {"error": 2, "consecutiveError": 2}
GONE = GOOD | NOTHING
NOT_YET: dict[str, Any] = {}
DRY = {"dryRun": True}
SKIPPED = {"onNoData": "skip"}


def snapshot(*results: dict[str, Any]) -> ExperimentSnapshot:
    """An experiment of a minute at its end, whose one analysis has these results so far."""
    specs = [
        {"name": f"m{i}", "onNoData": result.get("onNoData", "")}
        for i, result in enumerate(results)
    ]
    told = [{"name": f"m{i}", **result} for i, result in enumerate(results)]
    experiment = {
        "metadata": {"name": "trial", "namespace": "shop"},
        "spec": {
            "duration": "1m",
            "templates": [{"name": "t"}],
            "analyses": [{"name": "a", "templateName": "a"}],
        },
        "status": {
            "phase": "Running",
            "availableAt": BEGAN.isoformat(),
            "templateStatuses": [{"name": "t", "status": "Running"}],
            "analysisRuns": [{"name": "a", "analysisRun": "trial-a", "phase": "Running"}],
        },
    }
    run = {
        "metadata": {"name": "trial-a", "namespace": "shop"},
        "spec": {"metrics": specs},
        "status": {"phase": "Running", "metricResults": told},
    }
    pods = SetSeen(
        name="trial-t",
        template="t",
        hash="h",
        resource_version="1",
        replicas=1,
        seen=1,
        ready=1,
        available=1,
    )
    return ExperimentSnapshot(
        now=BEGAN + timedelta(minutes=1),
        experiment=decode(Experiment, experiment),
        sets=(pods,),
        runs=(decode(AnalysisRun, run),),
    )


@pytest.mark.parametrize(
    ("results", "phase", "silent"),
    [
        ((GOOD,), "Successful", ""),
        ((GONE,), "Successful", ""),
        ((NOTHING,), "Inconclusive", "m0"),
        ((BAD,), "Inconclusive", "m0"),
        ((FAULTY,), "Inconclusive", "m0"),
        ((NOT_YET,), "Inconclusive", "m0"),
        ((GOOD, NOTHING), "Inconclusive", "m1"),
        ((GOOD, NOT_YET), "Successful", ""),
        ((NOTHING, NOT_YET), "Inconclusive", "m0, m1"),
        ((GOOD, NOTHING | SKIPPED), "Successful", ""),
        ((NOTHING | SKIPPED,), "Inconclusive", "m0"),
        ((NOTHING | DRY,), "Successful", ""),
        ((GOOD, NOTHING | DRY), "Successful", ""),
        ((NOTHING, GOOD | DRY), "Inconclusive", "m0"),
    ],
)
def test_an_analysis_that_is_cut_passes_by_what_it_has_measured(
    results: tuple[dict[str, Any], ...], phase: str, silent: str
) -> None:
    status = plan(snapshot(*results)).status
    assert status is not None
    assert status.phase == phase
    words = f"ended with its experiment, without a good measurement of {silent}"
    assert status.message == (words if silent else "")
    assert status.template_statuses[0].status == "Successful", "its pods are needed no more"
