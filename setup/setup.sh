#!/usr/bin/env bash
# Sets up everything the project runs on: the virtual environment .venv with the exact packages of
# requirements.lock, the project itself (editable), and the libraries for drawing without a screen.
# Run it as `make setup`. When nothing has changed since the last time it returns at once.
#
#   PYTHON=/path/to/python3.12 make setup     choose the interpreter (3.11 or 3.12)
#   bash setup/setup.sh core                  .venv-core instead: no robosuite, NumPy 2, any Python
#   bash setup/setup.sh docs                  .venv-docs instead: what builds the documentation site
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
"") VENV=.venv LOCK=requirements.lock BEFORE="(3, 13)" PYTHONS="python3 python3.12 python3.11" ;;
core) VENV=.venv-core LOCK=setup/core.lock BEFORE="(4,)" PYTHONS="python3" ;;
docs) VENV=.venv-docs LOCK=setup/docs.lock BEFORE="(4,)" PYTHONS="python3" ;;
*) echo "usage: setup.sh [core|docs]" >&2 && exit 2 ;;
esac
readonly VENV LOCK BEFORE PYTHONS
readonly STAMP=$VENV/set-up-for
readonly LOG=$VENV/set-up.log
# OSMesa comes last: recent distributions have none, and do with EGL.
readonly GL_PACKAGES=(libegl1 libgl1 libgl1-mesa-dri libosmesa6)
AS_ROOT=(env DEBIAN_FRONTEND=noninteractive)
[[ $EUID -eq 0 ]] || AS_ROOT=(sudo -n "${AS_ROOT[@]}")

# The site is made from our sources, which are read and not run: no project, PyTorch or GL for that.
builds_docs() { [[ $VENV == .venv-docs ]]; }

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

# What the environment depends on: this folder (scripts hold its path) and these files; the version,
# which results are stamped with, stands in the third.
fingerprint() {
    printf '%s\n' "$PWD"
    cat "$LOCK" pyproject.toml worldsim/__init__.py setup/setup.sh | cksum
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-$PYTHONS}; do
        if "$candidate" -c "import sys; sys.exit(not (3, 11) <= sys.version_info < $BEFORE)" \
            2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 or 3.12; tried ${PYTHON:-$PYTHONS}." \
        "Install one, or name it: PYTHON=/path/to/python make setup"
}

make_environment() {
    local python
    python=$(find_python)
    say "making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV" ||
        fail "'$python -m venv' does not work; on Debian and Ubuntu: apt-get install python3-venv"
}

# pip, with its chatter in a log: a count on a terminal, and the log's end where it fails.
pip_install() {
    local seen=0 line
    "$VENV/bin/python" -m pip --disable-pip-version-check install "$@" 2>&1 </dev/null |
        while IFS= read -r line; do
            printf '%s\n' "$line" >>"$LOG"
            [[ $line == Collecting* || $line == Processing* ]] || continue
            seen=$((seen + 1))
            [[ ! -t 2 ]] || printf '\rset-up: %d packages ' "$seen" >&2
        done || {
        [[ ! -t 2 ]] || echo >&2
        tail -n 15 "$LOG" >&2
        fail "pip could not install the packages; the lines above, and $LOG, say why"
    }
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
}

# Wheels only and without their dependencies: the lock is complete, and leaves out pynput -> evdev
# (robosuite's keyboard), which would need a compiler. A CUDA build of PyTorch, where pip picks one,
# brings libraries of its own: the second command fetches those and nothing else.
install_packages() {
    say "installing $(grep -c == "$LOCK") Python packages (minutes the first time)"
    : >"$LOG"
    pip_install --no-deps --only-binary=:all: --no-compile -r "$LOCK"
    if builds_docs; then return; fi
    pip_install --only-binary=:all: --no-compile -c "$LOCK" torch
    pip_install --no-deps --no-build-isolation -e .
}

has_library() { [[ $LIBRARIES == *"$1"* ]]; }

# OSMesa draws in software anywhere; EGL needs a driver (libEGL_mesa, libEGL_nvidia) behind it.
can_draw() {
    has_library libOSMesa.so ||
        { has_library libEGL.so.1 && has_library libEGL_ && has_library libGL.so.1; }
}

apt_install() {
    "${AS_ROOT[@]}" apt-get install -y -qq --no-install-recommends "$@" >&2
}

install_gl() {
    if command -v apt-get >/dev/null && "${AS_ROOT[@]}" true 2>/dev/null; then
        say "installing the libraries for drawing without a screen: ${GL_PACKAGES[*]}"
        "${AS_ROOT[@]}" apt-get update -qq >&2 || true
        apt_install "${GL_PACKAGES[@]}" || apt_install "${GL_PACKAGES[@]:0:3}" || true
        LIBRARIES=$(list_libraries)
    fi
    can_draw || say "OpenGL for drawing without a screen is missing: pictures need EGL or OSMesa." \
        "On Debian and Ubuntu: sudo apt-get install ${GL_PACKAGES[*]}"
}

list_libraries() { ldconfig -p 2>/dev/null || /sbin/ldconfig -p || true; }

stale() { [[ ! -e $STAMP || $(cat "$STAMP") != "$(fingerprint)" ]]; }

if [[ $(uname) == Linux ]] && ! builds_docs; then
    LIBRARIES=$(list_libraries)
    if ! can_draw || { stale && ! has_library libOSMesa.so; }; then
        install_gl </dev/null
    fi
fi
if [[ -e $STAMP && $(head -n 1 "$STAMP") != "$PWD" ]]; then
    say "this folder was moved; $VENV is made anew"
    rm -rf "$VENV"
fi
if stale; then
    "$VENV/bin/python" -c '' 2>/dev/null || make_environment
    install_packages
    fingerprint >"$STAMP"
    say "done: $VENV"
fi
