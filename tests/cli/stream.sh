#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images on standard output, in FIFOs and on character devices: one pass, and nothing but the image.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

truncate -s 20M a.raw
awk -v seed="$seed" 'BEGIN { srand (seed)
  for (i = 0; i < 40; i++) print int (rand () * 20000), int (rand () * 200) + 1 }' |
  while read -r at n; do
    dd if=/dev/urandom of=a.raw bs=1k count="$n" seek="$at" conv=notrunc 2>/dev/null
  done
truncate -s 20M a.raw
img-convert -f raw -O qcow2 -c -o cluster_size=4k a.raw c.qcow2
img-create -q -f qcow2 -b c.qcow2 -F qcow2 top.qcow2

# piped WANTED ARGUMENT...: what arrives shows the same as WANTED
piped () {
  want=$1
  shift
  img-convert "$@" - 2>err | cat >out.qcow2
  if [ -s err ]; then
    fail "nothing is said: $*"
    diag "$(cat err)"
  fi
  ok "consistent: $*" img-check -q out.qcow2
  ok "the same: $*" img-compare -F raw out.qcow2 "$want"
}
for o in cluster_size=64k cluster_size=512 cluster_size=2M extended_l2=on compat=0.10 \
    refcount_bits=1 refcount_bits=64,cluster_size=4k; do
  piped a.raw -f raw -O qcow2 -o $o a.raw
done
piped a.raw -O qcow2 c.qcow2
piped a.raw -O qcow2 top.qcow2
piped a.raw -O qcow2 -S 0 -f raw a.raw
piped a.raw -O qcow2 -S 64k -f raw a.raw
cat a.raw a.raw >two.raw
piped two.raw -O qcow2 -f raw a.raw a.raw
truncate -s 0 empty.raw
piped empty.raw -O qcow2 -f raw empty.raw
truncate -s 5T huge.raw
img-convert -f raw -O qcow2 huge.raw - | cat >out.qcow2
ok "an empty image of 5 TiB is small" test "$(wc -c <out.qcow2)" -lt 1000000
ok "and right" img-check -q out.qcow2
if command -v qemu-img >/dev/null 2>&1; then
  img-convert -f raw -O qcow2 a.raw - | cat >out.qcow2
  ok "qemu-img check" qemu-img check -q out.qcow2
  ok "qemu-img compare" qemu-img compare -q a.raw out.qcow2
fi

one=$(img-convert -O qcow2 -m 1 c.qcow2 - | cksum)
is "$(img-convert -O qcow2 -m 7 c.qcow2 - | cksum)" "$one" "the same bytes for any number of threads"

is "$(img-convert c.qcow2 - | cksum)" "$(cksum <a.raw)" "raw"
is "$(img-convert -p -m 3 top.qcow2 - 2>err | cksum)" "$(cksum <a.raw)" "raw, with progress"
like "$(cat err)" '100' "which is on standard error"
img-convert c.qcow2 - >to-file
ok "to a regular file" cmp a.raw to-file
is "$(img-convert c.qcow2 /dev/stdout | cksum)" "$(cksum <a.raw)" "/dev/stdout"
mkfifo fifo
cat fifo >from-fifo &
run_ok "a FIFO" img-convert c.qcow2 fifo
wait
ok "all of it" cmp a.raw from-fifo
ok "it is still a FIFO" test -p fifo
# With no reader it waits, and a signal ends that.
run_fails "nobody reads" 124 timeout -k 20 0.5 img-convert c.qcow2 fifo
run_fails "nobody reads what img-dd writes" 124 timeout -k 20 0.5 img-dd if=c.qcow2 of=fifo
run_ok "a character device" img-convert c.qcow2 /dev/null

(img-convert c.qcow2 - 2>err; echo $? >rc) | head -c 10000 >/dev/null
is "$(cat rc)" 1 "the reader goes away"
like "$(cat err)" 'standard output: .*Broken pipe' "and what is said"
if [ -w /dev/full ]; then
  run_fails "no space" 1 img-convert c.qcow2 /dev/full
  like "$err" '/dev/full: .*No space' "is said"
fi
if [ -w /dev/ptmx ]; then
  run_fails "a terminal" 1 img-convert c.qcow2 /dev/ptmx
  like "$err" 'not for a terminal' "is said"
fi
# What cannot be written in one go is made in a temporary folder first.
mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
piped a.raw -O qcow2 -c c.qcow2
piped a.raw -O qcow2 -o preallocation=metadata c.qcow2
piped a.raw -O qcow2 -b c.qcow2 -F qcow2 top.qcow2
like "$(img-info out.qcow2)" 'backing file: c.qcow2' "named as it was said"
ok "what is left to it" test "$(wc -c <out.qcow2)" -lt 1000000
piped a.raw -O vdi c.qcow2
img-convert -f raw -O qcow2 a.raw b.qcow2
img-bitmap --add b.qcow2 b
piped a.raw -O qcow2 --bitmaps b.qcow2
like "$(img-info out.qcow2)" 'name: b$' "bitmaps come along"
if img-modules gcrypt >/dev/null 2>&1; then
  img-convert -O luks --object secret,id=s,data=x -o key-secret=s,iter-time=10 c.qcow2 - >out.luks
  ok "luks: the same" img-compare -q --object secret,id=s,data=x --image-opts \
    driver=raw,file.filename=a.raw driver=luks,file.filename=out.luks,key-secret=s
fi
(img-convert -c -O qcow2 a.raw - 2>err; echo $? >rc) | head -c 10000 >/dev/null
is "$(cat rc)" 1 "the reader goes away"
is "$(ls tmp)" "" "nothing is left in the folder"
TMPDIR=$PWD/nowhere run_fails "no such folder" 1 img-convert -c -O qcow2 a.raw -
is "$out" "" "nothing is written"
unset TMPDIR
for o in -n '-O qcow2 -o data_file=x' '-O qcow2 -o backing_file=a.raw,backing_fmt=raw'; do
  # shellcheck disable=SC2086
  run_fails "refused: $o" 1 img-convert $o c.qcow2 -
  is "$out" "" "nothing is written"
  like "$err" "the option .* does not go with a stream" "is said"
done
run_fails "refused: JSON beside the image" 1 img-convert --output=json c.qcow2 -
# In drop-in mode it is the name of a file.
ln -s "$(command -v img)" qemu-img
run_ok "drop-in" ./qemu-img convert c.qcow2 -
is "$out" "" "nothing on standard output"
ok "a file named -" cmp a.raw ./-
