"""The imperative shell: fills snapshots, carries out plans. Decides nothing."""
