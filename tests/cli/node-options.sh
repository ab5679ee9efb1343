#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The options that every node understands: what they do, against qemu-io where it shows.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

truncate -s 1M zero.raw
# shape IMAGE: what its map says of allocation
shape () {
  img-map --output=json "$1" | sed -n 's/.*"start": \([0-9]*\), "length": \([0-9]*\),.*"zero": \([a-z]*\), "data": \([a-z]*\).*\("offset"\).*/\1 \2 \3 \4 \5/p; t
    s/.*"start": \([0-9]*\), "length": \([0-9]*\),.*"zero": \([a-z]*\), "data": \([a-z]*\).*/\1 \2 \3 \4/p' -n
}
head -c 262144 /dev/zero | tr '\0' x >x.raw
fresh () {
  img-create -q -f qcow2 i.qcow2 1M
  img-dd -f raw if=x.raw of=i.qcow2 conv=notrunc status=none
}

# Zeroes that are written.
for o in off on unmap,discard=unmap; do
  fresh
  run_ok "detect-zeroes=$o" img-bench -q -w -c 4 -s 64k --pattern 0 \
    --image-opts driver=qcow2,detect-zeroes=$o,file.filename=i.qcow2
  shape i.qcow2 >got
  ok "detect-zeroes=$o: reads as zero" img-compare -q -f raw zero.raw i.qcow2
  case $o in
    off) like "$(cat got)" '^0 262144 false true' "are written" ;;
    on) like "$(cat got)" '^0 262144 true false "offset"' "keep their space" ;;
    *) like "$(cat got)" '^0 262144 true false$' "give it back" ;;
  esac
  if command -v qemu-io >/dev/null 2>&1; then
    fresh
    qemu-io -c "write -q -P 0 0 64k" -c "write -q -P 0 64k 192k" --image-opts \
      driver=qcow2,detect-zeroes=$o,file.filename=i.qcow2
    shape i.qcow2 | sed 's/ "offset"//' >wanted
    sed -i 's/ "offset"//' got
    [ $o = off ] || ok "detect-zeroes=$o: as qemu-io" diff wanted got
  fi
done
run_fails "detect-zeroes=unmap alone" 1 img-bench -q -w -c 1 \
  --image-opts driver=qcow2,detect-zeroes=unmap,file.filename=i.qcow2
like "$err" 'needs discard=unmap$' "is said"
img-create -q -f qcow2 n.qcow2 1M
run_ok "of a copy" img-convert -n -S 0 --target-image-opts -f raw zero.raw \
  driver=qcow2,detect-zeroes=on,file.filename=n.qcow2
like "$(shape n.qcow2)" '^0 1048576 true false' "nothing is written"
img-dd -f raw if=x.raw of=f.raw status=none
run_ok "of a file" img-bench -q -w -c 4 -s 64k --pattern 0 \
  --image-opts driver=raw,detect-zeroes=unmap,discard=unmap,file.filename=f.raw
is "$(img-map --output=json f.raw | grep -c '"data": true')" 0 "its space is given back"

# Discards: clusters that only a deleted snapshot used.
for o in ignore off unmap on; do
  fresh
  img-snapshot -c s i.qcow2
  img-bench -q -w -c 4 -s 64k --pattern 7 i.qcow2
  before=$(stat -c %b i.qcow2)
  run_ok "discard=$o" img-snapshot -d s --image-opts driver=qcow2,discard=$o,file.filename=i.qcow2
  freed=$(($(stat -c %b i.qcow2) - before <= -512)) # blocks of 512 bytes, 256 KiB of them
  case $o in
    ignore | off) is $freed 0 "discard=$o: they keep their space" ;;
    *) is $freed 1 "discard=$o: they give it back" ;;
  esac
  ok "discard=$o: the image is in order" img-check -q i.qcow2
done

# For reading only, and what is shared.
run_fails "read-only=on" 1 img-resize --image-opts driver=qcow2,read-only=on,file.filename=i.qcow2 2M
like "$err" 'read-only=on, but it must be written to' "is said"
run_ok "read-only=on, to read" img-info --image-opts driver=qcow2,read-only=on,file.filename=i.qcow2
run_fails "force-share=on" 1 img-resize --image-opts \
  driver=qcow2,force-share=on,file.filename=i.qcow2 2M
mkfifo pipe
img-convert -n -O raw - i.qcow2 <pipe &
writer=$!
at_exit_kill $writer
exec 3>pipe
wait_for "the writer's locks" grep ":$(stat -c %i i.qcow2) " /proc/locks # to ask would be in its way
for o in force-share=on file.locking=off; do
  run_ok "$o beside a writer" img-info --image-opts driver=raw,$o,file.filename=i.qcow2
done
have JSON "json:" && run_ok "json:" img-info 'json:{"driver":"raw","force-share":true,"file":{"filename":"i.qcow2"}}'
exec 3>&-
wait $writer
is $? 0 "the writer ends well"

# Who may not write.
fresh
chmod 444 i.qcow2
chmod 755 .
as=
if [ "$(id -u)" = 0 ]; then
  as="setpriv --reuid=65534 --regid=65534 --clear-groups"
  $as img-info i.qcow2 >/dev/null 2>&1 || as=none
fi
if [ "$as" != none ]; then
  for o in off on; do
    # shellcheck disable=SC2086
    run_fails "auto-read-only=$o" 1 $as img-resize --image-opts \
      driver=qcow2,auto-read-only=$o,file.filename=i.qcow2 2M
  done
  like "$err" 'i.qcow2: open for reading only' "it is open all the same"
else
  skip "auto-read-only" "nobody else may run this here"
fi

# Caches: what reaches the disk, and how.
img-create -q -f qcow2 c.qcow2 1M
run_ok "cache.direct=on" img-dd --image-opts if=driver=qcow2,cache.direct=on,file.filename=c.qcow2 \
  of=o status=none
run_ok "cache.no-flush=on" img-bench -q -w -c 1 --flush-interval 1 -d 1 --trace 'node_flush,file=flushes' \
  --image-opts driver=raw,cache.no-flush=on,file.filename=c.qcow2
is "$(grep -c ' file$' flushes)" 0 "no flush of the file"
img-bench -q -w -c 1 --flush-interval 1 -d 1 --trace 'node_flush,file=flushes' -f raw c.qcow2
ok "and else there is" grep -q ' file$' flushes
