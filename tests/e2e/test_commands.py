"""`serinus get, status, promote, abort, retry, pause, undo, set image` on a rollout that lives."""

from __future__ import annotations

import re
from pathlib import Path

from e2e.shop import IMAGE, Json, Shop, at_rest, phase, step_of, weight_of

PAUSED = ({"setWeight": 50}, {"pause": {}}, {"setWeight": 80}, {"pause": {}})


def paused_at(index: int) -> object:
    return lambda version: phase(version) == "Paused" and step_of(version) == index


def test_a_release_is_led_by_hand_through_every_command(shop: Shop) -> None:
    def do(command: str) -> str:
        return shop.product.ok(shop.serinus(command)).out.strip()

    def image() -> str:
        containers: list[Json] = shop.rollout()["spec"]["template"]["spec"]["containers"]
        return str(containers[0]["image"])

    shop.deploy(steps=PAUSED)
    assert do("status shop") == "Healthy"
    assert "nothing to be promoted" in do("promote shop")
    with shop.followed() as seen:
        assert do(f"set image shop shop={IMAGE}:v2") == "rollout 'shop' image updated"
        seen.until(paused_at(1), "the first pause")
        assert do("status shop --no-watch") == "Paused - CanaryPauseStep"
        assert do("promote shop") == "rollout 'shop' promoted"
        seen.until(paused_at(3), "the second pause")
        assert do("abort shop") == "rollout 'shop' aborted"
        seen.until(lambda v: phase(v) == "Degraded" and weight_of(v) == 0, "the abort")
        ran = shop.serinus("status shop")
        assert ran.status == 1
        assert ran.out.startswith("Degraded - RolloutAborted")
        assert do("retry rollout shop") == "rollout 'shop' retried"
        seen.until(paused_at(1), "the retry, at the first pause")
        assert do("pause rollout/shop") == "rollout 'shop' paused"
        seen.until(lambda v: v["spec"].get("paused") is True, "the freeze")
        assert do("promote shop --full") == "rollout 'shop' fully promoted"
        seen.until(lambda version: at_rest(version, "v2"), "v2 promoted")
        assert do("undo shop") == "rollout 'shop' undone"
        assert image() == f"{IMAGE}:v1"
        seen.until(paused_at(1), "v1 as a release of its own")
        assert do("undo shop") == "rollout 'shop' undone"
        seen.until(lambda version: at_rest(version, "v2"), "back at v2, without a step")
        assert image() == f"{IMAGE}:v2"


def test_the_tree_is_shown_once_and_followed_also_as_a_plugin_of_kubectl(shop: Shop) -> None:
    shop.deploy(steps=PAUSED)
    script = shop.product.plugin()
    try:
        asked = f"get rollout shop -n {shop.namespace}"
        for ran in (shop.product.serinus(asked), shop.product.kubectl(f"serinus {asked}")):
            shown = shop.product.ok(ran).out
            assert "Status:          ✔ Healthy" in shown
            assert re.search(r"^⟳ shop +Rollout +✔ Healthy", shown, re.M)
            assert len(re.findall(r"□ shop-\S+ +Pod +✔ Running +\S+ +ready:1/1", shown)) == 2
            assert "\x1b" not in shown
        version = shop.product.ok(shop.product.kubectl("serinus version")).out
        assert version.startswith("serinus ")
    finally:
        script.unlink()
    watching = shop.product.start("get", "rollout", "shop", "-n", shop.namespace, "-w")
    watching.until_line("✔ Healthy")
    shop.release("v2")
    watching.until_line(r"# revision:2")
    watching.until_line(r"Status: +॥ Paused")
    assert watching.stop() == 130
    waiting = shop.product.start("status", "shop", "-n", shop.namespace)
    waiting.until_line("Paused - CanaryPauseStep")
    shop.product.ok(shop.serinus("promote shop --full"))
    assert waiting.wait() == 0
    assert waiting.lines[-1] == "Healthy"
    late = shop.serinus("set image shop", f"shop={IMAGE}:v3.never-listen")
    shop.product.ok(late)
    ran = shop.serinus("status shop --timeout 1s")
    assert ran.status == 1
    assert "did not come to an end in 1 s; it is Progressing" in ran.err


def test_what_is_wrong_is_told_in_a_sentence_that_says_what_to_do(
    shop: Shop, tmp_path: Path
) -> None:
    product, at = shop.product, f"-n {shop.namespace}"
    shop.deploy(replicas=1)
    config = Path(product.env["KUBECONFIG"]).read_text()
    refused, stranger = tmp_path / "refused", tmp_path / "stranger"
    refused.write_text(re.sub(r"(server: http://127\.0\.0\.1):\d+", r"\1:9", config))
    stranger.write_text(re.sub(r"(server: http://127\.0\.0\.1:\d+/)\S+", r"\1nobody", config))
    for command, sentence in (
        (
            f"get rollout shpo {at}",
            "there is no rollout 'shpo' in namespace .*; did you mean shop?",
        ),
        ("status shop -n elsewhere", rf"there is one in .*{shop.namespace}.*: add -n "),
        (f"set image shop cart=cart:v2 {at}", "no container is named cart; there are: shop"),
        (f"undo shop {at}", "there is no revision before the newest one; there are: 1"),
        ("get rollout --context prod", "contexts: there is no 'prod'; known: serinus"),
        ("get rollout shop --kubeconfig /nowhere", "/nowhere: cannot be read: No such file"),
        (f"get rollout shop --kubeconfig {refused}", "no answer from the cluster at 127.0.0.1:9"),
        (f"get rollout shop --kubeconfig {stranger}", "does not accept the credentials"),
    ):
        ran = product.serinus(command)
        assert ran.status == 1
        assert re.match(f"error: .*{sentence}", ran.err), ran.err
        assert ran.err.count("\n") == 1
    without = {key: value for key, value in product.env.items() if key != "KUBECONFIG"}
    ran = product.serinus("get rollout shop", env=without)
    assert ran.err.startswith("using the local cluster 'default' (")
    ran = product.serinus("get rollout shop", env=without | {"HOME": str(tmp_path)})
    assert "no kubeconfig at " in ran.err
    assert "serinus up" in ran.err or "--kubeconfig" in ran.err
    ran = product.serinus("aborrt shop")
    assert ran.status == 2
    assert "did you mean abort?" in ran.err
