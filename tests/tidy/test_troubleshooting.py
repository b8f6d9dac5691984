"""Every reason that people may be shown is explained on the page that they look it up on."""

from __future__ import annotations

import re

from serinus.core.rollout.reasons import Hold
from tidy.source import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()


def test_the_page_explains_every_reason_and_no_other() -> None:
    explained = re.findall(r"^\| `(\w+)` \| [^|]{20,} \| [^|]{8,} \|$", PAGE, re.MULTILINE)
    assert sorted(explained) == sorted(hold.value for hold in Hold)
