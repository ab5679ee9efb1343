#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A file holds 600 lines, a function 60, and blocks nest 4 deep.  exempt-size names what is over
# that ("FILE KIND NAME"); it may only shrink, and nothing exempts a function of over 100 lines.
. "${0%/*}/lib.sh"
command -v perl >/dev/null 2>&1 || skip_all "perl is not installed"
plan 7

measure="perl $top_srcdir/tests/lint/c-size.pl"

# The measure itself, on samples.
cat >"$tmp/sample.c" <<'EOF'
#define MACRO(x) do { if (x) { } } while (0)
static const struct { int a; } table[] = { { 1 }, { 2 } };
extern "C" {
/* { not code */
static inline __attribute__ ((unused)) int
first (int a, struct pair (*b) (int))
{
  char c = '{', *s = "}{\"";
  struct pair p = (struct pair) { 1, 2 };
  for (;;) {
    switch (a) {
    case 1:
      if (b) { do { use (&(struct pair) { 3, 4 }); } while (0); }
    }
  }
#ifdef ONE
  if (a) {
#else
  if (c) {
#endif
  } else if (b) {
  }
}
int second (void) { return 0; }
}
EOF
is "$($measure "$tmp/sample.c" | sed 's,^[^ ]*/,,' | tr '\n' ';')" \
  "sample.c file - 25;sample.c function first 17;sample.c nesting first 4;sample.c function second 1;sample.c nesting second 0;" \
  "the measure is right about a sample"

c_files | tr '\n' '\0' | xargs -0 $measure >"$tmp/all" || exit 99
awk '($2 == "file" && $4 > 600) || ($2 == "function" && $4 > 60) || ($2 == "nesting" && $4 > 4)' \
  "$tmp/all" >"$tmp/over"
exempt=$top_srcdir/tests/lint/exempt-size
grep -Ev '^(#|$)' "$exempt" >"$tmp/exempt"

# over KIND: offenders of that kind that no line exempts
over () {
  awk -v kind="$1" 'FILENAME == ARGV[1] { ok[$1 " " $2 " " $3] = 1; next }
    $2 == kind && !(($1 " " $2 " " $3) in ok)' "$tmp/exempt" "$tmp/over"
}

none "no file over 600 lines" "$(over file)"
none "no function over 60 lines" "$(over function)"
none "no nesting over 4" "$(over nesting)"
none "no function over 100 lines, exempt or not" "$(awk '$2 == "function" && $4 > 100' "$tmp/all")"
none "exempt-size names real offenders only" "$(
  awk 'FILENAME == ARGV[1] { over[$1 " " $2 " " $3] = 1; next }
    !(($1 " " $2 " " $3) in over)' "$tmp/over" "$tmp/exempt")"
none "no line over 100 columns" "$(
  c_files | tr '\n' '\0' | xargs -0 awk 'length > 100 { print FILENAME ":" FNR }')"
