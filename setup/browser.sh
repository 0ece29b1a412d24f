#!/usr/bin/env bash
# A browser for the tests of the report page. Without one, and without leave to install it, those
# tests are skipped and say so.
set -euo pipefail

command -v chromium >/dev/null || command -v chromium-browser >/dev/null && exit 0
as_root=(env DEBIAN_FRONTEND=noninteractive)
[[ $EUID -eq 0 ]] || as_root=(sudo -n "${as_root[@]}")
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    echo "set-up: installing Chromium, in which the report page is tested" >&2
    "${as_root[@]}" apt-get update -qq >&2 || true
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 || true
fi
command -v chromium >/dev/null ||
    echo "set-up: no Chromium: tests of the report page are skipped (apt-get install chromium)" >&2
