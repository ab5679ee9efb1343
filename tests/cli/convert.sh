#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-convert: what its options mean, alone and together.  Contents in all formats are the
# differential tests' business.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

dd if=/dev/urandom of=rnd bs=64k count=32 2>/dev/null
cp rnd src.raw
truncate -s 8M src.raw
printf tail | dd of=src.raw bs=1 seek=8000000 conv=notrunc 2>/dev/null

# converts NAME ARGS...: into `new`, with the contents of src.raw
converts () {
  convert_name=$1
  shift
  rm -f new
  run_ok "$convert_name" img-convert "$@" new
  ok "$convert_name: same contents" img-compare src.raw new
}

# refuses NAME STATUS TEXT ARGS...: and makes no file
refuses () {
  convert_name=$1 convert_status=$2 convert_text=$3
  shift 3
  rm -f new
  run_fails "$convert_name" "$convert_status" img-convert "$@" new
  like "$err" "$convert_text" "$convert_name: says why"
  is "$(find . -name "*new*")" "" "$convert_name: leaves nothing"
}

converts "raw to raw" src.raw
same_bytes src.raw new "raw to raw: same bytes"
converts "raw to qcow2" -O qcow2 src.raw
cp new src.qcow2
converts "qcow2 to raw" -O raw src.qcow2
same_bytes src.raw new "qcow2 to raw: same bytes"
converts "formats given" -f qcow2 -O qcow2 src.qcow2
converts "long names" --source-format=qcow2 --target-format=qcow2 --source-cache=none \
  --target-cache=writethrough --parallel=2 --sparse-size=64k --rate-limit=1G src.qcow2
converts "create options" -O qcow2 -o cluster_size=4k -o refcount_bits=1 src.raw
like "$(img-info new)" 'cluster_size: 4096' "create options: are used"
converts "compressed" -c -O qcow2 src.raw
converts "compressed, zstd" -c -O qcow2 -o compression_type=zstd src.raw
converts "compressed, level" -c --compress-level=1 -O qcow2 src.raw
converts "out of order" -W -m 4 -O qcow2 src.raw
converts "copy range" -C src.raw
converts "no reflink" --reflink=never src.raw
converts "one thread" -m 1 -O qcow2 src.raw
cp new m1
converts "many threads" -m 256 -O qcow2 src.raw
same_bytes m1 new "output does not depend on the number of threads"
for c in 512 4k 2M; do
  img-convert -m 1 -O qcow2 -o cluster_size=$c src.raw m1
  img-convert -m 256 -O qcow2 -o cluster_size=$c src.raw new
  same_bytes m1 new "nor with clusters of $c"
  img-convert -c -m 1 -O qcow2 -o cluster_size=$c src.raw m1
  img-convert -c -m 16 -O qcow2 -o cluster_size=$c src.raw new
  same_bytes m1 new "nor compressed"
done
# Enough for tables that must move, which happens whenever it happens to.
head -c 192M /dev/urandom >long.raw
for m in 1 4 16; do
  img-convert -t unsafe -m $m -O qcow2 -o cluster_size=512 long.raw "long$m"
done
same_bytes long1 long4 "nor when the refcount table moves"
same_bytes long1 long16 "with many threads, too"
rm -f long*
converts "image-opts" --image-opts -O qcow2 driver=qcow2,file.filename=src.qcow2
have JSON "json name" && converts "json name" 'json:{"driver":"qcow2","file":{"driver":"file","filename":"src.qcow2"}}'
converts "unsafe" -t unsafe -O qcow2 src.raw
converts "over an old file" -O qcow2 src.raw
ok "over an old file: again" img-convert -O qcow2 src.raw new
ok "over an old file: same contents" img-compare src.raw new

# -S
converts "everything written" -S 0 src.raw
is "$(img-map --output=json new | grep -c '"zero": true')" 0 "everything written: no holes"
converts "small runs" -S 512 src.raw

# Into an existing target.
img-create -q -f qcow2 new.qcow2 8M
run_ok "-n" img-convert -n -O qcow2 src.raw new.qcow2
ok "-n: same contents" img-compare src.raw new.qcow2
img-create -q -f qcow2 new.qcow2 16M
run_ok "-n, larger" img-convert -n -O qcow2 src.raw new.qcow2
like "$(img-info new.qcow2)" '16 MiB' "-n, larger: keeps its size"
run_ok "--target-image-opts" img-convert -n --target-image-opts src.raw \
  driver=qcow2,file.filename=new.qcow2
img-create -q -f qcow2 new.qcow2 8M
run_ok "--target-is-zero" img-convert -n --target-is-zero -O qcow2 src.raw new.qcow2
ok "--target-is-zero: same contents" img-compare src.raw new.qcow2
dd if=/dev/urandom of=dirty.raw bs=64k count=128 2>/dev/null
run_ok "-n over data" img-convert -n src.raw dirty.raw
ok "-n over data: same contents" img-compare src.raw dirty.raw
img-create -q -f qcow2 small.qcow2 1M
run_fails "-n, too small" 1 img-convert -n -O qcow2 src.raw small.qcow2
like "$err" 'output file is smaller than input file' "-n, too small: says why"
run_fails "-n, not there" 1 img-convert -n -O qcow2 src.raw no-such
rm -f new.qcow2 small.qcow2

