"""What people type for a kind, as in `kubectl get ar`, means one kind of all that `up` has."""

from __future__ import annotations

from collections import defaultdict

import yaml

from serinus.cli.composition import crds
from serinus.local.apiserver.kinds.kinds import BUILT_IN
from serinus.local.crds.catalogue import definitions


def test_no_short_name_means_two_kinds() -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    for kind in BUILT_IN:
        for name in kind.short_names:
            meant[name].add(f"{kind.plural}.{kind.group}")
    for definition in (*definitions(), *(yaml.safe_load(text) for text in crds())):
        for name in definition["spec"]["names"].get("shortNames", ()):
            meant[name].add(definition["metadata"]["name"])
    assert meant["ar"] == {"analysisruns.argoproj.io"}
    # one stored object with two addresses, of one short name in Kubernetes as well
    assert meant.pop("ev") == {"events.", "events.events.k8s.io"}
    assert {name: kinds for name, kinds in meant.items() if len(kinds) > 1} == {}
