# SPDX-License-Identifier: LGPL-2.1-or-later
# TAP for shell tests.  Source it first:
#
#   . "${top_srcdir:-.}/tests/cli/lib.sh"
#   plan 3
#   run_ok "info works" img-info x.raw         # output in $out, messages in $err
#   like "$out" 'virtual size' "says the size"
#   run_fails "missing file" 1 img-info nope   # exactly this exit code
#
# The script runs in a folder of its own, removed at the end (kept, and named, when
# BLKIMG_TEST_KEEP is set).  Run one by hand with: ./run tests/cli/NAME.sh
set -u
LC_ALL=C
export LC_ALL
unset CDPATH POSIXLY_CORRECT

tap_count=0
tap_failed=0
tap_planned=0
out=
err=

case ${top_srcdir:-} in
  /*) ;;
  *) echo "Bail out! run me through ./run of a build folder"; exit 99 ;;
esac
tmp=$(mktemp -d "${TMPDIR:-/tmp}/blkimg-test.XXXXXX") || exit 99
cd "$tmp" || exit 99

# The seed of everything random; give BLKIMG_TEST_SEED to repeat a run.
seed=${BLKIMG_TEST_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "# seed $seed"

# When the process PID was started: numbers of ended processes are given to others, quickly so on
# a busy machine.
tap_born () {
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

tap_exit () {
  tap_status=$?
  trap - EXIT
  for tap_pid in ${tap_pids:-}; do
    [ "${tap_pid#*:}" != "$(tap_born "${tap_pid%%:*}")" ] || kill "${tap_pid%%:*}" 2>/dev/null
  done
  if [ -n "${BLKIMG_TEST_KEEP:-}" ]; then
    echo "# files kept in $tmp"
  else
    cd / && chmod -R u+rwX "$tmp" 2>/dev/null
    rm -rf "$tmp"
  fi
  if [ "$tap_planned" = later ]; then
    echo "1..$tap_count"
  fi
  [ "$tap_status" = 0 ] && [ "$tap_failed" -gt 0 ] && tap_status=1
  exit "$tap_status"
}
trap tap_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# plan N, or: plan (counted at the end)
plan () {
  tap_planned=${1:-later}
  [ "$tap_planned" = later ] || echo "1..$tap_planned"
}

diag () {
  printf '%s\n' "$*" | sed 's/^/# /'
}

pass () {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1"
}

fail () {
  tap_count=$((tap_count + 1))
  tap_failed=$((tap_failed + 1))
  echo "not ok $tap_count - $1"
}

skip () {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

# todo NAME WHAT: is not so yet, is told, and fails nothing
todo () {
  tap_count=$((tap_count + 1))
  echo "not ok $tap_count - $1 # TODO $2"
}

skip_all () {
  tap_planned=0
  echo "1..0 # SKIP $1"
  exit 0
}

# have WHAT CHECK && CHECK...: a module of WHAT ("encryption", "JSON", "protocol nbd") is installed;
# else CHECK is skipped
have () {
  if [ "$(img-modules | grep -c "^  $1")" -gt 0 ]; then
    return 0
  fi
  skip "$2" "no module for $1"
  return 1
}

# needs WHAT...: or the script is skipped
needs () {
  for tap_what; do
    [ "$(img-modules | grep -c "^  $tap_what")" -gt 0 ] || skip_all "no module for $tap_what"
  done
}

# ok NAME COMMAND...: the command succeeds
ok () {
  tap_name=$1
  shift
  if "$@" >"$tmp/.ok" 2>&1; then
    pass "$tap_name"
  else
    tap_rc=$?
    fail "$tap_name"
    diag "exit $tap_rc from: $*"
    diag "$(head -n 40 "$tmp/.ok")"
  fi
}

# is GOT WANTED NAME
is () {
  if [ "x$1" = "x$2" ]; then
    pass "$3"
  else
    fail "$3"
    diag "got:    $1"
    diag "wanted: $2"
  fi
}

isnt () {
  if [ "x$1" != "x$2" ]; then
    pass "$3"
  else
    fail "$3"
    diag "got what should differ: $1"
  fi
}

# like TEXT EXTENDED-REGEX NAME
like () {
  if printf '%s\n' "$1" | grep -Eq -e "$2"; then
    pass "$3"
  else
    fail "$3"
    diag "text:   $1"
    diag "lacks:  $2"
  fi
}

unlike () {
  if printf '%s\n' "$1" | grep -Eq -e "$2"; then
    fail "$3"
    diag "text:   $1"
    diag "holds:  $2"
  else
    pass "$3"
  fi
}

# capture COMMAND...: standard output in $out, standard error in $err, exit status in $rc
capture () {
  rc=0
  "$@" >"$tmp/.out" 2>"$tmp/.err" || rc=$?
  out=$(cat "$tmp/.out")
  err=$(cat "$tmp/.err")
}

# run_fails NAME STATUS COMMAND...: exactly this exit status
run_fails () {
  tap_name=$1
  tap_want=$2
  shift 2
  capture "$@"
  if [ "$rc" -eq "$tap_want" ]; then
    pass "$tap_name"
  else
    fail "$tap_name"
    diag "exit $rc, not $tap_want, from: $*"
    diag "$(head -n 40 "$tmp/.out" "$tmp/.err")"
  fi
}

# run_ok NAME COMMAND...
run_ok () {
  tap_name=$1
  shift
  run_fails "$tap_name" 0 "$@"
}

# same_bytes FILE FILE NAME
same_bytes () {
  ok "$3" cmp "$1" "$2"
}

# need_peer PROGRAM...: the whole test needs them.  In CI a missing one is a failure.
need_peer () {
  for tap_peer; do
    command -v "$tap_peer" >/dev/null 2>&1 && continue
    if [ "${CI:-}" = true ]; then
      echo "Bail out! $tap_peer is missing, which CI must have"
      exit 99
    fi
    skip_all "$tap_peer is not installed"
  done
}

# at_exit_kill PID: a server that this test started, ended with it unless it has ended before
at_exit_kill () {
  tap_pids="${tap_pids:-} $1:$(tap_born "$1")"
}

# wait_for NAME COMMAND...: until the command succeeds, a minute at most
wait_for () {
  tap_name=$1
  shift
  tap_tries=0
  until "$@" >/dev/null 2>&1; do
    tap_tries=$((tap_tries + 1))
    if [ "$tap_tries" -ge 1200 ]; then
      diag "waited in vain for $tap_name"
      return 1
    fi
    sleep 0.05
  done
}
