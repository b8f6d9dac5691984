"""AnalysisRuns: planned by `core/analysis`, measured beside the workers."""
