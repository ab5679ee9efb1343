#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A qcow2 image cut off anywhere: a refusal is one line, nothing crashes, and what only reads changes
# nothing.  BLKIMG_TEST_STEP: bytes from one cut to the next (the default is quick; 1 is all).
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

mkimg=$top_builddir/tests/images/mkimg
[ ! -x "$top_builddir/tests/images/.libs/mkimg" ] || mkimg=$top_builddir/tests/images/.libs/mkimg
step=${BLKIMG_TEST_STEP:-211}

# Says what is wrong with the answers to cut.qcow2; silent when all is well.
look () {
  before=$(cksum <cut.qcow2)
  for command in "img-info" "img-check" "img-map --output=json"; do
    rc=0
    $command -f qcow2 cut.qcow2 >out 2>err || rc=$?
    [ "$rc" -le 3 ] || echo "$command at $length: exit $rc"
    [ "$rc" != 1 ] || [ -s err ] || echo "$command at $length: fails without a word"
  done
  rc=0
  img-convert -f qcow2 -O raw cut.qcow2 out.raw >out 2>err || rc=$?
  [ "$rc" -le 1 ] || echo "img-convert at $length: exit $rc"
  [ "$rc" = 0 ] || [ "$(wc -l <err)" = 1 ] || echo "img-convert at $length: not one line"
  [ "$rc" = 0 ] || [ ! -e out.raw ] || echo "img-convert at $length: leaves a file"
  rm -f out.raw
  [ "$(cksum <cut.qcow2)" = "$before" ] || echo "the image cut at $length has changed"
}

for name in sound snapshots bitmaps; do
  "$mkimg" "$top_srcdir/tests/images/qcow2/$name/x.qcow2.spec" whole.qcow2 || exit 99
  bytes=$(wc -c <whole.qcow2)
  : >faults
  length=0
  while [ "$length" -lt "$bytes" ]; do
    head -c "$length" whole.qcow2 >cut.qcow2
    look >>faults
    length=$((length + step))
  done
  is "$(cat faults)" "" "$name, cut every $step bytes"
done
