#!/bin/sh
# Makes the virtual environment $2 with the interpreter $1 and installs this checkout into it.
set -eu
python=$1
venv=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Serinus needs Python 3.11 or newer as '$python': sudo apt-get install python3 python3-venv" >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || {
    echo "This Python has no venv module: sudo apt-get install python3-venv" >&2
    exit 1
}
echo "setting up $venv (once) ..."
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[local,dev]'
