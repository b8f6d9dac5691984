"""The text format, as Prometheus and `promtool check metrics` read it."""

from __future__ import annotations

from serinus.control.counting.exposition import Family, Histogram, text


def test_counters_gauges_and_histograms_as_text() -> None:
    errors = Family("errors_total", "counter", "Errors.\nAll of them.")
    errors.add(name='a"b\\c\nd')
    errors.add(2, name="z")
    depth = Family("depth", "gauge", "Keys.")
    depth.set(0.5)
    took = Histogram("took", "Seconds.", (0.1, 1.0))
    for value in (0.1, 0.5, 7.0):
        took.observe(value, name="x")
    empty = Family("never", "counter", "Nothing yet.")
    assert text([errors, depth, took, empty]) == (
        "# HELP errors_total Errors.\\nAll of them.\n"
        "# TYPE errors_total counter\n"
        'errors_total{name="a\\"b\\\\c\\nd"} 1\n'
        'errors_total{name="z"} 2\n'
        "# HELP depth Keys.\n"
        "# TYPE depth gauge\n"
        "depth 0.5\n"
        "# HELP took Seconds.\n"
        "# TYPE took histogram\n"
        'took_bucket{name="x",le="0.1"} 1\n'
        'took_bucket{name="x",le="1"} 2\n'
        'took_bucket{name="x",le="+Inf"} 3\n'
        'took_sum{name="x"} 7.6\n'
        'took_count{name="x"} 3\n'
    )


def test_the_series_of_an_object_go_with_it() -> None:
    errors = Family("errors_total", "counter", "Errors.")
    errors.add(namespace="a", name="x", code="1")
    errors.add(namespace="a", name="y")
    errors.drop(namespace="a", name="x")
    assert list(errors.series) == [(("name", "y"), ("namespace", "a"))]
    took = Histogram("took", "Seconds.", (1.0,))
    took.observe(1, namespace="a", name="x")
    took.drop(namespace="a", name="x")
    assert text([took]) == ""
    assert text([took], empty=True) == "# HELP took Seconds.\n# TYPE took histogram\n"
