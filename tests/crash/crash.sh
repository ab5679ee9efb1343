# SPDX-License-Identifier: LGPL-2.1-or-later
# Power cuts and kills in the middle of a command that changes images in place.
#
#   . "${top_srcdir:-.}/tests/crash/crash.sh"
#   crash NAME [OPTION]... 'COMMAND' IMAGE VIEW...     # in the folder `start`, with the images to change
#
# COMMAND runs on copies of start/ while record.c logs its writes and flushes; replay.c goes through
# the states that a power cut may leave.  Then it is killed at random moments.  In every case the
# check of IMAGE finds leaks at most, and IMAGE reads like one of the raw files VIEW (names in
# start/ as well; `after` is what IMAGE reads as after the command).  OPTION: -A, -m, -w, -W IMAGE,
# -l NAME=VIEW, -L NAME=VIEW, -b NAME=VIEW, -h SHADOW (then it is not killed), -a NAME, -u N=NAME,
# -O OBJECT of replay.c.
. "${top_srcdir:-.}/tests/cli/lib.sh"

record=$top_builddir/tests/crash/record.so
replay=$top_builddir/tests/crash/.libs/replay
[ -x "$replay" ] || replay=$top_builddir/tests/crash/replay
kills=${BLKIMG_CRASH_KILLS:-6}
samples=12 # states out of order after each write; a script may change it
[ "$(getconf LONG_BIT)" = 64 ] || skip_all "the library that records is for 64-bit systems"
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
export ASAN_OPTIONS

mkdir start && cd start || exit 99

# Runs COMMAND in a copy of start/ called $1, in the way of $2...
crash_run () {
  crash_dir=$tmp/$1
  shift
  rm -rf "$crash_dir" && cp -a --sparse=always "$tmp/start" "$crash_dir" || exit 99
  (cd "$crash_dir" && exec "$@") >"$tmp/.crash" 2>&1
}

crash () {
  crash_name=$1 crash_options=
  shift
  while :; do
    case $1 in
      -W) crash_options="$crash_options -W $tmp/log/$2" && shift ;;
      -A | -m | -w) crash_options="$crash_options $1" ;;
      -b | -l | -L) crash_options="$crash_options $1 ${2%%=*}=$tmp/start/${2#*=}" && shift ;;
      -h | -O | -a | -u) crash_options="$crash_options $1 $2" && shift ;;
      *) break ;;
    esac
    shift
  done
  crash_command=$1 crash_image=$2
  shift 2
  if ! crash_run log env RECORD="$tmp/log.bin" LD_PRELOAD="$record" sh -c "$crash_command"; then
    fail "$crash_name: runs"
    diag "$(head -n 5 "$tmp/.crash")"
    return
  fi
  crash_views=
  for crash_view in "$@"; do
    case $crash_view in
      after)
        crash_views="$crash_views $tmp/after"
        img-convert -O raw "$tmp/log/$crash_image" "$tmp/after" || fail "$crash_name: reads afterwards" ;;
      *) crash_views="$crash_views $tmp/start/$crash_view" ;;
    esac
  done
  # shellcheck disable=SC2086
  crash_run states "$replay" -s "$seed" -n "${BLKIMG_CRASH_SAMPLES:-$samples}" $crash_options "$tmp/log.bin" "$tmp/start" "$crash_image" $crash_views
  is "$?" 0 "$crash_name: $(tail -n 1 "$tmp/.crash")"
  [ ! -s "$tmp/.crash" ] || diag "$(head -n 4 "$tmp/.crash")"
  rm -f "$tmp/log.bin"
  case $crash_options in *" -h "*) ;; *) crash_kill ;; esac
}

# Kills the command after a part of the time that it takes.
crash_kill () {
  crash_bad=
  crash_n=0
  while [ "$crash_n" -lt "$kills" ]; do
    crash_n=$((crash_n + 1))
    crash_after=$(awk -v s="$seed" -v n="$crash_n" 'BEGIN { srand (s + n); printf "%.4f", 0.001 + rand () * 0.02 }')
    crash_run killed timeout --foreground -s KILL "$crash_after" sh -c "exec $crash_command"
    # shellcheck disable=SC2086
    (cd "$tmp/killed" && "$replay" -k $crash_options "$tmp/start" "$crash_image" $crash_views) >"$tmp/.crash" 2>&1 ||
      crash_bad="$crash_bad after ${crash_after}s: $(head -n 1 "$tmp/.crash");"
  done
  is "$crash_bad" "" "$crash_name: $kills times killed"
}
