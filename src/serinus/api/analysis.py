"""AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun of argoproj.io/v1alpha1.

Every field of the original, under its own name, and three of ours: `noDataLimit` and `onNoData`
of a metric, `consecutiveNoData` of its result. Limits are `int | str` because they may hold
`{{args.x}}`. Knows no rollout and no provider's behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire, always

IntOrString = int | str


# --- Parts that rollouts, experiments and templates share ----------------------------------------


class FieldRef(Wire, frozen=True, kw_only=True):
    field_path: str = ""


class SecretKeyRef(Wire, frozen=True, kw_only=True):
    name: str = ""
    key: str = ""


class ValueFrom(Wire, frozen=True, kw_only=True):
    """Where a template's own argument comes from."""

    secret_key_ref: SecretKeyRef | None = None
    field_ref: FieldRef | None = None


class Argument(Wire, frozen=True, kw_only=True):
    """An argument of a template or run; without value or source it has to be passed."""

    name: str = ""
    value: str | None = None
    value_from: ValueFrom | None = None


class ArgumentValueFrom(Wire, frozen=True, kw_only=True):
    """`pod_template_hash_value` is Latest or Stable."""

    pod_template_hash_value: str | None = None
    field_ref: FieldRef | None = None


class AnalysisRunArgument(Wire, frozen=True, kw_only=True):
    """An argument that a rollout or experiment passes."""

    name: str = ""
    value: str = ""
    value_from: ArgumentValueFrom | None = None


class DryRun(Wire, frozen=True, kw_only=True):
    """`metric_name` is a regular expression that is searched in metric names."""

    metric_name: str = ""


class MeasurementRetention(Wire, frozen=True, kw_only=True):
    metric_name: str = ""
    limit: int = 0


class AnalysisRunMetadata(Wire, frozen=True, kw_only=True):
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class AnalysisTemplateRef(Wire, frozen=True, kw_only=True):
    template_name: str = ""
    cluster_scope: bool = False


# --- Metrics and their providers ------------------------------------------------------------------


class Sigv4Config(Wire, frozen=True, kw_only=True):
    region: str = ""
    profile: str = ""
    role_arn: str = ""


class OAuth2Config(Wire, frozen=True, kw_only=True):
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    scopes: tuple[str, ...] = ()


class BasicAuthConfig(Wire, frozen=True, kw_only=True):
    username: str = ""
    password: str = ""


class Authentication(Wire, frozen=True, kw_only=True):
    sigv4: Sigv4Config | None = None
    oauth2: OAuth2Config | None = None
    basic_auth: BasicAuthConfig | None = None


class Header(Wire, frozen=True, kw_only=True):
    key: str = ""
    value: str = ""


class RangeQuery(Wire, frozen=True, kw_only=True):
    """`start` and `end` are expressions that give an instant; `step` is a Go duration."""

    start: str = ""
    end: str = ""
    step: str = ""


class PrometheusMetric(Wire, frozen=True, kw_only=True):
    """`timeout` is in seconds; None means the provider's default of 30."""

    address: str = ""
    query: str = ""
    authentication: Authentication = Authentication()
    timeout: int | None = None
    insecure: bool = False
    headers: tuple[Header, ...] = ()
    range_query: RangeQuery | None = None


class WebMetric(Wire, frozen=True, kw_only=True):
    """`method` is GET (default), POST or PUT; `body` and `json_body` exclude each other."""

    url: str = ""
    method: str = ""
    headers: tuple[Header, ...] = ()
    body: str = ""
    json_body: Any = None
    timeout_seconds: int | None = None
    json_path: str = ""
    insecure: bool = False
    authentication: Authentication = Authentication()


class JobMetric(Wire, frozen=True, kw_only=True):
    """`spec` is a batch/v1 JobSpec, copied as it came."""

    metadata: Any = None
    spec: Any = None


class MetricProvider(Wire, frozen=True, kw_only=True):
    """Exactly one is set. Those without a file in `metrics/` yet are kept unread."""

    prometheus: PrometheusMetric | None = None
    web: WebMetric | None = None
    job: JobMetric | None = None
    kayenta: Mapping[str, Any] | None = None
    wavefront: Mapping[str, Any] | None = None
    datadog: Mapping[str, Any] | None = None
    new_relic: Mapping[str, Any] | None = None
    cloud_watch: Mapping[str, Any] | None = None
    graphite: Mapping[str, Any] | None = None
    influxdb: Mapping[str, Any] | None = None
    skywalking: Mapping[str, Any] | None = None
    plugin: Mapping[str, Any] | None = None

    def names(self) -> tuple[str, ...]:
        """The providers that are set, under their JSON names."""
        rows = zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
        return tuple(name for name, attr in rows if getattr(self, attr) is not None)


class Metric(Wire, frozen=True, kw_only=True):
    """Delays and intervals are Go durations. None: not set, see `core/analysis/limits.py`.

    Ours: `no_data_limit` (default 4 in a row), `on_no_data` (error, fail or skip; without it a
    measurement without data is Inconclusive).
    """

    name: str = ""
    interval: str = ""
    initial_delay: str = ""
    count: IntOrString | None = None
    success_condition: str = ""
    failure_condition: str = ""
    failure_limit: IntOrString | None = None
    inconclusive_limit: IntOrString | None = None
    consecutive_error_limit: IntOrString | None = None
    consecutive_success_limit: IntOrString | None = None
    no_data_limit: IntOrString | None = None
    on_no_data: str = ""
    provider: MetricProvider = MetricProvider()


# --- Templates -----------------------------------------------------------------------------------


class AnalysisTemplateSpec(Wire, frozen=True, kw_only=True):
    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    templates: tuple[AnalysisTemplateRef, ...] = ()


class AnalysisTemplate(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: AnalysisTemplateSpec = AnalysisTemplateSpec()


class ClusterAnalysisTemplate(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: AnalysisTemplateSpec = AnalysisTemplateSpec()


# --- Runs ----------------------------------------------------------------------------------------


class TTLStrategy(Wire, frozen=True, kw_only=True):
    seconds_after_completion: int | None = None
    seconds_after_success: int | None = None
    seconds_after_failure: int | None = None


class AnalysisRunSpec(Wire, frozen=True, kw_only=True):
    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()
    terminate: bool = False
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    ttl_strategy: TTLStrategy | None = None


class Measurement(Wire, frozen=True, kw_only=True):
    """One answer of a provider; started and not finished means it is under way."""

    phase: str = always(str)
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    value: str = ""
    metadata: Mapping[str, str] = {}
    resume_at: datetime | None = None


class MetricResult(Wire, frozen=True, kw_only=True):
    """`count` is of completed measurements without errors and without those that had no data."""

    name: str = always(str)
    phase: str = always(str)
    measurements: tuple[Measurement, ...] = ()
    message: str = ""
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0
    consecutive_no_data: int = 0
    dry_run: bool = False
    metadata: Mapping[str, str] = {}


class RunSummary(Wire, frozen=True, kw_only=True):
    """How many metrics ended in each way."""

    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0


class AnalysisRunStatus(Wire, frozen=True, kw_only=True):
    """`phase` is empty before the run is first seen, then one of `core/analysis/assess.py`."""

    phase: str = always(str)
    message: str = ""
    metric_results: tuple[MetricResult, ...] = ()
    started_at: datetime | None = None
    run_summary: RunSummary = RunSummary()
    dry_run_summary: RunSummary | None = None
    completed_at: datetime | None = None


class AnalysisRun(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: AnalysisRunSpec = AnalysisRunSpec()
    status: AnalysisRunStatus = AnalysisRunStatus()
