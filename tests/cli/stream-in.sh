#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images from standard input: the target grows as the stream comes.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# More than two windows of 16 MiB, with zeroes, text and noise, at random.
truncate -s 40M a.raw
yes "$seed" | head -c 9000000 | dd of=a.raw bs=1M seek=12 conv=notrunc 2>/dev/null
awk -v seed="$seed" 'BEGIN { srand (seed)
  for (i = 0; i < 40; i++) print int (rand () * 40000), int (rand () * 200) + 1 }' |
  while read -r at n; do
    dd if=/dev/urandom of=a.raw bs=1k count="$n" seek="$at" conv=notrunc 2>/dev/null
  done
truncate -s 40M a.raw

for o in '-O raw' '-O raw -S 0' '-O qcow2' '-O qcow2 -c' '-O qcow2 -o cluster_size=512' \
    '-O qcow2 -c -o cluster_size=2M' '-O qcow2 -o extended_l2=on' '-O vdi'; do
  f=${o#-O }
  f=${f%% *}
  rm -f in.img
  # shellcheck disable=SC2086
  if cat a.raw | img-convert $o - in.img >said 2>&1; then
    pass "$o"
  else
    fail "$o"
    diag "$(cat said)"
  fi
  is "$(cat said)" "" "$o: nothing is said"
  ok "$o: the same" img-compare -q -f raw -F "$f" a.raw in.img
  [ "$f" = raw ] || ok "$o: consistent" img-check -q in.img
done
ok "raw: sparse" test "$(img-convert - in.img <a.raw && du -k in.img | cut -f1)" -lt 36000

# Over another image: what is the same there is left to it.
cp --sparse=always a.raw base.raw
dd if=/dev/urandom of=base.raw bs=64k seek=100 count=3 conv=notrunc 2>/dev/null
dd if=/dev/urandom of=base.raw bs=64k seek=600 count=3 conv=notrunc 2>/dev/null
# noise behind the end of a stream that ends within a sector
dd if=/dev/urandom of=base.raw bs=500 seek=82000 count=2 conv=notrunc 2>/dev/null
for n in 41943040 41000000 5000000; do
  head -c $n a.raw >part
  for o in cluster_size=64k cluster_size=512 compat=0.10 extended_l2=on; do
    run_ok "-b, $n bytes, $o" sh -c "img-convert -O qcow2 -o $o -b base.raw -F raw - over.qcow2 <part"
    ok "the same" img-compare -q -f raw part over.qcow2
    ok "consistent" img-check -q over.qcow2
  done
done
head -c 41943040 a.raw | img-convert -O qcow2 -b base.raw -F raw - over.qcow2
is "$(img-map --output=json over.qcow2 | sed -n 's/.*"length": \([0-9]*\), "depth": 0.*/\1/p' |
  awk '{ n += $1 } END { print n }')" 458752 "seven clusters differ"
cat a.raw a.raw | img-convert -O qcow2 -c -b base.raw -F raw - over.qcow2
cat a.raw a.raw >two.raw
ok "longer than what is below" img-compare -q -f raw two.raw over.qcow2

# To a stream.
ok "raw, as it comes" sh -c 'img-convert - - <a.raw | cmp - a.raw'
printf 'abc' | img-convert - - >short
is "$(cat short)" abc "every byte, and no more"
ok "to qcow2" sh -c 'cat a.raw | img-convert -O qcow2 - - | cat >through.qcow2'
ok "the same" img-compare -q -f raw a.raw through.qcow2

# Whoever reads, and however it comes.
img-convert -O qcow2 -m 1 - one.qcow2 <a.raw
{ head -c 5000001 a.raw; sleep 0.1; tail -c +5000002 a.raw; } | img-convert -O qcow2 -m 5 - many.qcow2
ok "the same bytes for any number of threads" cmp one.qcow2 many.qcow2
run_ok "an empty stream" sh -c ': | img-convert -O qcow2 - empty.qcow2'
like "$(img-info empty.qcow2)" 'virtual size: 0 B' "is an empty image"
run_ok "-n, same size" sh -c 'img-create -q -f qcow2 there.qcow2 40M && img-convert -n -O qcow2 - there.qcow2 <a.raw'
ok "the same" img-compare -q -f raw a.raw there.qcow2
img-create -q -f qcow2 small.qcow2 20M
run_fails "-n, too small" 1 sh -c 'img-convert -n -O qcow2 - small.qcow2 <a.raw'
like "$err" 'longer than the image' "is said"
run_ok "JSON" sh -c 'cat a.raw | img-convert -p --output=json - in.img'
like "$out" '"copied": 41943040,' "how much came"

for o in '-f qcow2' '-l x' '-o preallocation=full -O qcow2'; do
  rm -f no.img
  # shellcheck disable=SC2086
  run_fails "refused: $o" 1 sh -c "img-convert $o - no.img <a.raw"
  ok "refused: $o: nothing is left" test ! -e no.img
done
run_fails "refused: two" 1 sh -c 'img-convert - a.raw no.img <a.raw'
mkdir folder
run_fails "a source that cannot be read" 1 sh -c 'img-convert - no.img <folder'
like "$err" 'standard input: ' "is said"
# Killed while the stream stands still: this shell keeps it open.
mkfifo pipe
exec 3<>pipe
head -c 60000 a.raw >&3
img-convert -O qcow2 - no.qcow2 <pipe 3<&- &
pid=$!
at_exit_kill "$pid"
wait_for "the target" sh -c 'find . -name "*no.qcow2*" | grep .'
kill -TERM "$pid"
wait "$pid"
is "$?" 143 "dies by the signal"
is "$(find . -name '*no.qcow2*')" "" "nothing is left"
