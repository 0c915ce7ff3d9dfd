#!/bin/sh
# Makes a data folder from a copy: deploy/restore.sh <folder of the copy> <new data folder>
# The gateway of the data folder must not run.
set -eu
copy=$1
data=$2
umask 077
mkdir "$data"
for part in journal blobs; do
  [ ! -f "$copy/$part.tar" ] || tar -C "$data" -xf "$copy/$part.tar"
done
cp "$copy/clawhold.db" "$data/clawhold.db"
echo "$data is restored."
