"""kubectl itself, with our definitions applied client-side."""

from __future__ import annotations

from pathlib import Path

from api.worlds import SOUND
from local.apiserver.served import Kubectl, each_kubectl, kubectl_story
from serinus.api import crds
from serinus.api.admission import admit
from serinus.local.apiserver.app import ApiServer

MISPLACED = SOUND.replace("    canary:\n", "    canary:\n      rollbackWindow: {revisions: 3}\n")


@each_kubectl
def test_definitions_fit_an_apply_and_objects_are_warned_about(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("apply -f -", stdin=b"\n---\n".join(crds.documents()).decode())
        shown = await kubectl.ok("explain rollout.spec.strategy.canary.steps.setWeight")
        assert "canary's part of the traffic" in " ".join(shown.out.split())
        await kubectl.ok("create namespace prod")
        applied = await kubectl.ok("apply -f -", stdin=MISPLACED)
        assert (
            "Warning: spec.strategy.canary.rollbackWindow: unknown field; "
            "did you mean spec.rollbackWindow?" in applied.err
        )
        assert "waiting for Service shop-stable in namespace prod" in applied.err
        listed = await kubectl.ok("get ro -n prod")
        assert listed.lines[0] == ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"]

    kubectl_story(tell, binary, tmp_path, admission=(admit,))
