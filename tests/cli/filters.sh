#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Filters: blkdebug, blkverify, compress, copy-on-read, quorum, throttle.
. "${top_srcdir:-.}/tests/cli/lib.sh"
plan

head -c 300000 /dev/urandom >a.raw && truncate -s 1M a.raw
ok "an image" img-convert -O qcow2 -o cluster_size=4k a.raw x.qcow2

# ---- blkdebug ----
run_ok "a name without rules changes nothing" img-convert -O raw blkdebug::x.qcow2 back.raw
ok "same bytes" cmp a.raw back.raw
printf '# reading the second L2 table fails\n[inject-error]\nevent = "l2_load"\nerrno = "28"\n' >rules
run_fails "a file of rules" 1 img-convert -O raw blkdebug:rules:x.qcow2 o.raw
like "$err" 'No space left' "the error that the rules name"
isnt "$(ls o.raw 2>/dev/null)" "o.raw" "and no output"

# refuses 'OPTIONS' 'ERROR' NAME: reading with those rules fails
debug=driver=qcow2,file.driver=blkdebug,file.image.filename=x.qcow2,file.inject-error.0
refuses () {
  run_fails "$3" 1 img-convert --image-opts -O raw "$debug.$1" o.raw
  like "$err" "$2" "$3: says so"
}
refuses event=read_aio 'blkdebug at offset' "an event of the core"
refuses event=none,file.inject-error.0.sector=0 'offset 0x0' "one sector"
refuses event=none,file.inject-error.0.errno=13 'Permission denied' "an error number"
refuses event=bogus "no event 'bogus'" "an event that there is not"
refuses event=none,file.inject-error.0.iotype=bogus 'kind of I/O' "a kind that there is not"
refuses event=none,file.inject-error.0.errno=0 'not an error' "no error"
refuses state=1 'names no event' "no event"
ok "once, and the copy may go on" img-convert --salvage --image-opts -O raw \
  "$debug.event=read_aio,file.inject-error.0.once=on" o.raw
ok "writes only: reading is fine" img-convert --image-opts -O raw \
  "$debug.event=none,file.inject-error.0.iotype=write" o.raw
ok "a state that never comes" img-convert --image-opts -O raw \
  "$debug.event=read_aio,file.inject-error.0.state=2" o.raw
run_fails "a state that comes" 1 img-convert --image-opts -O raw \
  "$debug.event=read_aio,file.inject-error.0.state=2,file.set-state.0.event=l2_load,file.set-state.0.new_state=2" o.raw
target=driver=qcow2,file.driver=blkdebug,file.image.filename=t.qcow2,file.inject-error.0
for event in l2_update l1_update refblock_update cluster_alloc write_aio pwritev flush_to_disk; do
  img-create -q -f qcow2 -o cluster_size=4k t.qcow2 1M
  case $event in flush_to_disk) with=-twriteback ;; *) with=-tunsafe ;; esac
  run_fails "writing: $event" 1 img-convert -n $with --target-image-opts a.raw "$target.event=$event"
  run_ok "leaves a sound image" sh -c 'img-check -q t.qcow2; case $? in 0 | 3) ;; *) exit 1 ;; esac'
done
limits=file.align=4k,file.max-transfer=64k,file.opt-write-zero=4k,file.max-write-zero=64k
img-create -q -f qcow2 -o cluster_size=4k t.qcow2 1M
ok "alignment and limits" img-convert -n --target-image-opts a.raw \
  "driver=qcow2,file.driver=blkdebug,file.image.filename=t.qcow2,$limits"
ok "same bytes" img-compare a.raw t.qcow2
run_fails "an alignment that is none" 1 img-info --image-opts driver=blkdebug,image.filename=x.qcow2,align=3
like "$err" 'power of two' "says so"

