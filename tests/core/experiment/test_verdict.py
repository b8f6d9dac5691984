"""The phase of an Experiment from the states of its templates and analyses, as a table."""

from __future__ import annotations

import pytest

from serinus.api.experiment import Experiment
from serinus.api.wire import decode
from serinus.core.experiment.verdict import verdict


@pytest.mark.parametrize(
    ("phase", "templates", "analyses", "required", "duration", "expected"),
    [
        ("", "Progressing", "", "", "", "Pending"),
        ("Pending", "Progressing Running", "", "", "1m", "Pending"),
        ("Pending", "Running Running", "Pending", "", "1m", "Running"),
        ("Running", "Running Progressing", "Running", "", "1m", "Pending"),
        ("Running", "Running Failed", "Running", "", "1m", "Failed"),
        ("Running", "Running Error", "Failed", "", "1m", "Error"),
        ("Running", "Running", "Running Failed", "", "1m", "Failed"),
        ("Running", "Running", "Running Inconclusive", "", "1m", "Inconclusive"),
        ("Running", "Running", "Successful Running", "a0", "1m", "Successful"),
        ("Running", "Running", "Successful Running", "a1", "1m", "Running"),
        ("Running", "Running", "Successful Successful", "", "1m", "Running"),
        ("Running", "Running", "Successful Successful", "", "", "Successful"),
        ("Running", "Running", "", "", "", "Running"),
        ("Running", "Successful", "", "", "1m", "Successful"),
        ("Running", "Successful", "Running", "", "1m", "Successful"),
        ("Running", "Successful", "Running", "a0", "1m", "Running"),
        ("Running", "Successful", "Error", "a0", "1m", "Error"),
        ("Failed", "Successful", "Successful", "", "1m", "Failed"),
    ],
)
def test_the_worst_that_counts_is_the_phase(
    phase: str, templates: str, analyses: str, required: str, duration: str, expected: str
) -> None:
    pods, runs = templates.split(), analyses.split()
    body = {
        "spec": {
            "duration": duration,
            "templates": [{"name": f"t{i}"} for i in range(len(pods))],
            "analyses": [
                {"name": f"a{i}", "requiredForCompletion": f"a{i}" == required}
                for i in range(len(runs))
            ],
        },
        "status": {
            "phase": phase,
            "templateStatuses": [{"name": f"t{i}", "status": s} for i, s in enumerate(pods)],
            "analysisRuns": [{"name": f"a{i}", "phase": s} for i, s in enumerate(runs)],
        },
    }
    experiment = decode(Experiment, body)
    assert verdict(experiment, experiment.status)[0] == expected
