"""The webhook as a process beside the cluster: kubectl is refused with all errors at once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from e2e.product import up
from e2e.shop import rollout


def test_a_bad_rollout_is_refused_with_all_its_errors_and_a_good_one_is_let_pass(
    tmp_path: Path,
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing (Debian: openssl); make test-deps installs it")
    with up(tmp_path) as cluster:
        product = cluster.product
        hook = product.start("webhook", "--port", "0", "--self-signed", "--print-configuration")
        hook.until_line(r"answering at https://127\.0\.0\.1:\d+/validate")
        text = "\n".join(line for line in hook.lines if not line.startswith("answering"))
        product.ok(product.kubectl("apply -f -", stdin=text))
        product.ok(product.kubectl("create namespace checked"))
        bad = rollout(steps=[{"setWeight": 500}, {"pause": {"duration": "soon"}}])
        bad["metadata"]["namespace"] = "checked"
        bad["spec"]["minReadySeconds"] = 700
        refused = product.kubectl("apply -f -", stdin=[bad])
        assert refused.status != 0
        assert 'admission webhook "validation.serinus.dev" denied the request' in refused.err
        for path in (
            "spec.progressDeadlineSeconds: 600 must be greater than minReadySeconds",
            "spec.strategy.canary.steps[0].setWeight: 500 must be 0 to 100",
            "spec.strategy.canary.steps[1].pause.duration: 'soon' is not a duration",
        ):
            assert path in refused.err
        dry = product.kubectl("apply --dry-run=server -f -", stdin=[bad])
        assert re.search(r"denied the request", dry.err)
        good = rollout(steps=[{"setWeight": 50}])
        good["metadata"]["namespace"] = "checked"
        product.ok(product.kubectl("apply -f -", stdin=[good]))
        assert hook.stop() in (0, 130)
