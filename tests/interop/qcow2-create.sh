#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# New qcow2 images: what we create, qemu-img finds in order; what we measure, it measures; what we
# refuse, it refuses with the same line; and output bytes do not depend on the number of workers.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
plan later

# ---- create ----

# made OPTIONS SIZE: checks clean, has the size, reads as zero
made () {
  rm -f t.qcow2 d.raw zero.raw
  img-create -q -f qcow2 -o "$1" t.qcow2 "$2" >>log 2>&1 &&
  truncate -s "$2" zero.raw &&
  qemu-img check -q t.qcow2 >>log 2>&1 &&
  qemu-img compare -q -f qcow2 -F raw t.qcow2 zero.raw >>log 2>&1
}

: >log
for cluster in 512 4k 64k 2M; do
  for bits in 1 16 64; do
    bad=
    for extended in off on; do
      case $cluster$extended in 512on | 4kon) continue ;; esac
      for mode in off metadata full; do
        o=cluster_size=$cluster,refcount_bits=$bits,extended_l2=$extended,preallocation=$mode
        made "$o" 3000320 || bad="$bad $o"
      done
    done
    is "$bad" "" "create, clusters of $cluster, refcounts of $bits bits"
  done
done
ok "create, no bytes at all" made cluster_size=64k 0
[ "$tap_failed" = 0 ] || diag "$(tail -n 20 log)"

for o in compat=0.10 compat=0.10,preallocation=metadata compression_type=zstd lazy_refcounts=on \
  data_file=d.raw data_file=d.raw,data_file_raw=on data_file=d.raw,preallocation=full \
  data_file=d.raw,data_file_raw=on,preallocation=falloc,extended_l2=on; do
  ok "create -o $o" made "$o" 3000320
done

for mode in falloc full; do
  img-create -q -f qcow2 -o preallocation=$mode t.qcow2 4M
  is "$(($(stat -c '%b * %B' t.qcow2) >= 4 << 20))" 1 "preallocation=$mode takes the space"
done

# The raw data file keeps its bytes, and reads through the image.
qemu-img create -q -f raw keep.raw 2M
qemu-io -f raw -c "write -P 3 100k 1M" keep.raw >/dev/null
cp keep.raw copy.raw
ok "keep_data_file" img-create -q -f qcow2 \
  -o data_file=keep.raw,data_file_raw=on,keep_data_file=on t.qcow2 2M
same_bytes keep.raw copy.raw "keep_data_file keeps it"
ok "keep_data_file shows it" qemu-img compare -q -f qcow2 -F raw t.qcow2 copy.raw
run_fails "keep_data_file without one" 1 img-create -q -f qcow2 \
  -o data_file=none.raw,data_file_raw=on,keep_data_file=on t.qcow2 2M

# ---- the same refusals ----

for o in cluster_size=513 cluster_size=4M compat=v2,lazy_refcounts=on compat=v2,refcount_bits=8 \
  refcount_bits=7 refcount_bits=128 compat=v2,extended_l2=on extended_l2=on,cluster_size=8k \
  compat=v2,compression_type=zstd compat=v2,data_file=d.raw data_file_raw=on backing_fmt=raw \
  data_file=d.raw,data_file_raw=on,backing_file=keep.raw,backing_fmt=raw \
  preallocation=metadata,backing_file=keep.raw,backing_fmt=raw; do
  rm -f t.qcow2
  capture img-create -q -f qcow2 -o "$o" t.qcow2 1G
  ours=${err#*: }
  capture qemu-img create -q -f qcow2 -o "$o" t.qcow2 1G
  is "$ours" "${err#*: }" "refused as by qemu-img: $o"
done

# ---- measure ----

rm -f src.raw src.qcow2
qemu-img create -q -f raw src.raw 9M
qemu-io -f raw -c "write -P 1 70k 3k" -c "write -P 2 1M 1500k" -c "write -z 3M 1M" \
  -c "write -P 4 8191k 600k" src.raw >/dev/null
qemu-img convert -c -O qcow2 src.raw src.qcow2
qemu-img bitmap --add -g 512 src.qcow2 one
qemu-img bitmap --add src.qcow2 two-with-a-longer-name
for what in "--size 0" "--size 1" "--size 3G" "--size 63T" "-f raw src.raw" "-f qcow2 src.qcow2"; do
  for o in cluster_size=64k cluster_size=4k,refcount_bits=1 extended_l2=on preallocation=full \
    preallocation=metadata backing_file=x,backing_fmt=raw cluster_size=2M,refcount_bits=64; do
    # shellcheck disable=SC2086
    capture qemu-img measure -O qcow2 -o "$o" $what
    wanted=$out$err
    # shellcheck disable=SC2086
    capture img-measure -O qcow2 -o "$o" $what
    is "$out$(echo "$err" | sed 's/^img-measure:/qemu-img:/')" "$wanted" "measure -o $o $what"
  done
done

# ---- convert ----

# same_for_all OPTIONS...: the same bytes with 1, 2 and 5 workers, and those of the source
same_for_all () {
  tap_name="convert $*"
  for workers in 1 2 5; do
    rm -f "w$workers"
    img-convert -m "$workers" -f raw -O qcow2 "$@" big.raw "w$workers" >>log 2>&1 || {
      fail "$tap_name"
      diag "$(tail -n 5 log)"
      return
    }
  done
  cmp -s w1 w2 && cmp -s w1 w5 && qemu-img check -q w1 >>log 2>&1 &&
  qemu-img compare -q -f qcow2 -F raw w1 big.raw >>log 2>&1
  is "$?" 0 "$tap_name"
}

truncate -s 24M big.raw
for i in 0 1 2 3 4 5 6 7; do
  dd if=/dev/urandom of=big.raw bs=100k count=2 seek=$((i * 30)) conv=notrunc status=none
  yes "line $i" | dd of=big.raw bs=100k count=9 seek=$((i * 30 + 5)) iflag=fullblock \
    conv=notrunc status=none
done
same_for_all -o cluster_size=64k
same_for_all -o cluster_size=512
same_for_all -o extended_l2=on
same_for_all -c
same_for_all -c -o compression_type=zstd,cluster_size=16k
same_for_all -c -o extended_l2=on
same_for_all -c -o refcount_bits=1,cluster_size=4k
same_for_all -o preallocation=metadata
same_for_all -o data_file=d.raw
