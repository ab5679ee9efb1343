# SPDX-License-Identifier: LGPL-2.1-or-later
# blkimg/ holds the public headers, installed as <blkimg/...>; config.h is made beside it.
blkimginclude_HEADERS += %D%/blkimg/aio.h
blkimginclude_HEADERS += %D%/blkimg/blkimg.h
blkimginclude_HEADERS += %D%/blkimg/cleanup.h
blkimginclude_HEADERS += %D%/blkimg/codec.h
blkimginclude_HEADERS += %D%/blkimg/copy.h
blkimginclude_HEADERS += %D%/blkimg/crypto.h
blkimginclude_HEADERS += %D%/blkimg/endian.h
blkimginclude_HEADERS += %D%/blkimg/error.h
blkimginclude_HEADERS += %D%/blkimg/i18n.h
blkimginclude_HEADERS += %D%/blkimg/json.h
blkimginclude_HEADERS += %D%/blkimg/module.h
blkimginclude_HEADERS += %D%/blkimg/node.h
blkimginclude_HEADERS += %D%/blkimg/options.h
blkimginclude_HEADERS += %D%/blkimg/overflow.h
blkimginclude_HEADERS += %D%/blkimg/value.h
blkimginclude_HEADERS += %D%/blkimg/vec.h
