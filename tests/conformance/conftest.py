"""Failed assertions of the cases show their values, as those of tests do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("conformance.handle", "conformance.cases")
