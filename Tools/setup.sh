#!/usr/bin/env bash
# Installs what building and testing need on Debian 12: setup.sh [--bench|--reading|--package]
#
# What always holds here:
# - Nothing is done that was done before: a second run takes less than a second.
# - Every step says what it does; a step that fails is tried once more, then named.
set -euo pipefail
cd "$(dirname "$0")/.."

# First what the Swift toolchain itself runs and links with; its archive brings none of it.
packages=(
    binutils libc6-dev libstdc++-12-dev libcurl4 libncurses6 libxml2 tzdata
    ca-certificates pkg-config git python3 python3-venv
    librocksdb-dev libspng-dev libtiff-dev libsndfile1-dev libflac-dev libzstd-dev libxxhash-dev zlib1g-dev
    libwebp-dev libjpeg62-turbo-dev libjxl-dev libopenvdb-dev libblosc-dev libboost-dev libtbb-dev
    libseccomp-dev libsystemd-dev libjemalloc-dev
    gcc protobuf-compiler flac libjxl-tools python3-openvdb patchelf
    systemd-container dbus-user-session libpam-systemd strace qemu-user
)
requirements=(Python/requirements-test.txt)
if [[ "${1:-}" == "--bench" || "${1:-}" == "--reading" ]]; then
    packages+=(webp libjxl-tools wavpack redis-server)
    requirements+=(Benchmarks/requirements.txt)
fi
if [[ "${1:-}" == "--reading" ]]; then
    packages+=(g++)
    requirements+=(Benchmarks/requirements-reading.txt)
fi
if [[ "${1:-}" == "--package" ]]; then packages+=(patchelf debhelper lintian fakeroot); fi
venv=.build/venv

say() { echo "setup: $*"; }

twice() {
    "$@" && return 0
    say "failed: $* - trying once more in 5 s"
    sleep 5
    "$@" && return 0
    say "failed twice: $*"
    return 1
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo DEBIAN_FRONTEND=noninteractive "$@"
    else
        say "packages must be installed: run this as root, or install sudo"
        return 1
    fi
}

apt() { as_root apt-get -q -o DPkg::Lock::Timeout=500 "$@"; }
apt_update_and_install() { apt update && apt install -y --no-install-recommends "$@"; }

install_packages() {
    local missing=() name
    for name in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q "ok installed" || missing+=("$name")
    done
    if [[ ${#missing[@]} -eq 0 ]]; then return 0; fi
    say "installing Debian packages: ${missing[*]}"
    twice apt_update_and_install "${missing[@]}"
}

check_swift() {
    if ! command -v swift >/dev/null; then
        say "no 'swift' in PATH: install a Swift 6.3 toolchain (swift.org) and add its usr/bin to PATH"
        return 1
    fi
    if ! swift --version >/dev/null; then
        say "'$(command -v swift)' does not run: install the Swift 6.3 toolchain for Debian 12"
        return 1
    fi
}

make_environment() {
    local wanted
    wanted=$(cat "${requirements[@]}")
    if [[ -x $venv/bin/python && -f $venv/installed.txt ]]; then
        # What a benchmark run added stays valid for the tests.
        if [[ "$(cat $venv/installed.txt)" == "$wanted"* ]]; then return 0; fi
    fi
    say "installing Python packages into $venv: ${requirements[*]}"
    if ! "$venv/bin/python" -c "" 2>/dev/null; then
        mkdir -p .build
        python3 -m venv --clear "$venv"
    fi
    local arguments=() file
    for file in "${requirements[@]}"; do arguments+=(-r "$file"); done
    twice "$venv/bin/python" -m pip install -q --disable-pip-version-check "${arguments[@]}"
    printf '%s' "$wanted" >"$venv/installed.txt"
}

install_packages
check_swift
make_environment
