"""Ports of a machine on which several clusters run, in a small range that only this process has."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from serinus.local.machine import ports
from serinus.local.machine.ports import NoFreePort, Ports

BLOCK, BLOCKS = 8, 3
FIRST = 10000 + os.getpid() % 80 * BLOCK * BLOCKS
ONE_PORT = """
import random, sys
from serinus.local.machine import ports
ports.FIRST, ports.LAST, ports.BLOCK = map(int, sys.argv[1:])
held = ports.Ports(random.Random(5))
print(held.take(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Ports]]:
    """Makes what gives one cluster its ports; all have the same luck."""
    made: list[Ports] = []

    def one() -> Ports:
        made.append(Ports(random.Random(5)))
        return made[-1]

    for name, value in (("FIRST", FIRST), ("LAST", FIRST + BLOCK * BLOCKS), ("BLOCK", BLOCK)):
        monkeypatch.setattr(ports, name, value)
    yield one
    for each in made:
        each.close()


def test_clusters_never_get_the_same_port(cluster: Callable[[], Ports]) -> None:
    a, b = cluster(), cluster()
    taken = [one.take() for one in [a] * BLOCK + [b] + [a] * (BLOCK - 2)]

    assert len({*taken}) == 2 * BLOCK - 1
    with pytest.raises(NoFreePort, match="other local clusters of this machine have the rest"):
        a.take()
    assert FIRST < b.take() < FIRST + BLOCK * BLOCKS


def test_another_process_keeps_its_ports_until_it_ends(cluster: Callable[[], Ports]) -> None:
    words = [sys.executable, "-c", ONE_PORT, *map(str, (FIRST, FIRST + BLOCK * BLOCKS, BLOCK))]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        ours = cluster().take()
        other.kill()

    assert (theirs - FIRST) // BLOCK != (ours - FIRST) // BLOCK
    assert cluster().take() == theirs


def test_a_port_is_given_again_as_late_as_possible(cluster: Callable[[], Ports]) -> None:
    one, given = cluster(), []
    for _ in range(BLOCK):
        given.append(one.take())
        one.give_back(given[-1])

    assert given[0] not in given[1:-1]
    assert given[-1] == given[0]


def test_a_port_on_which_somebody_listens_is_passed_over(cluster: Callable[[], Ports]) -> None:
    one = cluster()
    before = one.take()
    with socket.create_server(("127.0.0.1", before + 1)):
        assert one.take() == before + 2


def test_what_a_closed_one_had_is_there_for_others(cluster: Callable[[], Ports]) -> None:
    had = (one := cluster()).take()
    with closing(one):
        assert cluster().take() != had
    assert cluster().take() == had
