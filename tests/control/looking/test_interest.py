"""Who looks at what: no key is forgotten, and nothing is kept for keys that are gone."""

from __future__ import annotations

from serinus.control.looking.interest import Interest

A, B = ("shop", "a"), ("shop", "b")
SERVICE, OTHER, INGRESS = (
    ("services", "shop", "s"),
    ("services", "shop", "t"),
    ("ingresses.networking.k8s.io", "shop", "s"),
)


def test_everybody_who_looked_is_known_until_they_look_elsewhere() -> None:
    interest = Interest()
    interest.look(A, [SERVICE, INGRESS])
    interest.look(B, [SERVICE])
    assert interest.of(SERVICE) == (A, B)
    assert interest.of(INGRESS) == (A,)
    interest.look(A, [OTHER])
    assert interest.of(SERVICE) == (B,)
    assert interest.of(INGRESS) == ()
    assert interest.of_kind("services") == (B, A)


def test_a_key_that_looks_at_nothing_leaves_nothing_behind() -> None:
    interest = Interest()
    interest.look(A, [SERVICE, OTHER])
    interest.look(A, [])
    interest.look(A, [])
    assert len(interest) == 0
    assert interest._looked_at == {}
