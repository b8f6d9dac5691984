"""The live view: a picture for a terminal, lines of news for everything else; lists of rollouts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec

from present.objects import NOON, family, golden
from serinus.present.demo import Counted, Scene, news, pace, picture
from serinus.present.lines import to_plain
from serinus.present.listing import listing

SCENE = Scene(
    now=NOON,
    speed=30,
    title="release v2, good: to be promoted",
    family=family(),
    traffic={"v1": Counted(requests=12345), "v2": Counted(requests=640, errors=3)},
    lost=0,
)


def test_the_picture_reads_as_its_golden_text() -> None:
    assert to_plain(picture(SCENE)) == golden("picture.txt")


def test_before_there_is_a_rollout_the_picture_tells_title_and_pace() -> None:
    assert to_plain(picture(replace(SCENE, family=None))) == (
        "release v2, good: to be promoted\npace      one second here is 30 seconds of the rollout\n"
    )


def test_the_pace_of_the_wall_is_told_as_such() -> None:
    assert pace(1) == "one second here is one second of the rollout"
    assert pace(2.5) == "one second here is 2.5 seconds of the rollout"


def test_the_first_news_tell_everything() -> None:
    assert to_plain(news(None, SCENE)) == golden("news.txt")


def test_news_without_a_change_are_none() -> None:
    assert news(SCENE, replace(SCENE, now=NOON + timedelta(minutes=1))) == ()


def test_news_tell_only_what_changed() -> None:
    weights = {"canary": {"weight": 50}, "stable": {"weight": 50}}
    moved = family(currentStepIndex=4, canary={"weights": weights}, conditions=[])
    later = replace(SCENE, now=NOON + timedelta(seconds=90), family=moved, lost=2)
    assert to_plain(news(SCENE, later)) == (
        "12:01:30  weights: canary 50, stable 50\n"
        "12:01:30  step 5 of 6: setWeight\n"
        "12:01:30  2 requests lost\n"
    )


def test_rollouts_are_listed_by_namespace_and_name() -> None:
    found = [family().rollout, family("broken.yaml").rollout]
    assert to_plain(listing(found, NOON, namespaces=True)) == golden("listing.txt")
    assert "production" not in to_plain(listing(found, NOON))


def test_once_promoted_nothing_goes_to_a_revision_on_trial() -> None:
    promoted = replace(SCENE, family=family(currentPodHash="old", currentStepIndex=6))
    assert "12:00:00  weights: canary 0, stable 100\n" in to_plain(news(SCENE, promoted))
    assert "stable 100 " in to_plain(picture(promoted))


def test_a_revision_without_pods_is_told_as_such() -> None:
    broken = replace(SCENE, family=family("broken.yaml"))
    assert "12:00:00  shop-c1: no pods\n" in to_plain(news(None, broken))


def test_a_measurement_is_told_when_it_has_ended() -> None:
    found = family()
    (run,) = found.runs
    (rate, *others) = run.status.metric_results
    asked = msgspec.structs.replace(rate.measurements[-1], phase="Running", value="")
    going = msgspec.structs.replace(rate, measurements=(*rate.measurements, asked))
    status = msgspec.structs.replace(run.status, metric_results=(going, *others))
    later = replace(found, runs=(msgspec.structs.replace(run, status=status),))
    assert news(SCENE, replace(SCENE, family=later)) == ()
