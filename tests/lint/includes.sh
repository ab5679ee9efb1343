#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who may include what: the layers.
. "${0%/*}/lib.sh"
plan 7

# includes FOLDER-REGEX: FILE HEADER-AS-WRITTEN, for every #include there
includes () {
  c_files | grep -E "$1" | tr '\n' '\0' |
    xargs -0 -r awk '/^[ \t]*#[ \t]*include/ {
      sub (/^[ \t]*#[ \t]*include[ \t]*/, ""); print FILENAME, $1 }'
}

none "public headers include <blkimg/...> and the system's only" "$(
  includes '^include/' | awk '$2 !~ /^</ || $2 == "<config.h>"')"

none "the core includes its own headers and the public ones" "$(
  includes '^core/' |
    awk '$2 ~ /^"/ && $2 !~ /^"core\/[a-z0-9-]+\.h"$/ && $2 !~ /^"[a-z0-9-]+\.h"$/')"

# Codecs and network libraries are modules: a program that does not use one must not load it.
none "the core uses libltdl only" "$(
  includes '^core/' |
    grep -E '<(zlib|zstd|libdeflate|isa-l|igzip_lib|libnbd|jansson|curl/|openssl/|gcrypt|gnutls/|check)' )"

none "modules include <blkimg/module.h>, its helpers, their folder and modules/common" "$(
  includes '^modules/' | while read -r file header; do
    case $header in
      '<blkimg/module.h>' | '<blkimg/endian.h>' | '<blkimg/overflow.h>' | \
      '<blkimg/cleanup.h>' | '<blkimg/vec.h>' | '<blkimg/value.h>') ;;
      '<blkimg/'*) echo "$file $header" ;;
      '<'*) ;;
      *)
        name=${header#\"}
        name=${name%\"}
        case $name in
          */*) echo "$file $header" ;;
          *) [ -f "${file%/*}/$name" ] || [ -f "modules/common/$name" ] ||
             echo "$file $header" ;;
        esac ;;
    esac
  done)"

none "tools include public headers and tools/common" "$(
  includes '^tools/' | awk '
    $2 ~ /^"/ && $2 !~ /^"common\/[a-z0-9-]+\.h"$/ && $2 !~ /^"[a-z0-9-]+\.h"$/')"

none "nobody climbs out of an include folder" "$(includes '.' | grep -F '../')"

none "nobody includes a .c file" "$(includes '.' | grep -E '\.c[">]$')"
