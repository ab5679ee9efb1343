# SPDX-License-Identifier: LGPL-2.1-or-later
# Side by side with qemu-img, for tests of drop-in mode.  Source it after lib.sh:
#
#   same "info of raw" info x.raw                 # same standard output, same exit status
#   same_filtered "map" filter map x              # the same after `filter` (a function) on both
#
# The peer is Debian's 7.2; wording here is that of the 10.x line.  Where they differ a filter says
# so, in the test.
need_peer qemu-img qemu-io
peer=$(command -v qemu-img)
mkdir ours
ln -s "$(command -v img)" ours/qemu-img
ours=$tmp/ours/qemu-img
peer_version=$("$peer" --version | sed -n 's/^qemu-img version \([0-9.]*\).*/\1/p')
echo "# peer: qemu-img $peer_version"

# ours ARGS...: drop-in; peer ARGS...: the real one
ours () {
  "$ours" "$@"
}

same_filtered () {
  peer_name=$1
  peer_filter=$2
  shift 2
  peer_rc=0
  "$peer" "$@" >"$tmp/.peer" 2>"$tmp/.peer-err" || peer_rc=$?
  ours_rc=0
  "$ours" "$@" >"$tmp/.ours" 2>"$tmp/.ours-err" || ours_rc=$?
  $peer_filter <"$tmp/.peer" >"$tmp/.peer-f"
  $peer_filter <"$tmp/.ours" >"$tmp/.ours-f"
  if [ "$peer_rc" = "$ours_rc" ] && cmp -s "$tmp/.peer-f" "$tmp/.ours-f"; then
    pass "$peer_name"
    return
  fi
  fail "$peer_name"
  diag "qemu-img $*"
  diag "exit status: peer $peer_rc, ours $ours_rc"
  diag "$(diff -u "$tmp/.peer-f" "$tmp/.ours-f" | head -n 40)"
  diag "peer's standard error: $(head -n 3 "$tmp/.peer-err")"
  diag "ours: $(head -n 3 "$tmp/.ours-err")"
}

same () {
  peer_title=$1
  shift
  same_filtered "$peer_title" cat "$@"
}

# After 7.2: info has `children` (8.0) and "Child node" blocks.
without_children () {
  sed -e '/^    "children": \[/,/^    \],*$/d' -e '/^        "children": \[/,/^        \],*$/d' |
    awk '/^Child node / { skip = 1 } /^$/ { skip = 0 } !skip'
}

# After 7.2: map tells compressed clusters (8.2).
without_compressed () {
  sed 's/, "compressed": [a-z]*//'
}

# After 7.2: another head line and other widths of the snapshot table (9.0).
squeezed_snapshots () {
  without_children | sed -e 's/VM SIZE/VM_SIZE/; s/VM CLOCK/VM_CLOCK/' \
    -e '/^ID .*TAG/,/^[A-Z][a-z]/s/  */ /g' -e 's/ \(0[0-9]:[0-9][0-9]:[0-9][0-9]\.[0-9]*\)/ 00\1/'
}
