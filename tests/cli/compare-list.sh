#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-compare --list against cmp, at random; strict mode; sizes.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# What cmp sees, in sectors, merged: OFFSET LENGTH KIND a line
wanted () {
  { cmp -l "$1" "$2" 2>/dev/null; } | awk '
    { s = int (($1 - 1) / 512)
      if (n && s <= end) next
      if (n && s == end + 1) { end = s; next }
      if (n) printf "%#x %#x content\n", first * 512, (end - first + 1) * 512
      first = end = s; n = 1 }
    END { if (n) printf "%#x %#x content\n", first * 512, (end - first + 1) * 512 }'
}
listed () {
  img-compare --list "$@" | sed -n 's/^\(0[x0-9a-f]*\) *\(0x[0-9a-f]*\) *\([a-z]*\)$/\1 \2 \3/p'
}

truncate -s 5M a.raw
for at in 0 3 4; do
  dd if=/dev/urandom of=a.raw bs=1M count=1 seek=$at conv=notrunc 2>/dev/null
done
cp --sparse=always a.raw b.raw
awk -v seed="$seed" 'BEGIN { srand (seed)
  for (i = 0; i < 60; i++) print int (rand () * 5242880), int (rand () * 3000) + 1 }' |
  while read -r at n; do
    dd if=/dev/urandom of=b.raw bs=1 count="$n" seek="$at" conv=notrunc 2>/dev/null
  done
truncate -s 5M b.raw
img-convert -f raw -O qcow2 b.raw b.qcow2
wanted a.raw b.raw >wanted
ok "there is something to find" test "$(wc -l <wanted)" -gt 20
for n in 1 2 7; do
  listed -m $n -f raw -F raw a.raw b.raw >got
  ok "raw and raw, $n threads" diff wanted got
  listed -m $n -f raw -F qcow2 a.raw b.qcow2 >got
  ok "raw and qcow2, $n threads" diff wanted got
done
run_fails "exit status" 1 img-compare --list -f raw a.raw b.qcow2
run_fails "quiet" 1 img-compare -q --list -f raw a.raw b.qcow2
is "$out" "" "quiet says nothing"
run_fails "JSON" 1 img-compare --list --output=json -f raw a.raw b.qcow2
is "$(printf '%s\n' "$out" | grep -c '"length"')" "$(wc -l <wanted)" "as many entries"
is "$(printf '%s\n' "$out" | sed -n 's/^  *"offset": \([0-9]*\),*$/\1/p' | tail -n +2 | head -n 1)" \
  "$(printf '%d' "$(head -n 1 wanted | cut -d' ' -f1)")" "the first entry"
run_ok "the same" img-compare --list -f raw -F raw a.raw a.raw
is "$out" "Images are identical." "nothing to list"

# Every other sector: more than is kept before some is told.
truncate -s 96M c.raw
truncate -s 96M d.raw
perl -e 'my $x = "x" . "\0" x 1023; print $x x 98304' | dd of=c.raw conv=notrunc bs=1M 2>/dev/null
is "$(img-compare -m 4 --list -f raw -F raw c.raw d.raw | awk 'NR > 1' | cksum)" "$(
  perl -e 'printf "%-16s%-16scontent\n", $_ ? sprintf ("0x%x", $_ * 1024) : "0", "0x200" for 0 .. 98303' |
    cksum)" "98304 ranges in order"
# The same as JSON, which waits in a file.
img-compare -m 4 --list --output=json -f raw -F raw c.raw d.raw >json
is "$(sed -n '/"differences"/,/^    ]/p' json | cksum)" "$(
  perl -e 'print "    \"differences\": [";
           printf "%s\n        {\n            \"offset\": %d,\n            \"length\": 512,\n            \"kind\": \"content\"\n        }", $_ ? "," : "", $_ * 1024 for 0 .. 98303;
           print "\n    ],\n"' | cksum)" "98304 objects in order"
is "$(tail -n 2 json | sed 's/[0-9.e-]*$//')" '    "elapsed": 
}' "and the time behind them"
is "$(img-compare --list --output=json -f raw -F raw a.raw a.raw | tail -n 4 | head -n 2)" \
  '    "differences": [
    ],' "an empty list"
run_fails "no room for them" 4 env TMPDIR=./nowhere img-compare --list --output=json a.raw b.raw
is "$err" "img-compare: temporary file: No such file or directory" "is said"

# Strict: where only the allocation differs, and what the sizes say.
img-convert -f raw -O qcow2 a.raw e.qcow2
img-convert -f raw -O qcow2 -S 0 a.raw f.qcow2
run_fails "strict" 1 img-compare -s --list e.qcow2 f.qcow2
like "$out" '^0x100000 +0x200000 +status' "allocation is listed"
truncate -s 6M g.raw
dd if=b.raw of=g.raw conv=notrunc bs=1M 2>/dev/null
printf x | dd of=g.raw bs=1 seek=6000000 conv=notrunc 2>/dev/null
run_fails "sizes" 1 img-compare --list -f raw -F raw b.raw g.raw
is "$(printf '%s\n' "$out" | awk 'NR == 2 { print $1, $2, $3 }')" "0x5b8c00 0x200 content" "behind the end"
like "$out" 'size mismatch' "size mismatch is said"

run_fails "a source that cannot be read: 2" 2 img-compare --list a.raw missing
