#!/usr/bin/env bash
# What people look at is tested in a browser and on a screen that nobody sees. Without these, and
# without leave to install them, such tests are skipped and say so.
set -euo pipefail

missing() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo chromium
    command -v Xvfb >/dev/null || echo xvfb
}

mapfile -t packages < <(missing)
((${#packages[@]})) || exit 0
as_root=(env DEBIAN_FRONTEND=noninteractive)
[[ $EUID -eq 0 ]] || as_root=(sudo -n "${as_root[@]}")
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    echo "set-up: installing, for tests of pages and windows: ${packages[*]}" >&2
    "${as_root[@]}" apt-get update -qq >&2 || true
    for package in "${packages[@]}"; do
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || true
    done
fi
mapfile -t packages < <(missing)
((${#packages[@]} == 0)) ||
    echo "set-up: tests of pages or windows are skipped (apt-get install ${packages[*]})" >&2
