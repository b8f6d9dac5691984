"""`python -m benchmarks [name ...] [--large] [--json FILE]`: run them and print their ratios.

Exit status 1 if a figure does not keep its bound.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figure import Figure

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "src"))
NOT_BENCHMARKS = {"__main__", "api_process", "figure", "fleet", "fleet_process"} | {
    *("obedient", "servers", "shop"),
}


def main(arguments: Sequence[str]) -> int:
    names = sorted({found.name for found in pkgutil.iter_modules([str(HERE)])} - NOT_BENCHMARKS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--large", action="store_true", help="the large sizes, where a benchmark has them"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(names))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    figures = list(measured(chosen.names or names, large=chosen.large))
    if chosen.json:
        shown = [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
        chosen.json.write_text(json.dumps(shown, indent=2) + "\n")
    missed = [figure for figure in figures if not figure.met]
    print(f"\n{len(figures)} figures, {len(missed)} out of bounds")
    return 1 if missed else 0


def measured(names: Sequence[str], *, large: bool = False) -> Iterator[Figure]:
    """The figures of each benchmark, printed as they come."""
    print(row("", "ratio", "against", "bound", "raw figures"))
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        figures = getattr(module, "large_figures", module.figures) if large else module.figures
        for figure in figures():
            print(line(name, figure), flush=True)
            yield figure


def line(name: str, figure: Figure) -> str:
    what = f"{name}: {figure.what}"
    if figure.skipped:
        return row(what, "-", "", "", f"skipped: {figure.skipped}")
    mark = "" if figure.met else "  <-- missed"
    return row(what, f"{figure.ratio:.3g}", figure.against, figure.bound + mark, figure.detail)


def row(what: str, ratio: str, against: str, bound: str, detail: str) -> str:
    return f"{what:<56} {ratio:>8}  {against:<44} {bound:<10} {detail}".rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
