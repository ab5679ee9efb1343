#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-map as a picture: characters against a drawing by hand, SVG by what it must and must not have.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# 512 KiB in clusters of 4 KiB; a layer below with data and a compressed part.
truncate -s 512k a.raw
head -c 65536 /dev/urandom | dd of=a.raw bs=4k seek=16 conv=notrunc 2>/dev/null
img-convert -f raw -O qcow2 -o cluster_size=4k a.raw base.qcow2
truncate -s 512k t.raw
yes | head -c 32768 | dd of=t.raw bs=4k seek=2 conv=notrunc 2>/dev/null
img-convert -f raw -O qcow2 -c -o cluster_size=4k t.raw t.qcow2
img-create -q -f qcow2 -o cluster_size=4k -b base.qcow2 -F qcow2 top.qcow2

export COLUMNS=80
run_ok "characters" img-map --output=blocks base.qcow2
is "$out" 'base.qcow2: qcow2, 512 KiB; a cell is 512 B

         0 |                                                                |
    32 KiB |                                                                |
    64 KiB |################################################################|
    96 KiB |################################################################|
   128 KiB |                                                                |
   160 KiB |                                                                |
   192 KiB |                                                                |
   224 KiB |                                                                |
   256 KiB |                                                                |
   288 KiB |                                                                |
   320 KiB |                                                                |
   352 KiB |                                                                |
   384 KiB |                                                                |
   416 KiB |                                                                |
   448 KiB |                                                                |
   480 KiB |                                                                |

  [#] data: 64 KiB, 12.5%
  [ ] unallocated: 448 KiB, 87.5%' "where the data is"
run_ok "a part of it" img-map --output=blocks -s 60k -l 8k top.qcow2
is "$out" 'top.qcow2: qcow2, 512 KiB; a cell is 512 B

    60 KiB |        ++++++++|

  [+] data, depth 1: 4 KiB, 50.0%
  [ ] unallocated: 4 KiB, 50.0%' "begins where asked; depth shows"
run_ok "compressed" img-map --output=blocks -l 40k t.qcow2
like "$out" '^         0 \|                CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC\|$' "has its own letter"
COLUMNS=300 run_ok "wide" img-map --output=blocks base.qcow2
is "$(printf '%s\n' "$out" | awk 'length > w { w = length } END { print w }')" 269 "uses the width"
run_ok "unicode" env LC_ALL=C.UTF-8 img-map --output=blocks base.qcow2
like "$out" "$(printf '\342\226\210\342\226\210')" "full blocks"
unlike "$out" "$(printf '\033')" "no colours in a pipe"

run_ok "SVG" img-map --output=svg top.qcow2
printf '%s\n' "$out" >top.svg
like "$out" '^<svg .*width="900".*viewBox="0 0 900 [0-9]+"' "is 900 wide"
like "$out" '>top.qcow2<' "has a title"
like "$out" '>data, depth 1 <' "a legend"
unlike "$out" 'href|<script|url\(|@import' "is self-contained"
# 16 clusters of 4 KiB are 128 cells of 512 bytes: one row, one rectangle.
like "$out" 'x="96" .*width="768" height="14" fill="#4a8ac9"' "the data"
cp base.qcow2 'a & <b>.qcow2'
run_ok "a name with markup" img-map --output=svg 'a & <b>.qcow2'
printf '%s\n' "$out" >markup.svg
like "$out" '>a &amp; &lt;b&gt;.qcow2<' "is escaped"
truncate -s 9T huge.raw
for at in 1 1000 3000000 9000000; do
  printf x | dd of=huge.raw bs=1M seek=$at conv=notrunc 2>/dev/null
done
run_ok "a huge image" img-map -f raw --output=svg huge.raw
printf '%s\n' "$out" >huge.svg
ok "is a small picture" test "$(wc -c <huge.svg)" -lt 20000
truncate -s 0 empty.raw
run_ok "an empty image, SVG" img-map -f raw --output=svg empty.raw
printf '%s\n' "$out" >empty.svg
run_ok "an empty image, characters" img-map -f raw --output=blocks empty.raw
if command -v python3 >/dev/null 2>&1; then
  for f in *.svg; do
    ok "$f is XML" python3 -c 'import sys, xml.dom.minidom as m; m.parse (sys.argv[1])' "$f"
  done
fi

ln -s "$(command -v img)" qemu-img
for form in svg blocks; do
  run_fails "drop-in: no $form" 1 ./qemu-img map --output=$form base.qcow2
done
