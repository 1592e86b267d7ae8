#!/bin/sh
# Find or install the Chromium that the browser journeys drive. Never fails by itself: the journeys are skipped without
# a browser, except under CI=true, where tests/journeys/conftest.py fails instead. The arguments are pytest's: when they name
# tests, and no journey is among them, there is nothing to install.
set -u

names_tests=
for argument in "$@"; do
    case $argument in
        tests | tests/ | *journeys* | *journey*) names_tests=; break ;;
        tests/*) names_tests=yes ;;
    esac
done
[ -n "$names_tests" ] && exit 0

for name in chromium-headless-shell chrome-headless-shell chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -n "${CHROMIUM:-}" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's chromium-headless-shell for the browser journeys..." >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # The same engine without what surrounds pages in a window; not every release has it.
    for package in chromium-headless-shell chromium; do
        apt-get install -y -qq --no-install-recommends "$package" >/dev/null && exit 0
    done
    echo "apt-get could not install chromium." >&2
fi
echo "No Chromium found: the browser journeys will not run." >&2
echo "Install it (Debian: apt-get install chromium; Fedora: dnf install chromium) or set CHROMIUM=/path/to/chromium." >&2
[ "${CI:-}" = true ] && exit 1
exit 0
