#!/usr/bin/env bash
# Installs what authors of plugins need - header, pkg-config file, Swift package: install_kit.sh, with
# DESTDIR and PREFIX from the environment.
#
# What always holds here:
# - Nothing is built, and nothing outside DESTDIR is touched.
# - The kit stands alone: what are links into Sources here are files there.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
kit=$root/share/gamd/plugin-kit

install -d "$root/include/gamd" "$root/lib/pkgconfig" "$kit"
install -m 644 Sources/CGAMPlugin/include/*.h "$root/include/gamd/"
sed "s#@PREFIX@#$prefix#" PluginKit/gam-plugin.pc.in |
    install -m 644 /dev/stdin "$root/lib/pkgconfig/gam-plugin.pc"
install -m 644 PluginKit/Package.swift "$kit/"
find -L PluginKit/Sources -type f | while read -r file; do
    install -D -m 644 "$file" "$kit/${file#PluginKit/}"
done
