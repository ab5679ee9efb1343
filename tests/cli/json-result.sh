#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# --output=json of the commands that do something: one object, the facts, and nothing else.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# fact KEY: what $out says of it, without quotes
fact () {
  printf '%s\n' "$out" | sed -n "s/^ *\"$1\": \"\\{0,1\\}\\([^\",]*\\).*/\\1/p"
}
# facts KEY=VALUE...
facts () {
  for pair; do
    is "$(fact "${pair%%=*}")" "${pair#*=}" "$pair"
  done
  like "$(fact elapsed)" '^[0-9]+\.?[0-9e-]*$' "elapsed"
  is "$(printf '%s\n' "$out" | sed -n '1p;$p' | tr -d '\n')" '{}' "one object"
}

truncate -s 1M a.raw
for at in 0 512; do
  dd if=/dev/urandom of=a.raw bs=1k count=64 seek=$at conv=notrunc 2>/dev/null
done

run_ok "create" img-create -f qcow2 -o cluster_size=4096,lazy_refcounts=on --output=json x.qcow2 1M
facts filename=x.qcow2 format=qcow2 virtual-size=1048576 cluster_size=4096 lazy_refcounts=true
run_fails "create fails" 1 img-create -f qcow2 -b missing -F raw --output=json y.qcow2 1M
is "$out" "" "nothing on standard output"

run_ok "convert" img-convert -f raw -O qcow2 --output=json -p a.raw b.qcow2
facts target=b.qcow2 format=qcow2 copied=1048576 data=131072 zero=917504 compressed=0
like "$err" '100' "progress is on standard error"
run_ok "convert, compressed" img-convert -f raw -O qcow2 -c -q --output=json a.raw c.qcow2
facts copied=1048576 zero=917504
# Noise: what does not shrink is stored plainly.
is "$(($(fact data) + $(fact compressed)))" 131072 "all data is accounted for"
yes | head -c 131072 | dd of=t.raw conv=sparse 2>/dev/null
run_ok "convert, text" img-convert -f raw -O qcow2 -c --output=json t.raw t.qcow2
facts data=0 zero=0 compressed=131072
ok "streams are smaller" test "$(fact compressed-size)" -gt 0 -a "$(fact compressed-size)" -lt 65536
run_fails "convert fails" 1 img-convert --output=json missing z.raw
is "$out" "" "nothing on standard output"

run_ok "compare" img-compare --output=json a.raw b.qcow2
facts identical=true size-differs=false
printf x | dd of=a.raw bs=1 seek=600001 conv=notrunc 2>/dev/null
run_fails "compare, different" 1 img-compare -q --output=json a.raw b.qcow2
facts identical=false kind=content offset=599552
run_ok "convert, all written" img-convert -O qcow2 -S 0 b.qcow2 e.qcow2
run_fails "compare, strict" 1 img-compare -s --output=json b.qcow2 e.qcow2
like "$(fact kind)" 'status' "kind"
truncate -s 2M d.raw
run_fails "compare, sizes" 1 img-compare -s --output=json d.raw b.qcow2
facts identical=false size-differs=true kind=size

# The other tool does not know it.
ln -s "$(command -v img)" qemu-img
for c in 'create -f raw --output=json q 1M' 'compare --output=json a.raw a.raw' \
    'convert --output=json a.raw q'; do
  # shellcheck disable=SC2086
  run_fails "drop-in: ${c%% *}" 1 ./qemu-img $c
  like "$err" "unrecognized option '--output=json'" "drop-in: what it says"
done
