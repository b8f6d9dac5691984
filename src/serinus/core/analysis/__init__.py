"""One AnalysisRun: what to measure when, what the answers mean, how it ends. Pure."""
