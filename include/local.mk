# SPDX-License-Identifier: LGPL-2.1-or-later
# blkimg/ holds the public headers, installed as <blkimg/...>; config.h is made beside it.
nobase_include_HEADERS += %D%/blkimg/blkimg.h
nobase_include_HEADERS += %D%/blkimg/cleanup.h
nobase_include_HEADERS += %D%/blkimg/copy.h
nobase_include_HEADERS += %D%/blkimg/endian.h
nobase_include_HEADERS += %D%/blkimg/error.h
nobase_include_HEADERS += %D%/blkimg/module.h
nobase_include_HEADERS += %D%/blkimg/node.h
nobase_include_HEADERS += %D%/blkimg/options.h
nobase_include_HEADERS += %D%/blkimg/overflow.h
nobase_include_HEADERS += %D%/blkimg/value.h
nobase_include_HEADERS += %D%/blkimg/vec.h
