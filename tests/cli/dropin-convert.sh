#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# convert as qemu-img does it: output, exit status, and what the target then holds.
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/peer.sh"
plan

dd if=/dev/urandom of=src.raw bs=64k count=16 2>/dev/null
yes | head -c 500000 >>src.raw
truncate -s 4M src.raw
truncate -s 1000000 odd.raw
qemu-img convert -O qcow2 src.raw src.qcow2
qemu-img convert -c -O qcow2 src.raw comp.qcow2
qemu-img create -q -f qcow2 -b src.qcow2 -F qcow2 over.qcow2 5M
qemu-io -c 'write -P 7 1M 100k' -c 'write -z 2M 128k' over.qcow2 >/dev/null
cp src.qcow2 snap.qcow2
qemu-img snapshot -c one snap.qcow2
qemu-io -c 'write -P 9 0 1M' snap.qcow2 >/dev/null

# facts FILE: what the real one says of it, but for the space it takes
facts () {
  "$peer" info --output=json "$1" 2>&1 | grep -v '"actual-size"'
}

# both NAME ARGS...: into `new`; TARGET may be made anew by `before` for each
both () {
  convert_name=$1
  shift
  rm -f new
  ${before:-:}
  peer_rc=0
  "$peer" convert "$@" >.peer 2>.peer-err || peer_rc=$?
  facts new >.peer-facts
  [ ! -e new ] || mv new peer-new
  ${before:-:}
  ours_rc=0
  "$ours" convert "$@" >.ours 2>.ours-err || ours_rc=$?
  facts new >.ours-facts
  convert_same=true
  if [ "$peer_rc" != "$ours_rc" ] || ! cmp -s .peer .ours; then
    convert_same=false
  elif [ "$peer_rc" = 0 ]; then
    cmp -s .peer-facts .ours-facts && "$peer" compare peer-new new >.compare 2>&1 ||
      convert_same=false
  fi
  if $convert_same; then
    pass "$convert_name"
  else
    fail "$convert_name"
    diag "convert $*"
    diag "exit status: peer $peer_rc, ours $ours_rc"
    diag "$(diff -u .peer .ours; diff -u .peer-facts .ours-facts)"
    diag "peer: $(head -n 2 .peer-err)"
    diag "ours: $(head -n 2 .ours-err)"
  fi
  rm -f new peer-new
}

both "raw to raw" src.raw new
both "raw to qcow2" -O qcow2 src.raw new
both "qcow2 to raw" src.qcow2 new
both "odd size" -O qcow2 odd.raw new
both "odd size to raw" odd.raw new
both "compressed" -c -O qcow2 src.raw new
both "compressed, zstd" -c -O qcow2 -o compression_type=zstd src.raw new
both "from compressed" comp.qcow2 new
both "overlay" -O qcow2 over.qcow2 new
both "overlay onto its backing file" -O qcow2 -B src.qcow2 -F qcow2 over.qcow2 new
both "options" -O qcow2 -o cluster_size=4k,compat=0.10 src.raw new
both "extended L2" -O qcow2 -o extended_l2=on src.raw new
both "preallocation" -O qcow2 -o preallocation=metadata src.raw new
both "several" -O qcow2 src.raw over.qcow2 src.raw new
both "snapshot" -l one -O qcow2 snap.qcow2 new
both "snapshot by its option" -l snapshot.name=one -O qcow2 snap.qcow2 new
both "no such snapshot" -l two -O qcow2 snap.qcow2 new
both "-S 0" -S 0 src.raw new
both "-S 64k" -S 64k -O qcow2 src.raw new
both "-W -m 4" -W -m 4 -O qcow2 src.raw new
both "-C" -C src.raw new
both "-t none -T none" -t none -T none -O qcow2 src.raw new
both "--salvage" --salvage -O qcow2 src.raw new
both "-r" -r 100M -O qcow2 src.raw new
both "-q" -q -p -O qcow2 src.raw new
both "--image-opts" --image-opts -O qcow2 driver=qcow2,file.filename=over.qcow2 new

make_new () {
  qemu-img create -q -f qcow2 new 6M
  qemu-io -c 'write -P 3 0 6M' new >/dev/null
}
before=make_new
both "-n" -n -O qcow2 src.raw new
both "-n, target options" -n --target-image-opts src.raw driver=qcow2,file.filename=new
make_new () {
  qemu-img create -q -f qcow2 new 6M
}
both "--target-is-zero" -n --target-is-zero -O qcow2 src.raw new
make_new () {
  qemu-img create -q -f qcow2 new 1M
}
both "-n, too small" -n -O qcow2 src.raw new
before=

both "no operand"
both "one operand" src.raw
both "unknown option" --no-such src.raw new
both "unknown format" -O no-such src.raw new
both "unknown source format" -f no-such src.raw new
both "wrong source format" -f qcow2 src.raw new
both "unknown create option" -O qcow2 -o no-such=1 src.raw new
both "no such source" no-such new
both "-m 17" -m 17 src.raw new
both "-m 0" -m 0 src.raw new
both "-S 100" -S 100 src.raw new
both "-C -c" -C -c -O qcow2 src.raw new
both "-C -S" -C -S 4k src.raw new
both "-C --salvage" -C --salvage src.raw new
both "-c to raw" -c src.raw new
both "-c with preallocation" -c -O qcow2 -o preallocation=full src.raw new
both "-n, not there" -n src.raw new
both "-n with -o" -n -O qcow2 -o cluster_size=4k src.raw new
both "--target-is-zero alone" --target-is-zero src.raw new
both "--target-image-opts alone" --target-image-opts src.raw driver=raw,file.filename=new
both "-B without -F" -O qcow2 -B src.qcow2 src.raw new
both "-B for raw" -B src.qcow2 -F qcow2 src.raw new
both "-B with several" -O qcow2 -B src.qcow2 -F qcow2 src.raw src.raw new
both "-l with several" -l one -O qcow2 snap.qcow2 snap.qcow2 new
both "wrong cache mode" -t fast src.raw new
both "wrong source cache mode" -T fast src.raw new
