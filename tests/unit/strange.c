/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules that are not as they should be, for test-module.c: STRANGE says how. */

#include <blkimg/module.h>

#define STRANGE_GOOD 0
#define STRANGE_ABI 1        /* made for another ABI */
#define STRANGE_UNDEFINED 2  /* calls a function that nobody has */
#define STRANGE_ENTRY 3      /* no entry function */
#define STRANGE_OLD 4        /* its struct ends after get_info */
#define STRANGE_SMALL 5      /* its struct ends before `open` */
#define STRANGE_NO_MAP 6     /* a format without map */
#define STRANGE_DRIVER_ABI 7 /* the driver only */

#if STRANGE == STRANGE_UNDEFINED
int strange_function_that_nobody_has (void);
#endif

static int
strange_open (struct img_node *node, const struct img_opts *opts, unsigned flags,
              struct img_error *err)
{
  (void) node;
  (void) opts;
  (void) flags;
#if STRANGE == STRANGE_UNDEFINED
  (void) err;
  return strange_function_that_nobody_has ();
#else
  return img_error_set (err, ENOTSUP, "strange");
#endif
}

static int
strange_get_info (struct img_node *node, struct img_driver_info *info, struct img_error *err)
{
  (void) node;
  (void) info;
  (void) err;
  return 0;
}

static int
strange_pread (struct img_node *node, void *buf, uint64_t length, uint64_t offset,
               struct img_error *err)
{
  (void) node;
  (void) buf;
  (void) length;
  (void) offset;
  return img_error_set (err, ENOTSUP, "strange");
}

static const struct img_driver strange_driver = {
#if STRANGE == STRANGE_OLD
  .struct_size = offsetof (struct img_driver, pwrite),
#elif STRANGE == STRANGE_SMALL
  .struct_size = offsetof (struct img_driver, priv_size),
#else
  .struct_size = sizeof strange_driver,
#endif
#if STRANGE == STRANGE_DRIVER_ABI
  .abi = IMG_ABI + 1,
#else
  .abi = IMG_ABI,
#endif
#if STRANGE == STRANGE_NO_MAP
  .kind = IMG_FORMAT,
#else
  .kind = IMG_PROTOCOL,
#endif
  .name = "strange",
  .open = strange_open,
  .get_info = strange_get_info,
  .pread = strange_pread,
  .pwrite = (void *) strange_open, /* past the end of an OLD struct: must not be seen */
};

static const struct img_driver *const drivers[] = { &strange_driver, NULL };

static const struct img_module strange_module = {
  .struct_size = sizeof strange_module,
#if STRANGE == STRANGE_ABI
  .abi = IMG_ABI + 1,
#else
  .abi = IMG_ABI,
#endif
  .drivers = drivers,
};

#if STRANGE == STRANGE_ENTRY
const struct img_module *strange_no_entry (void);
const struct img_module *
strange_no_entry (void)
{
  return &strange_module;
}
#else
IMG_MODULE_ENTRY (strange_module)
#endif
