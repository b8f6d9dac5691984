"""What an analysis is made for: the names, hashes and the object that arguments may ask about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serinus.api.analysis import AnalysisTemplateRef, AnalysisTemplateSpec, Argument

Templates = Mapping[AnalysisTemplateRef, AnalysisTemplateSpec]
"""Every template that the analysis may need, nested ones too; one that is missing is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`document` is the owner as JSON, for fieldRef; the hashes are of its revisions."""

    document: Mapping[str, Any] = field(default_factory=dict)
    latest_hash: str = ""
    stable_hash: str = ""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    """What is passed beside the analysis' own list: an Experiment's may be secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Name, labels and owner of an AnalysisRun that is to be made."""

    name: str
    namespace: str
    owner: Mapping[str, Any]
    """An ownerReference as JSON, or empty."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
