"""Makes the picture of the README again: `serinus get rollout` in the middle of the example.

`python scripts/readme_picture.py` starts the embedded cluster, releases v2 of the checkout service
under load, waits for the second gate's analysis and prints what the command shows then. With
`--write` it puts that into README.md, between the two lines that name this script.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from serinus.cli.composition import controlled, embedded
from serinus.cli.sender import load
from serinus.cli.story import CONTAINER, HOST, IMAGE, NAME, NAMESPACE, Story
from serinus.present.family import Family

README = Path(__file__).resolve().parents[1] / "README.md"
COMMAND = ("get", "rollout", NAME, "-n", NAMESPACE)
RELEASE = ("set", "image", NAME, f"{CONTAINER}={IMAGE}:v2", "-n", NAMESPACE)
SPEED, REQUESTS_PER_SECOND = 30.0, 300.0
STEP = 5  # the analysis of the second gate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put it into README.md")
    write = parser.parse_args().write
    picture = asyncio.run(pictured())
    if write:
        README.write_text(replaced(README.read_text(), picture))
    sys.stdout.write(picture)


def replaced(text: str, picture: str) -> str:
    """`text` with what stands between the two marks replaced."""
    block = f"```\n$ serinus {' '.join(COMMAND)}\n{picture}```\n"
    pattern = r"(?<=<!-- made by scripts/readme_picture.py -->\n).*?(?=<!-- end -->)"
    made, count = re.subn(pattern, lambda _: block, text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit("README.md has no marks to put the picture between")
    return made


async def pictured() -> str:
    """What the command prints a minute into the second gate."""
    async with embedded(speed=SPEED, port=0) as cluster, controlled(cluster):
        story = Story(cluster, REQUESTS_PER_SECOND)
        async with story.follower.following():
            await story.start()
            address = urlsplit(cluster.ingress_url).netloc
            async with load(cluster.clock, address, HOST, REQUESTS_PER_SECOND):
                await told(cluster.kubeconfig, *RELEASE)
                await story.follower.until(_in_second_gate)
                await cluster.clock.sleep(60)
                return await told(cluster.kubeconfig, *COMMAND)


async def told(kubeconfig: Path, *arguments: str) -> str:
    """The output of a command."""
    command = (sys.executable, "-m", "serinus.cli.main", "--kubeconfig", str(kubeconfig))
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"serinus {' '.join(arguments)} ended with {process.returncode}")
    return output.decode()


def _in_second_gate(family: Family) -> bool:
    status = family.rollout.status
    return status.current_step_index == STEP


if __name__ == "__main__":
    main()
