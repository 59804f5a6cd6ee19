#!/usr/bin/env bash
# Trains every shipped prior. Usage, after make build: Priors/train.sh TRAINING_FOLDER [OUTPUT_FOLDER]
# The same folder and processor give the same files; about half an hour on two cores.
set -euo pipefail
root=$1
out=${2:-$(dirname "$0")}
lists=$(cd "$(dirname "$0")" && pwd)
gamctl=${GAMCTL:-.build/release/gamctl}
export GAMD_PLUGINS=${GAMD_PLUGINS:-Plugins:.build/release}
train() { # name size options...
    local name=$1 size=$2
    shift 2
    echo "$name-$size"
    "$gamctl" train "$out/$name-$size.prior" "@$lists/${LIST:-$name}.list" --root "$root" \
        --name "$name" --size "$size" "$@"
}
for size in M S L; do
    case $size in
        M) train photo M --observations 6000000 --passes 24 ;;
        *) train photo "$size" --observations 5000000 --passes 12 ;;
    esac
    train drawing "$size" --observations 1500000 --passes 24 --transform subtract-green
    train gray "$size" --roles 1 --observations 3000000 --passes 16
    LIST=gray train plain "$size" --roles 1 --observations 3000000 --passes 16 --no-statistics
    train audio "$size" --domain causal --observations 2000000 --passes 16
    train volume "$size" --domain volume --roles 1 --observations 1000000 --passes 24 --no-statistics
    train distance "$size" --domain volume --roles 1 --observations 2000000 --passes 24 --no-statistics
done