# ---- blkverify ----
ok "a raw file and an image that agree" img-convert -O raw blkverify:a.raw:x.qcow2 back.raw
ok "same bytes" cmp a.raw back.raw
cp a.raw b.raw && printf 'X' | dd of=b.raw bs=1 seek=70000 conv=notrunc 2>/dev/null
run_fails "and that do not" 1 img-convert -O raw blkverify:b.raw:x.qcow2 o.raw
like "$err" 'mismatch at offset 70000' "the offset"
truncate -s 1M b.raw && img-create -q -f qcow2 t.qcow2 1M && rm b.raw && truncate -s 1M b.raw
ok "both are written" img-convert -n -O raw a.raw blkverify:b.raw:t.qcow2
ok "the raw file" cmp a.raw b.raw
ok "and the image" img-compare a.raw t.qcow2
run_fails "half a name" 1 img-info blkverify:x.qcow2

# ---- compress ----
yes text | head -c 1000000 >text.raw && truncate -s 1M text.raw
truncate -s 1000k text.raw # the last cluster is short
img-create -q -f qcow2 t.qcow2 1000k
ok "into a format that compresses" img-convert -n --target-image-opts text.raw \
  driver=compress,file.driver=qcow2,file.file.filename=t.qcow2
ok "same bytes" img-compare text.raw t.qcow2
ok "and small" [ "$(stat -c %s t.qcow2)" -lt 400000 ]
ok "checks clean" img-check -q t.qcow2
run_fails "into one that does not" 1 img-convert -n --target-image-opts text.raw driver=compress,file.filename=a.raw
like "$err" 'does not compress' "says so"

# ---- quorum ----
for i in 0 1 2; do cp a.raw "q$i.raw"; done
vote=driver=quorum,vote-threshold=2
for i in 0 1 2; do vote=$vote,children.$i.driver=raw,children.$i.file.filename=q$i.raw; done
ok "three that agree" img-compare --image-opts "$vote" driver=raw,file.filename=a.raw
printf 'X' | dd of=q0.raw bs=1 seek=5000 conv=notrunc 2>/dev/null
ok "two of three" img-compare --image-opts "$vote" driver=raw,file.filename=a.raw
printf 'Y' | dd of=q1.raw bs=1 seek=5000 conv=notrunc 2>/dev/null
run_fails "none of three" 2 sh -c 'img-compare --image-opts "$1" driver=raw,file.filename=a.raw || exit 2' . "$vote"
like "$err" 'images agree' "says so"
ok "the first that can be read" img-compare --image-opts "$vote,read-pattern=fifo" driver=raw,file.filename=q0.raw
ok "all are written" img-convert -n --target-image-opts a.raw "$vote"
ok "the first" cmp a.raw q0.raw
ok "the second" cmp a.raw q1.raw
printf 'X' | dd of=q2.raw bs=1 seek=5000 conv=notrunc 2>/dev/null
run_fails "too high a threshold" 1 img-info --image-opts "$vote,vote-threshold=4"
truncate -s 2M q1.raw
run_fails "of different sizes" 1 img-info --image-opts "$vote"

# ---- throttle ----
fast=throttle-group,id=g,x-bps-total=1000000000,x-iops-total=100000
slow='throttle-group,id=g,x-bps-total=2000000,x-bps-total-max=4000000'
ok "limits that do not matter" img-convert --object "$fast" --image-opts -O raw \
  driver=throttle,throttle-group=g,file.driver=qcow2,file.file.filename=x.qcow2 back.raw
ok "same bytes" cmp a.raw back.raw
run_fails "a group that there is not" 1 img-info --object "$fast" --image-opts \
  driver=throttle,throttle-group=h,file.driver=qcow2,file.file.filename=x.qcow2
like "$err" "no object 'h'" "says so"
run_fails "a burst below the average" 1 img-info --object 'throttle-group,id=g,x-bps-total=2000000,x-bps-total-max=1000000' \
  --image-opts driver=throttle,throttle-group=g,file.filename=a.raw
run_ok "the same group for source and target" img-convert --object "$slow" -n --image-opts --target-image-opts \
  driver=throttle,throttle-group=g,file.driver=qcow2,file.file.filename=x.qcow2 \
  driver=throttle,throttle-group=g,file.driver=raw,file.file.filename=b.raw
ok "same bytes" cmp a.raw b.raw

# ---- copy-on-read ----
run_fails "copy-on-read of what cannot be written" 1 img-convert --image-opts -O raw \
  driver=copy-on-read,file.driver=qcow2,file.file.filename=x.qcow2 o.raw
like "$err" 'open for writing' "says so"
