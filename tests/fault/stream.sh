#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Streams, and what waits in a temporary file or folder, with faults: of these nothing is left.
. "${top_srcdir:-.}/tests/fault/sweep.sh"
plan
images
# Redirections are the shell's: it is spared by names that are not relative.
here='"$PWD"'
export TMPDIR=.

common () {
  echo write EIO ENOSPC+ EINTR SHORT
  echo open EIO
  echo flush EIO
  echo truncate ENOSPC
  echo allocate EIO ENOSPC+
  echo rename EIO
  echo stat EIO
}
what_fails () {
  echo read EIO EOF EINTR SHORT
  common
}
sweep out-raw stream "img-convert -O raw top.qcow2 - >$here/t.out"
sweep out-qcow2 stream "img-convert -O qcow2 top.qcow2 - >$here/t.out"
sweep out-spooled stream "img-convert -c -O qcow2 -B base.qcow2 -F qcow2 r.raw - >$here/t.out"
sweep dd-out stream "img-dd if=x.qcow2 bs=64k skip=1 count=9 >$here/t.out"

# Differences are an answer, not a fault.
sweep list "img-compare --list x.qcow2 old.raw || [ \$? -eq 1 ]"
sweep list-json "img-compare --list --output=json x.qcow2 old.raw >$here/.run-json; rc=\$?
  [ \$rc -le 1 ] || exit \$rc; grep -v elapsed $here/.run-json"

# A stream ends where it ends.
what_fails () {
  echo read EIO EINTR SHORT
  common
}
sweep in-raw "img-convert - t.raw <$here/r.raw"
sweep in-qcow2 "img-convert -O qcow2 - t.qcow2 <$here/r.raw"
sweep in-over over "img-convert -c -O qcow2 - old.raw <$here/r.raw"
sweep in-out stream "img-convert -O qcow2 - - <$here/r.raw >$here/t.out"
sweep dd-in "img-dd of=t.raw bs=64k seek=1 <$here/r.raw"
sweep dd-in-out stream "img-dd bs=64k skip=1 count=9 <$here/r.raw >$here/t.out"
cp start/top.qcow2 start/t.qcow2
"$series" listing start >start.listing
sweep dd-into in-place "img-dd of=t.qcow2 bs=1000 seek=70 count=400 conv=notrunc,fsync <$here/r.raw"
