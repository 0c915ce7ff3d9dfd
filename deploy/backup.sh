#!/bin/sh
# Copies the data folder of a running gateway: deploy/backup.sh <data folder> <new folder for the copy>
# Needs GNU tar and sqlite3. The order matters; docs/operations.md says why.
set -eu
data=$1
copy=$2
umask 077
if [ ! -f "$data/clawhold.db" ]; then
  echo "There is no database in $data." >&2
  exit 1
fi
mkdir "$copy"

# Files of turns and sessions that end meanwhile may vanish: GNU tar then exits with 1, and with 2 after an error.
archive() {
  [ ! -d "$data/$1" ] || tar -C "$data" -cf "$copy/$1.tar" "$1" || [ $? -eq 1 ]
}

archive journal
sqlite3 -bail -cmd '.timeout 60000' "$data/clawhold.db" "VACUUM INTO '$copy/clawhold.db'"
archive blobs
sqlite3 -readonly "$copy/clawhold.db" 'PRAGMA quick_check' | grep -qx ok
echo "$copy is complete."
