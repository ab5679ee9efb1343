# SPDX-License-Identifier: LGPL-2.1-or-later
# What the lints share, over the TAP library of tests/cli.  A lint is a shell script that lists
# offenders; an empty list passes:
#
#   none "NAME OF THE RULE" "$offenders"
#
# Lints run from the source folder alone (tests/lint/run); those that look at what was built
# say so with need_build and run in "make check".
case $0 in
  */*) lint_dir=${0%/*} ;;
  *) lint_dir=. ;;
esac
top_srcdir=${top_srcdir:-$(cd "$lint_dir/../.." && pwd)}
. "$top_srcdir/tests/cli/lib.sh"
cd "$top_srcdir" || exit 99

# none NAME TEXT: passes when TEXT is empty, else shows it
none () {
  if [ -z "$2" ]; then
    pass "$1"
  else
    fail "$1"
    diag "$2"
  fi
}

need_build () {
  [ -n "${top_builddir:-}" ] || skip_all "looks at built files; make check runs it"
}

# all_files: what belongs to the project, tracked or about to be, one a line
all_files () {
  if [ -e .git ] && git ls-files >/dev/null 2>&1; then
    git ls-files -co --exclude-standard
  else
    # An unpacked tarball, perhaps with a build in it.
    find . \( -name .git -o -name .libs -o -name .deps -o -name autom4te.cache -o -name _build \
      -o -name build-aux \) -prune -o -type f -print | sed 's,^\./,,'
  fi | while IFS= read -r f; do
    [ ! -f "$f" ] || printf '%s\n' "$f"
  done | LC_ALL=C sort
}

# c_files: C sources and headers of the project
c_files () {
  all_files | grep -E '^(core|include|modules|tools|tests)/.*\.[ch]$' |
    grep -Ev '(^|/)(config\.h|[^/]*S\.c)$'
}
