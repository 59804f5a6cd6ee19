#!/usr/bin/env bash
# Installs what `make build` has built: install.sh, with DESTDIR, PREFIX, SYSCONFDIR and UNITDIR from
# the environment.
#
# What always holds here:
# - Nothing outside DESTDIR is touched, and an administrator's gamd.toml is kept.
# - The Swift runtime the programs were linked with goes along, so that the target needs no toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
etc=${SYSCONFDIR:-/etc}
units=${UNITDIR:-$prefix/lib/systemd/system}
build=.build/release
python=.build/venv/bin/python
library=$prefix/lib/gamd

copy() { install -D -m "$1" "$2" "$root$3"; }

# The runtime's libraries that a program needs, by their paths.
runtime() { ldd "$@" | awk '/swift\/linux/ { print $3 }' | sort -u; }

programs=(gamd gamctl gamd-worker)

for program in gamd gamctl; do
    copy 755 "$build/$program" "$prefix/bin/$program"
    patchelf --set-rpath '$ORIGIN/../lib/gamd/swift' "$root$prefix/bin/$program"
done
# Started by gamd and gamctl, never by hand.
copy 755 "$build/gamd-worker" "$library/gamd-worker"
patchelf --set-rpath '$ORIGIN/swift' "$root$library/gamd-worker"
for plugin in "$build"/libgamd-*.so; do
    name=$(basename "$plugin")
    copy 644 "$plugin" "$library/plugins/$name"
    patchelf --set-rpath '$ORIGIN/../swift' "$root$library/plugins/$name"
done
for manifest in Plugins/*.toml; do
    copy 644 "$manifest" "$library/plugins/$(basename "$manifest")"
done
for file in $(runtime "${programs[@]/#/$build/}" "$build"/libgamd-*.so); do
    copy 644 "$file" "$library/swift/$(basename "$file")"
done

DESTDIR=$root PREFIX=$prefix Tools/install_kit.sh

for unit in systemd/*.service systemd/*.socket systemd/*.timer; do
    sed "s|@BINDIR@|$prefix/bin|" "$unit" |
        install -D -m 644 /dev/stdin "$root$units/$(basename "$unit")"
done
for unit in systemd/user/*; do
    sed "s|@BINDIR@|$prefix/bin|" "$unit" |
        install -D -m 644 /dev/stdin "$root$prefix/lib/systemd/user/$(basename "$unit")"
done
copy 644 systemd/gamd.sysusers "$prefix/lib/sysusers.d/gamd.conf"
copy 644 systemd/gamd.tmpfiles "$prefix/lib/tmpfiles.d/gamd.conf"
copy 644 systemd/gamd.catalog "$prefix/lib/systemd/catalog/gamd.catalog"

if [[ ! -e $root$etc/gamd/gamd.toml ]]; then copy 644 Config/gamd.toml "$etc/gamd/gamd.toml"; fi
install -d "$root$etc/gamd/gamd.toml.d"
copy 644 Config/grafana-dashboard.json "$prefix/share/gamd/grafana-dashboard.json"

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$python" Tools/man_pages.py "$build" "$pages"
for page in "$pages"/*; do
    copy 644 "$page" "$prefix/share/man/man${page##*.}/$(basename "$page")"
done

completion() {
    "$build/gamctl" --generate-completion-script "$1" | sed '1{/^#!/d}' |
        install -D -m 644 /dev/stdin "$root$prefix/share/$2"
}
zsh=zsh/site-functions
[[ $prefix == /usr ]] && zsh=zsh/vendor-completions
completion bash bash-completion/completions/gamctl
completion zsh $zsh/_gamctl
completion fish fish/vendor_completions.d/gamctl.fish

if [[ -z $root ]]; then
    echo "installed; next: systemd-sysusers && systemctl daemon-reload &&" \
        "systemctl enable --now gamd.socket"
fi