# Several sources.
rm -f new
run_ok "concatenation" img-convert -O qcow2 rnd src.qcow2 rnd new
cat rnd src.raw rnd >cat.raw
ok "concatenation: same contents" img-compare cat.raw new
rm -f cat.raw

# Overlays.
img-create -q -f qcow2 -b src.qcow2 -F qcow2 over.qcow2
rm -f new
run_ok "overlay" img-convert -O qcow2 -B src.qcow2 -F qcow2 over.qcow2 new
ok "overlay: same contents" img-compare src.raw new
like "$(img-info new)" 'backing file: src.qcow2' "overlay: refers to it"
unlike "$(img-map --output=json new)" '"depth": 0, "present": true' "overlay: holds nothing itself"

# What does not go together.
refuses "no target" 64 'Must specify image file name' -O qcow2
refuses "-C with -c" 64 'offloading when -c' -C -c -O qcow2 src.raw
refuses "-C with -S" 64 'offloading when -S' -C -S 4k src.raw
refuses "-C with --salvage" 64 'salvaging' -C --salvage src.raw
refuses "-m 0" 64 '1 to 256' -m 0 src.raw
refuses "-m 257" 64 '1 to 256' -m 257 src.raw
refuses "-m x" 64 "'x' is not a number" -m x src.raw
refuses "-S 100" 64 'multiples of 512' -S 100 src.raw
refuses "-S 32M" 64 'multiples of 512' -S 32M src.raw
refuses "-r 0" 64 'above 0' -r 0 src.raw
refuses "-B without -F" 64 '-F' -O qcow2 -B src.qcow2 src.raw
refuses "-F without -B" 64 '-b' -O qcow2 -F qcow2 src.raw
refuses "-n with -o" 64 '-n' -n -O qcow2 -o cluster_size=4k src.raw
refuses "--target-is-zero alone" 64 'requires use of -n' --target-is-zero src.raw
refuses "--target-image-opts alone" 64 'requires use of -n' --target-image-opts src.raw
refuses "-O with --target-image-opts" 64 'mutually exclusive' -n -O raw --target-image-opts src.raw
refuses "-f with --image-opts" 64 'mutually exclusive' -f raw --image-opts driver=raw,file.filename=src.raw
refuses "snapshots of several" 64 'snapshot' -l x src.qcow2 src.qcow2
refuses "overlay of several" 64 'concatenating' -O qcow2 -B src.qcow2 -F qcow2 src.raw src.raw
refuses "a cache mode" 64 "'fast'" -t fast src.raw
refuses "a source cache mode" 64 "'fast'" -T fast src.raw
refuses "level without -c" 64 'needs -c' --compress-level=3 -O qcow2 src.raw
refuses "compression of raw" 1 'raw images cannot be compressed' -c src.raw
refuses "compression and preallocation" 1 'same time' -c -O qcow2 -o preallocation=full src.raw
refuses "unknown format" 1 'no-such' -O no-such src.raw
refuses "unknown source format" 1 'no-such' -f no-such src.raw
refuses "unknown option" 1 'no_such' -O qcow2 -o no_such=1 src.raw
refuses "no source" 1 'no-such' -O qcow2 no-such
refuses "second source is not there" 1 'no-such' -O qcow2 src.raw no-such
refuses "overlay of a raw target" 1 'acking' -B src.qcow2 -F qcow2 src.raw
cp src.raw both
run_fails "source is target" 1 img-convert both both
same_bytes src.raw both "source is target: unharmed"
run_fails "no folder" 1 img-convert -O qcow2 src.raw no/such/new
run_fails "one operand" 64 img-convert -O qcow2

run_ok "-o help" img-convert -O qcow2 -o help src.raw new
like "$out" '^  cluster_size=<size> ' "-o help: lists"

# Drop-in mode.
ln -s "$(command -v img)" qemu-img
run_ok "drop-in" ./qemu-img convert -O qcow2 src.raw new
ok "drop-in: same contents" img-compare src.raw new
is "$out" "" "drop-in: prints nothing"
run_fails "drop-in: usage" 1 ./qemu-img convert -m 17 src.raw new
like "$err" '^qemu-img: ' "drop-in: carries the name"
run_ok "drop-in: -p" ./qemu-img convert -p -O qcow2 src.raw new
is "$(printf '%s' "$out" | tr '\r' '\n' | sed -n 1p)" '    (0.00/100%)' "drop-in: first report"
is "$(printf '%s' "$out" | tr '\r' '\n' | tail -n 1)" '    (100.00/100%)' "drop-in: last report"
run_ok "drop-in: -q -p" ./qemu-img convert -q -p -O qcow2 src.raw new
is "$out" "" "drop-in: -q silences -p"

# A file that several threads make longer is not cut by the one that comes late.  Tries: it is a race.
truncate -s 40M holes.raw
awk -v seed="$seed" 'BEGIN { srand (seed)
  for (i = 0; i < 40; i++) print int (rand () * 40000), int (rand () * 200) + 1 }' |
  while read -r at n; do
    dd if=/dev/urandom of=holes.raw bs=1k count="$n" seek="$at" conv=notrunc 2>/dev/null
  done
bad=
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  img-convert -m 4 -f raw -O vdi holes.raw grown.vdi && img-compare -q -f raw holes.raw grown.vdi ||
    bad="$bad $i"
done
is "$bad" "" "a file grown by several threads holds everything"
