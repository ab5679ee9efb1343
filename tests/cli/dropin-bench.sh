#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bench as qemu-img does it.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

truncate -s 1M a.raw
"$peer" convert -O qcow2 a.raw a.qcow2
untimed () {
  sed 's/in [0-9]*\.[0-9]* seconds/in T seconds/'
}
bench () {
  same_filtered "$*" untimed bench "$@"
}

bench -c 10 a.raw
bench -f qcow2 -c 10 a.qcow2
bench -c 0 a.raw
bench -c 0x10 -d 0x10 a.raw
bench -c -1 a.raw
bench -c x a.raw
bench -c 1k a.raw
bench -c 3000000000 a.raw
bench -d x a.raw
bench -d 1k a.raw
bench -s 0 -c 100 a.raw
bench -s 3000000000 a.raw
bench -s 2M -c 3 a.raw
bench -s 1M -c 3 a.raw
bench -s 4097 -c 3 a.raw
bench -s 1000000 -c 5 a.raw
bench -s 512 -S 1k -c 3 a.raw
bench -S 0 -c 3 a.raw
bench -S x a.raw
bench -S 3G -c 3 a.raw
bench -o x a.raw
bench -o 1M -c 3 a.raw
bench -o 2M -c 3 a.raw
bench -o 600000 -S 600000 -s 512 -c 30 a.raw
bench -w --pattern 256 -c 3 a.raw
bench -w --pattern x a.raw
bench --pattern 3 -c 3 a.raw
bench --flush-interval 3 -c 3 a.raw
bench -w --flush-interval 3 -c 300 -f raw a.raw
bench -w --flush-interval 64 -c 300 -f raw a.raw
bench -w --flush-interval 64 --no-drain -c 300 -f raw a.raw
bench -w --flush-interval -1 a.raw
bench --no-drain -c 3 a.raw
bench -i foo a.raw
bench -i threads -c 3 a.raw
bench -i native -c 3 a.raw
bench -n -c 3 a.raw
bench -t bad -c 3 a.raw
bench -t writethrough -w -f raw -c 3 a.raw
bench -q -c 3 a.raw
bench -U -c 3 a.raw
bench -f qcow2 -c 3 a.raw
bench -c 3 no-such
bench -c 3
bench -c 3 a.raw a.raw
bench --no-such a.raw
bench --image-opts -c 3 driver=qcow2,file.filename=a.qcow2

# The same requests leave the same bytes.
for options in '-c 5 -s 512 -S 300000' '-c 3 -o 600000 -S 600000 -s 512' '-c 300 -s 4096' \
  '-c 20 -s 65537 -S 40000 -o 4096' '-c 40 -s 4k -S 12k -d 1'; do
  for format in raw qcow2; do
    for side in peer ours; do
      rm -f $side.img
      "$peer" create -q -f $format $side.img 1G
    done
    # shellcheck disable=SC2086
    {
      "$peer" bench -f $format -w --pattern 0xa5 $options peer.img >/dev/null 2>&1
      ours bench -f $format -w --pattern 0xa5 $options ours.img >/dev/null 2>&1
    }
    ok "$format: $options: same contents" "$peer" compare -f $format -F $format peer.img ours.img
  done
done
ok "sound" "$peer" check -q ours.img
