/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-info: what an image is. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <blkimg/cleanup.h>
#include <blkimg/i18n.h>

#include "common/opt-image.h"
#include "common/out.h"

struct args {
  struct image_args image;
  bool chain, limits;
  int output;
};

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_FLAG_ROW (0, "backing-chain", struct args, chain,
                N_("also the backing images, one record each")),
  OPT_CACHE_ROW ('t', "cache", struct args, image.cache),
  OPT_SHARE_ROW (struct args, image),
  OPT_FLAG_ROW (0, "limits", struct args, limits, N_("also the limits of requests")),
  OPT_OUTPUT_ROW (struct args, output),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

static void
print_chain (const struct img_value *chain, bool whole)
{
  for (size_t i = 0; i < img_value_count (chain); i++) {
    if (i > 0)
      putchar ('\n');
    out_info (img_value_at (chain, i));
    if (!whole)
      return;
  }
}

/* One record for each image of the chain, or the top one alone. */
static struct img_value *
collect (const char *name, bool chain, const struct img_open_params *params,
         struct img_error *err)
{
  struct img_value *all = NULL, *one;
  struct img_node *node;
  struct img_error ignored;

  if (chain)
    return img_info_chain (name, params, err);
  node = img_open (name, params, err);
  if (node == NULL)
    return NULL;
  one = img_info (node, err);
  if (one) {
    all = img_value_array ();
    img_value_take (all, NULL, one);
    if (!img_value_ok (all))
      tool_no_memory ();
  }
  img_close (node, &ignored);
  return all;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  unsigned flags = IMG_OPENF_INFO | (args->chain ? 0 : IMG_OPENF_NO_BACKING) |
                   (args->limits ? IMG_OPENF_LIMITS : 0);
  struct img_open_params params = image_open_params (&args->image, flags);
  struct img_error err = IMG_ERROR_INIT;
  struct img_value *all;
  int status = image_check_args (&params);

  if (status)
    return status;
  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  all = collect (names[0], args->chain, &params, &err);
  if (all == NULL)
    return tool_fail (&err);
  if (args->output == OUTPUT_HUMAN)
    print_chain (all, args->chain);
  else
    out_json (args->chain ? all : img_value_at (all, 0));
  img_value_free (all);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "info", N_("Print what an image is: format, sizes, what it refers to."), N_("FILE"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };

  return tool_main (argc, argv, &command, &args);
}
