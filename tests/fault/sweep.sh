# SPDX-License-Identifier: LGPL-2.1-or-later
# One system call fails, at each place where it can: what every command must do then.
#
#   . "${top_srcdir:-.}/tests/fault/sweep.sh"
#   sweep NAME [over|in-place|repair|same-view|stream] 'COMMAND'   # in the folder that "images" made
#
# A run without faults says what is right.  Then each kind of call fails at its first, second, ...
# occurrence, until a run does not come so far.  A run that was hit must say why and exit with an
# error: not 0, no signal, no endless wait.  It leaves what was there as it was, and nothing new
# (over: old.raw is lost, but no image either; in-place: t.qcow2 is an image whose check finds leaks
# at most; repair: t.qcow2 holds what r.raw does and can be checked; same-view: it reads as r.raw, with
# leaks at most; stream: t.out is what was written so far; where a flush failed: all that was to be
# made).  It may succeed where the call was
# only a wish, or is to be tried again, or something else does the same: then with the right result.
. "${top_srcdir:-.}/tests/cli/lib.sh"

faults=$top_builddir/tests/fault/faults.so
[ "$(getconf LONG_BIT)" = 64 ] || skip_all "the library of faults is for 64-bit systems"
# ASan's library wants to be the first; it is enough that it is there.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
export ASAN_OPTIONS faults tmp
series=$top_srcdir/tests/fault/series.sh

# A kind, and all that it may say.  A plus: from then on.
what_fails () {
  cat <<'END'
open EIO EACCES
read EIO EOF EINTR SHORT
write EIO ENOSPC+ EINTR SHORT
flush EIO
truncate EIO ENOSPC
allocate EIO ENOSPC+ ENOTSUP
seek EIO
copy EIO ENOTSUP SHORT
rename EIO
stat EIO
lock EIO EACCES ENOLCK
ioctl EIO ENOTSUP
END
}

# Small images of each kind, made once.
images () {
  mkdir "$tmp/start" && cd "$tmp/start" || exit 99
  head -c 200000 /dev/urandom >r.raw && truncate -s 1M r.raw
  cp r.raw old.raw && head -c 70000 /dev/urandom | dd of=r.raw bs=1k seek=600 conv=notrunc 2>/dev/null
  {
    img-convert -O qcow2 -o cluster_size=4k r.raw x.qcow2 &&
    img-convert -O qcow2 -c r.raw c.qcow2 &&
    img-convert -O qcow2 old.raw base.qcow2 &&
    img-convert -O vdi r.raw v.vdi &&
    img-convert -O qcow2 -B base.qcow2 -F qcow2 r.raw top.qcow2 &&
    if img-modules | grep '^  encryption'; then
      img-convert --object secret,id=s,data=s -O luks -o key-secret=s,iter-time=1 r.raw l.luks &&
      img-convert --object secret,id=k,data=x -O qcow2 \
        -o encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10 r.raw e.qcow2
    fi
  } >"$tmp/made" 2>&1 || { diag "$(cat "$tmp/made")"; echo "Bail out! no images"; exit 99; }
  cd "$tmp" || exit 99
  "$series" listing start >start.listing
}

sweep () {
  sweep_name=$1
  sweep_how=new
  case $2 in
    over | in-place | repair | same-view | stream) sweep_how=$2 && shift ;;
  esac
  cp -a start "$sweep_name.ref" || exit 99
  (cd "$sweep_name.ref" && sh -c "$2" >.run-out 2>.run-err)
  is "$?" 0 "$sweep_name: succeeds without faults"
  "$series" listing "$sweep_name.ref" >"$sweep_name.ref.listing"
  : >hits
  sweep_bad=$(what_fails | while read -r kind whats; do
      for what in $whats; do printf '%s\n' "$kind $what"; done
    done | xargs -n 2 -P 4 "$series" "$sweep_name" "$sweep_how" "$2" 2>&1) ||
    sweep_bad="$sweep_bad a series came to no end"
  [ -s hits ] || sweep_bad="$sweep_bad no call was made to fail"
  is "$sweep_bad" "" "$sweep_name: $(wc -l <hits | tr -d ' ') faults, each one reported"
}
