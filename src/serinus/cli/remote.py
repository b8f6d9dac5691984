"""What a kubeconfig of `serinus up` tells other processes: its clock and where its names lead."""

from __future__ import annotations
