# SPDX-License-Identifier: LGPL-2.1-or-later
# What tests with random steps on i.qcow2, held against the flat shadow s.raw, share.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
interop=$top_builddir/tests/interop/.libs
[ -x "$interop/randio" ] || interop=$top_builddir/tests/interop

# next MAX: $r becomes a number below MAX
state=$seed
next () {
  state=$(((state * 1103515245 + 12345) % 2147483648))
  r=$((state / 65536 % $1))
}

# one_of WORD...: $word becomes one of them
one_of () {
  next $#
  shift "$r"
  word=$1
}

# either: $tool becomes the one or the other
either () {
  one_of img- "qemu-img "
  tool=$word
}

# qemu-io writes somewhere into both.
peer_writes () {
  bytes=$(wc -c <s.raw)
  next $((bytes / 512 - 8)); at=$((r * 512))
  next 300; length=$(((r + 1) * 512))
  [ $((at + length)) -le "$bytes" ] || length=$((bytes - at))
  next 255; pattern=$((r + 1))
  for file in "qcow2 i.qcow2" "raw s.raw"; do
    qemu-io -d unmap -f "${file% *}" -c "write -P $pattern $at $length" \
      -c "write -z -u $((at / 2)) 4096" "${file#* }" >/dev/null || return 1
  done
}

# reads_as RAW [-l SNAPSHOT]: both programs read that; qemu-img reads of a snapshot as much as the
# image has now
# shellcheck disable=SC2086
reads_as () {
  raw=$1
  shift
  for by in "img-" "qemu-img "; do
    ${by}convert "$@" -f qcow2 -O raw i.qcow2 o.raw || return 1
    common=$(wc -c <"$raw")
    case $by$# in
      qemu-img*2) [ "$common" -le "$(wc -c <o.raw)" ] || common=$(wc -c <o.raw) ;;
      *) [ "$common" = "$(wc -c <o.raw)" ] || { echo "${by}convert $*: another size"; return 1; } ;;
    esac
    cmp -n "$common" o.raw "$raw" || { echo "${by}convert $* reads something else"; return 1; }
  done
}
