# SPDX-License-Identifier: LGPL-2.1-or-later
# The public headers, installed as <blkimg/...>.
nobase_include_HEADERS +=
