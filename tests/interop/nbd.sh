#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The nbd driver against real servers: nbdkit and qemu-nbd.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer nbdkit qemu-nbd qemu-img
plan later

# serve NAME NBDKIT-ARGS...: an nbdkit on the socket NAME.sock
serve () {
  name=$1
  shift
  nbdkit -U "$tmp/$name.sock" -P "$tmp/$name.pid" "$@" >"$tmp/$name.log" 2>&1
  wait_for "$name" test -s "$tmp/$name.pid"
  at_exit_kill "$(cat "$tmp/$name.pid")"
}

# serve_qemu NAME FILE QEMU-NBD-ARGS...
serve_qemu () {
  name=$1 file=$2
  shift 2
  qemu-nbd --persistent --shared=8 --socket="$tmp/$name.sock" --pid-file="$tmp/$name.pid" \
    "$@" "$file" >"$tmp/$name.log" 2>&1 &
  wait_for "$name" test -s "$tmp/$name.pid"
  at_exit_kill "$(cat "$tmp/$name.pid")"
}

# 8 MiB: random data with a hole in the middle
head -c 3145728 /dev/urandom >src.raw
truncate -s 7M src.raw
head -c 1048576 /dev/urandom >>src.raw

serve file file src.raw
uri="nbd+unix:///?socket=$tmp/file.sock"
run_ok "read through a URI" img-convert -O raw "$uri" from-uri.raw
same_bytes src.raw from-uri.raw "the bytes are the same"
run_ok "read through the older name" img-convert -O raw "nbd:unix:$tmp/file.sock" from-old.raw
same_bytes src.raw from-old.raw "the bytes are the same again"
run_ok "read through options" img-convert -O raw --image-opts \
  "driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=$tmp/file.sock" from-opts.raw
same_bytes src.raw from-opts.raw "and so they are here"
run_ok "map" img-map -f raw --output=json "$uri"
like "$out" '"start": 3145728, "length": 4194304,.*"zero": true' "the server's hole is a hole"
run_ok "info" img-info -f raw "$uri"
like "$out" 'virtual size: 8 MiB' "info knows the size"
run_ok "compare" img-compare -f raw -F raw "$uri" src.raw

truncate -s 8M dst.raw
serve_qemu dst dst.raw --format=raw --discard=unmap
run_ok "write to qemu-nbd" img-convert -n -f raw -O raw src.raw "nbd+unix:///?socket=$tmp/dst.sock"
same_bytes src.raw dst.raw "qemu-nbd wrote what we read"

qemu-img create -q -f qcow2 dst.qcow2 8M
serve_qemu zeroes dst.qcow2 --format=qcow2 --discard=unmap
run_ok "write to a qcow2 behind qemu-nbd" \
  img-convert -n -f raw -O raw src.raw "nbd+unix:///?socket=$tmp/zeroes.sock"
kill "$(cat zeroes.pid)"
wait_for "the server's end" sh -c '! kill -0 "$(cat zeroes.pid 2>/dev/null)" 2>/dev/null'
ok "the same content" qemu-img compare -f raw -F qcow2 src.raw dst.qcow2
allocated=$(qemu-img map --output=json dst.qcow2 |
  awk '/"data": true/ { gsub (/,/, ""); n += $5 } END { print n + 0 }')
ok "zeroes stayed holes ($allocated bytes of data)" test "$allocated" -le 4194304

# an export that is full of someone's bytes: zeroes must get there, too
head -c 16777216 /dev/zero | tr '\0' '\377' >full.img
serve full file full.img
full="nbd+unix:///?socket=$tmp/full.sock"
run_ok "raw over old bytes" img-convert -f raw -O raw src.raw "$full"
ok "nothing old shines through" cmp -n 8388608 src.raw full.img
for options in 'vdi static=on' 'vdi static=off' 'qcow2 preallocation=metadata' \
  'qcow2 cluster_size=4k'; do
  tr '\0' '\377' </dev/zero 2>/dev/null | head -c 16777216 | dd of=full.img conv=notrunc bs=1M status=none
  run_ok "$options over old bytes" img-convert -f raw -O "${options% *}" -o "${options#* }" \
    src.raw "$full"
  ok "and all is right" qemu-img compare -f raw -F "${options% *}" src.raw full.img
done

# a format on an export: it cannot grow, so it must fit
serve small memory 1M
serve big memory 16M
run_ok "a qcow2 on an export" \
  img-convert -f raw -O qcow2 src.raw "nbd+unix:///?socket=$tmp/big.sock"
ok "qemu-img reads it" qemu-img compare -f raw -F qcow2 src.raw "nbd+unix:///?socket=$tmp/big.sock"
run_fails "too small an export" 1 img-convert -f raw -O raw src.raw \
  "nbd+unix:///?socket=$tmp/small.sock"
like "$err" 'img-convert: .*fewer than' "says that it is too small"

# several connections, several requests on the way: whatever the run around us asks for
serve log --filter=log --filter=delay --filter=noextents memory 8M logfile="$tmp/requests" delay-read=20ms
run_ok "many requests" env -u BLKIMG_DEBUG img-convert -m 16 -f raw -O raw "nbd+unix:///?socket=$tmp/log.sock" many.raw
ok "more than one connection" test "$(grep -c ' Connect ' requests)" -gt 1
deepest=$(awk '/ Read .*\.\.\./ { if (++n > max) max = n } / \.\.\.Read / { n-- } END { print max + 0 }' \
  requests)
ok "requests overlap ($deepest at once)" test "$deepest" -gt 1
: >requests
run_ok "one connection when asked" img-convert --image-opts -O raw \
  "driver=raw,file.driver=nbd,file.server.path=$tmp/log.sock,file.connections=1" one.raw
is "$(grep -c ' Connect ' requests)" 1 "then it is one"

# what goes wrong
run_fails "nobody listens" 1 img-info -f raw "nbd+unix:///?socket=$tmp/none.sock"
is "$(printf '%s\n' "$err" | wc -l)" 1 "one line"
run_fails "a bad name" 1 img-info -f raw nbd:nowhere
like "$err" 'nbd:HOST:PORT' "says the form"
run_fails "two addresses" 1 img-info --image-opts driver=nbd,server.host=x,server.path=y
serve rdonly -r memory 8M
run_fails "a read-only export" 1 img-convert -n -f raw -O raw src.raw \
  "nbd+unix:///?socket=$tmp/rdonly.sock"
like "$err" 'read-only' "says so"
serve bad --filter=error memory 8M error-rate=100% error-file="$tmp/fail" error-pread=EIO \
  error-pwrite=ENOSPC error-zero=ENOSPC
touch fail
run_fails "errors of the server, reading" 1 img-convert -f raw -O raw \
  "nbd+unix:///?socket=$tmp/bad.sock" x.raw
ok "no target is left" test ! -e x.raw
run_fails "errors of the server, writing" 1 img-convert -n -f raw -O raw src.raw \
  "nbd+unix:///?socket=$tmp/bad.sock"
like "$err" 'No space left' "with its reason"

# TCP
port=$(awk 'BEGIN { srand ('"$seed"'); print 20000 + int (rand () * 20000) }')
until nbdkit -i 127.0.0.1 -p "$port" -P "$tmp/tcp.pid" file src.raw 2>/dev/null; do
  port=$((port + 1))
done
wait_for tcp test -s tcp.pid
at_exit_kill "$(cat tcp.pid)"
run_ok "over TCP" img-compare -f raw -F raw "nbd://127.0.0.1:$port/" src.raw
run_ok "over TCP, the older name" img-compare -f raw -F raw "nbd:127.0.0.1:$port" src.raw
