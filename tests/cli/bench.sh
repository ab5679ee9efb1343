#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# img-bench: what it writes is there, where it should be; what it prints; what it refuses.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

# written FILE: offsets (in KiB) whose first byte is A
written () {
  od -An -v -t x1 -w1024 "$1" | awk '$1 == "41" { printf "%s%d", n++ ? " " : "", NR - 1 }'
}
fresh () {
  rm -f x.raw x.qcow2 && truncate -s 1M x.raw
  img-convert -f raw -O qcow2 x.raw x.qcow2 || exit 99
}
# A file system that can do without its cache?
direct=yes
fresh
img-bench -q -f raw -t none -c 1 x.raw 2>/dev/null || direct=no

run_ok "reads" img-bench -c 300 -d 8 x.raw
like "$out" '^Sending 300 read requests, 4096 bytes each, 8 in parallel \(starting at offset 0, step size 4096\)$' "says what it does"
like "$out" '^Run completed in [0-9]+\.[0-9]{3} seconds\.$' "and how long it took"
like "$out" '^IOPS: [0-9]+, MB/s: [0-9.]+$' "a second"
like "$out" 'p50 [0-9.]+, p95 [0-9.]+, p99 [0-9.]+, p99\.9 [0-9.]+, max [0-9.]+$' "and a request"
run_ok "-q" img-bench -q -c 3 x.raw
is "$out$err" "" "prints nothing"
run_ok "JSON" img-bench --output=json -c 7 -w -f raw --flush-interval 70 x.raw
like "$out" '"operation": "write"' "which operation"
like "$out" '"count": 7' "how many"
like "$out" '"p99.9": [0-9]+' "percentiles"

# Raw; unallocated, then allocated clusters of qcow2; an overlay.  Steps that wrap around.
for engine in threads io_uring native; do
  case $engine in native) how='-t none' ;; *) how= ;; esac
  [ $engine-$direct != native-no ] || continue
  capture img-bench -q $how -i $engine -c 1 x.raw
  case $err in *'cannot set up'* | *'not built in'*) diag "$err" && continue ;; esac
  is "$rc" 0 "$engine: there"
  fresh
  for format in raw qcow2; do
    for again in '' ' again'; do
      ok "$engine: $format: pattern$again" img-bench -q $how -i $engine -f $format -w --pattern 65 -c 5 -s 8k \
        -S 304k -d 3 x.$format
      img-convert -f $format -O raw x.$format back.raw || fail "readable"
      # 1520 - 1024 = 192 + 304: the next after 912 + 304 = 1216 is 192
      is "$(written back.raw | tr ' ' '\n' | awk 'NR == 1 || $1 != last + 1 { print } { last = $1 }' |
        tr '\n' ' ')" "0 192 304 608 912 " "$engine: $format: in their places$again"
      is "$(written back.raw | wc -w | tr -d ' ')" 40 "$engine: $format: and nowhere else$again"
    done
  done
  ok "$engine: overlay" img-create -q -f qcow2 -b x.raw -F raw over.qcow2
  ok "$engine: overlay: reads" img-bench -q $how -i $engine -c 500 over.qcow2
  ok "$engine: overlay: writes" img-bench -q $how -i $engine -w --pattern 66 -c 16 -s 16k over.qcow2
  is "$(od -An -v -t x1 -w1024 x.raw | cut -c2-3 | grep -c 42)" 0 "$engine: the backing file is as it was"
  ok "$engine: overlay: sound" img-check -q over.qcow2
  rm -f over.qcow2
done

# Whoever shares clusters must not be written through.
fresh
ok "compressed" img-convert -c -O qcow2 x.raw c.qcow2
ok "compressed: reads" img-bench -q -c 1000 -d 32 c.qcow2
ok "compressed: writes over it" img-bench -q -w --pattern 65 -c 64 -s 16k c.qcow2
ok "compressed: sound" img-check -q c.qcow2
is "$(img-convert -O raw c.qcow2 back.raw && tr -d A <back.raw | wc -c | tr -d ' ')" 0 "all written"

fresh
for how in '' --no-drain; do
  ok "flushes $how" img-bench -q -f qcow2 -w --pattern 65 -c 200 -d 16 -s 8k --flush-interval 16 $how x.qcow2
  img-convert -O raw x.qcow2 back.raw
  is "$(tr -d A <back.raw | wc -c | tr -d ' ')" 0 "flushes $how: all written"
done
ok "writethrough" img-bench -q -f raw -t writethrough -w --pattern 67 -c 8 -s 128k x.raw
is "$(tr -d C <x.raw | wc -c | tr -d ' ')" 0 "writethrough: all written"
ok "no requests" img-bench -q -c 0 x.raw
ok "of no length" img-bench -q -c 10 -s 0 x.raw

# What was guessed to be raw stays raw.
truncate -s 0 g.raw && truncate -s 1M g.raw
ok "guessed raw: zeroes are no format" img-bench -q -w -c 256 g.raw
run_fails "outside" 1 img-bench -c 3 -o 1M x.raw
like "$err" '^img-bench: x\.raw: .*pass the end' "says where"
run_fails "half outside" 1 img-bench -c 2 -o 0 -s 1000000 x.raw
run_fails "native without direct access" 1 img-bench -i native x.raw
like "$err" 'cache\.direct' "says what is missing"
run_fails "as an option of the file, too" 1 img-bench --image-opts driver=raw,file.driver=file,file.aio=native,file.filename=x.raw
[ $direct = no ] || ok "which works" img-bench -q --image-opts -c 5 -t none \
  driver=raw,file.driver=file,file.aio=native,file.aio-max-batch=2,file.filename=x.raw
run_fails "read-only options" 64 img-bench --flush-interval 100 x.raw
run_fails "depth 0" 64 img-bench -d 0 x.raw
run_fails "unknown engine" 64 img-bench -i foo x.raw
run_fails "too large a queue" 1 img-bench -d 2000000000 -s 2000000000 x.raw
