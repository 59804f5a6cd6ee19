#!/usr/bin/env bash
# Makes .build/deb/gamd_VERSION_amd64.deb from what is built, and asks lintian about it.
# What always holds here: an error of lintian is an error of this script.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
folder=.build/deb
tree=$folder/gamd-$version
rm -rf "$folder"
mkdir -p "$tree"
DESTDIR=$PWD/$tree/stage PREFIX=/usr UNITDIR=/lib/systemd/system Tools/install.sh
cp -a debian "$tree/debian"
(cd "$tree" && dpkg-buildpackage -b -us -uc -d >../build.log 2>&1) || {
    tail -40 "$folder/build.log"
    exit 1
}
rm -rf "$tree"
package=$folder/gamd_${version}_amd64.deb
lintian --fail-on error --allow-root "$package"
echo "$package"
