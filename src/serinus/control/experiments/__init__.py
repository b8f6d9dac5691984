"""The shell around Experiments: looks, carries out, tells; decides nothing."""
