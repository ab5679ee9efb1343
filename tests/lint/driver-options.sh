#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each module's manual page lists the options that its drivers' tables have, no more and no fewer,
# under OPEN OPTIONS and CREATE OPTIONS.
. "${0%/*}/lib.sh"
need_build
command -v img-modules >/dev/null 2>&1 || skip_all "img-modules is not built"
perl -MJSON::PP -e 1 2>/dev/null || skip_all "perl with JSON::PP is not installed"
plan

img-modules --json >"$tmp/modules.json" || exit 99
# MODULE KIND OPTION for each option in a table.  The create option "size" is the core's: a table
# has it only to say where "-o help" shows it.
perl -MJSON::PP -0777 -ne '
  for my $module (@{decode_json ($_)}) {
    print "$module->{name} module -\n";
    for my $driver (@{$module->{drivers}}) {
      for my $kind ("open", "create") {
        print "$module->{name} $kind $_\n"
          for grep { $kind ne "create" || $_ ne "size" }
            map { $_->{name} } @{$driver->{"$kind-options"} // []};
      }
    }
  }' <"$tmp/modules.json" | LC_ALL=C sort -u >"$tmp/tables"

# items HEADING < POD: names of options of the items below that heading
items () {
  awk -v want="=head1 $1" '/^=head1 / { on = ($0 == want) } on && /^=item / {
    sub (/^=item +/, ""); gsub (/[A-Z]<|>/, ""); gsub (/, +/, "\n"); print }' |
    sed 's/[= ].*//' | LC_ALL=C sort -u
}

for module in $(awk '$2 == "module" { print $1 }' "$tmp/tables"); do
  pod=modules/$module/$module.pod
  if [ ! -f "$pod" ]; then
    fail "$module has a manual page"
    continue
  fi
  for kind in open create; do
    heading=$(echo "$kind options" | tr a-z A-Z)
    awk -v m="$module" -v k="$kind" '$1 == m && $2 == k { print $3 }' "$tmp/tables" >"$tmp/table"
    items "$heading" <"$pod" >"$tmp/pod"
    none "$module: $heading are those of the drivers" "$(
      diff "$tmp/table" "$tmp/pod" | sed -n 's/^</only in the table:/p; s/^>/only in the manual:/p')"
  done
done
