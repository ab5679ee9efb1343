#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For sweep.sh, many at once:
#   series.sh NAME HOW COMMAND KIND WHAT   COMMAND with WHAT at the 1st, 2nd, ... call of KIND
#   series.sh listing FOLDER               what is in it
# Complaints go to standard output.
set -u

# What one run leaves: its files by name and contents.  VDI headers hold random identifiers.
listing () {
  (
    cd "$1" || exit 99
    find . -type f ! -name '.run-*' ! -name '*.vdi' -exec cksum {} + | sort -k 3
    find . -mindepth 1 -type d
    for vdi in ./*.vdi; do
      [ ! -f "$vdi" ] || echo "$(tail -c +513 "$vdi" | cksum) $vdi"
    done
  )
}

# same_view FOLDER: t.qcow2 has leaks at most and reads as r.raw
same_view () {
  (
    cd "$1" || exit 99
    timeout 20 img-check -q t.qcow2 || [ $? -eq 3 ] || exit 1
    exec timeout 20 img-compare t.qcow2 r.raw
  ) >"$1/.run-check" 2>&1
}

# left_behind FOLDER HOW: something else than before and than what was to be made
left_behind () {
  case $2 in
    over)
      (cd "$1" && timeout 20 img-check -q -f qcow2 old.raw) >/dev/null 2>&1 &&
        echo "$here: leaves what looks like an image"
      sed 's/.*old.raw$//' "$1.listing" >"$1.others"
      sed 's/.*old.raw$//' "$tmp/start.listing" | cmp -s - "$1.others" ||
        echo "$here: leaves other files"
      ;;
    in-place)
      (cd "$1" && timeout 20 img-check -q t.qcow2) >"$1/.run-check" 2>&1
      case $? in
        0 | 3) ;;
        *) echo "$here: leaves a broken image: $(head -n 1 "$1/.run-check")" ;;
      esac
      ;;
    repair)
      (cd "$1" && timeout 20 img-convert -O raw t.qcow2 .run-raw && cmp .run-raw r.raw) \
        >"$1/.run-check" 2>&1 || echo "$here: the data: $(head -n 1 "$1/.run-check")"
      (cd "$1" && timeout 20 img-check -q t.qcow2) >"$1/.run-check" 2>&1
      [ $? -ne 1 ] || echo "$here: cannot be checked: $(head -n 1 "$1/.run-check")"
      ;;
    stream)
      for listed in "$tmp/start" "$1"; do
        sed '/ \.\/t\.out$/d' "$listed.listing" >"$1.others"
        cksum <"$1.others"
      done | uniq | wc -l | grep -q '^ *1$' || echo "$here: leaves other files"
      ;;
    same-view)
      same_view "$1" ||
        echo "$here: t.qcow2 is not what it was: $(head -n 1 "$1/.run-check")"
      ;;
    *) echo "$here: leaves other files: $(diff "$tmp/start.listing" "$1.listing" | tail -n 1)" ;;
  esac
}

# same_disk FOLDER NAME HOW KIND: space that could not be given back, and holds what it held, or (for
# lack of memory) leaks, is all that is different
same_disk () {
  case $3-$4 in
    in-place-allocate | *-memory) ;;
    *) return 1 ;;
  esac
  for same_file in "$1"/t.qcow2 "$1"/new.qcow2; do
    [ -f "$same_file" ] || continue
    (
      img-check -q "$same_file" || [ "$4-$?" = memory-3 ] || exit 1
      img-compare -q "$same_file" "$tmp/$2.ref/${same_file##*/}"
    ) >/dev/null 2>&1 || return 1
  done
}

# judge FOLDER NAME HOW KIND N WHAT STATUS: complains on standard output
judge () {
  here="$2: $4 $5 $6"
  fault_err=$(cat "$1/.run-err")
  case $fault_err in
    *Sanitizer* | *'runtime error:'*) echo "$here: $(grep -E 'Sanitizer|runtime' "$1/.run-err")" ;;
  esac
  if [ "$7" -eq 124 ]; then
    echo "$here: hangs"
  elif [ "$7" -ge 128 ]; then
    echo "$here: dies of signal $(($7 - 128))"
  elif [ "$7" -eq 0 ]; then
    case $4-$6 in
      *-EINTR | *-SHORT) ;;
      read-* | write-* | flush-*) echo "$here: succeeds all the same" ;;
    esac
    cmp -s "$1/.run-out" "$tmp/$2.ref/.run-out" || echo "$here: succeeds with another answer"
    # Space that could not be given back holds old bytes.
    listing "$1" | cmp -s - "$tmp/$2.ref.listing" || same_disk "$1" "$2" "$3" "$4" ||
      { [ "$3" = same-view ] && same_view "$1"; } || echo "$here: succeeds with other files"
  else
    [ -n "$fault_err" ] || echo "$here: fails without a word"
    [ "$4" != memory ] || [ "$(printf '%s\n' "$fault_err" | wc -l)" -eq 1 ] ||
      echo "$here: says more than one line: $(printf '%s' "$fault_err" | tail -n 1)"
    case $2-$7 in
      compare*-1 | check*-[23]) echo "$here: a fault is not an answer (exit $7)" ;;
    esac
    listing "$1" >"$1.listing"
    cmp -s "$1.listing" "$tmp/start.listing" ||
      { [ "$4" = flush ] && cmp -s "$1.listing" "$tmp/$2.ref.listing"; } ||
      left_behind "$1" "$3"
  fi
}

# All up to the 8th, then every fifth, and the last ones: what finishes a command is there.
series () {
  n=1 most=40 hit=0 last=
  # thousands of them: every so many
  [ "$4" != memory ] || { n=$((seed % stride + 1)) && most=100000; }
  while [ "$n" -le "$most" ]; do
    dir=$tmp/$1.$4.$5
    rm -rf "$dir" && cp -a "$tmp/start" "$dir" || exit 99
    (
      cd "$dir" || exit 99
      FAULT=$4:$n:$5 FAULT_LOG=$dir/.run-log LD_PRELOAD=$faults
      export FAULT FAULT_LOG LD_PRELOAD
      exec timeout 20 sh -c "$3" >.run-out 2>.run-err
    )
    status=$?
    if [ ! -s "$dir/.run-log" ]; then
      [ "$status" -eq 0 ] || echo "$1: $4 $n $5: fails without a fault: $(head -n 1 "$dir/.run-err")"
      [ "$4" != memory ] && [ -z "$last" ] && [ $((n - hit)) -gt 1 ] || break
      most=$((n - 1)) last=yes n=$((hit + 1))
      continue
    fi
    hit=$n
    echo "hit $1" >>"$tmp/hits"
    judge "$dir" "$1" "$2" "$4" "$n" "$5" "$status"
    # later ones are much the same
    if [ "$4" = memory ]; then
      n=$((n + stride))
    else
      [ "$n" -lt 8 ] || [ -n "$last" ] && n=$((n + 1)) || n=$((n + 5))
    fi
  done
  rm -rf "$dir" "$dir".*
}

case $1 in
  listing) listing "$2" ;;
  *) series "$@" ;;
esac
