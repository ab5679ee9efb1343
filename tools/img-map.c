/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* img-map: where the bytes of an image are. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blkimg/i18n.h>
#include <blkimg/overflow.h>

#include "common/columns.h"
#include "common/opt-image.h"
#include "img-map-picture.h"

struct args {
  struct image_args image;
  struct opt_number start, length;
  int output;
};

/* Pictures: for browsers and for terminals. */
enum { OUTPUT_SVG = OUTPUT_JSON + 1, OUTPUT_BLOCKS };
enum { SVG_COLUMNS = 128, SVG_ROWS = 32, BLOCKS_ROWS = 24 };
static const char *const form_words[] = { "human", "json", "svg", "blocks", NULL };

static const struct opt opts[] = {
  OPT_FORMAT_ROW ('f', "format", struct args, image.format),
  OPT_IMAGE_OPTS_ROW ("image-opts", struct args, image),
  OPT_SIZE_ROW ('s', "start-offset", N_("BYTES"), struct args, start, N_("begin at that offset")),
  OPT_SIZE_ROW ('l', "max-length", N_("BYTES"), struct args, length,
               N_("map at most that many bytes")),
  OPT_SHARE_ROW (struct args, image),
  OPT_CHOICE_ROW (0, "output", form_words, struct args, output, N_("form of the output")),
  OPT_OBJECT_ROW (struct args, image),
  OPT_TRUST_ROWS (struct args, image),
  OPT_END_ROW
};

/* What gets the map's blocks. */
struct sink {
  int output, widths[3];
  bool some; /* was printed */
  struct picture picture;
};

/* A map may have millions of lines: these do without printf's machinery. */
static char *
put_number (char *p, uint64_t n)
{
  char digits[20];
  unsigned i = sizeof digits;

  do
    digits[--i] = (char) ('0' + n % 10);
  while ((n /= 10) > 0);
  while (i < sizeof digits)
    *p++ = digits[i++];
  return p;
}

#define PUT(p, text) ((char *) memcpy (p, text, sizeof (text) - 1) + sizeof (text) - 1)
#define PUT_TRUTH(p, key, b) ((b) ? PUT (p, key "true") : PUT (p, key "false"))

static void
print_json (const struct img_block *b, bool first)
{
  char line[256], *p = line;

  p = first ? PUT (p, "[{ \"start\": ") : PUT (p, ",\n{ \"start\": ");
  p = put_number (p, b->offset);
  p = put_number (PUT (p, ", \"length\": "), b->length);
  p = put_number (PUT (p, ", \"depth\": "), b->depth);
  p = PUT_TRUTH (p, ", \"present\": ", b->flags & IMG_BLOCK_PRESENT);
  p = PUT_TRUTH (p, ", \"zero\": ", b->flags & IMG_BLOCK_ZERO);
  p = PUT_TRUTH (p, ", \"data\": ", b->flags & IMG_BLOCK_DATA);
  p = PUT_TRUTH (p, ", \"compressed\": ", b->flags & IMG_BLOCK_COMPRESSED);
  if (b->flags & IMG_BLOCK_HOST)
    p = put_number (PUT (p, ", \"offset\": "), b->host_offset);
  *p++ = '}';
  fwrite_unlocked (line, 1, (size_t) (p - line), stdout);
}

/* Only what can be read from a file by offset fits this form. */
static int
print_human (const struct img_block *b, const int *widths, struct img_error *err)
{
  if ((b->flags & IMG_BLOCK_DATA) && !(b->flags & IMG_BLOCK_HOST)) {
    if (tool_compat ())
      return img_error_set (err, ENOTSUP,
                            _("File contains external, encrypted or compressed clusters."));
    return img_error_set (err, ENOTSUP,
                          _("%s: data of offset 0x%llx is compressed, encrypted or lost;"
                            " --output=json shows it"),
                          img_filename (b->node), (unsigned long long) b->offset);
  }
  if ((b->flags & (IMG_BLOCK_DATA | IMG_BLOCK_ZERO)) == IMG_BLOCK_DATA)
    printf ("%#*" PRIx64 "%#*" PRIx64 "%#*" PRIx64 "%s\n", widths[0], b->offset, widths[1],
            b->length, widths[2], b->host_offset, img_filename (b->node));
  return 0;
}

static int
take_block (void *arg, const struct img_block *b, struct img_error *err)
{
  struct sink *sink = arg;
  bool first = !sink->some;

  sink->some = true;
  if (sink->output == OUTPUT_HUMAN)
    return print_human (b, sink->widths, err);
  if (sink->output == OUTPUT_JSON)
    print_json (b, first);
  else
    picture_add (&sink->picture, b);
  return 0;
}

static int
print_map (struct img_node *node, uint64_t start, uint64_t length, unsigned flags, int output,
           struct img_error *err)
{
  struct sink sink = { .output = output };
  int rc;

  if (output == OUTPUT_HUMAN)
    column_headings ((const char *[]) { _("Offset"), _("Length"), _("Mapped to") }, 3, sink.widths,
                     _("File"));
  rc = img_walk_all (node, start, length, flags, take_block, &sink, err);
  if (output == OUTPUT_JSON && rc == 0)
    puts (sink.some ? "]" : "[]");
  return rc;
}

static int
draw_map (struct img_node *node, uint64_t start, uint64_t length, unsigned flags, int output,
          struct img_error *err)
{
  bool svg = output == OUTPUT_SVG;
  struct sink sink = { .output = output };
  int rc;

  picture_init (&sink.picture, start, length, svg ? SVG_COLUMNS : picture_text_columns (),
                svg ? SVG_ROWS : BLOCKS_ROWS);
  rc = img_walk_all (node, start, length, flags, take_block, &sink, err);
  if (rc == 0)
    (svg ? picture_svg : picture_blocks) (&sink.picture, node);
  picture_release (&sink.picture);
  return rc;
}

/* Holes of the files below are zeroes, whatever a format's tables say.  qemu-img looks for them
 * only under raw images, and where a format seems to have been given space that it has not used. */
static unsigned
walk_flags (struct img_node *node)
{
  struct img_error ignored;
  struct img_value *info;
  const struct img_value *file;
  uint64_t length, used, slack;

  if (!tool_compat () || (info = img_info (node, &ignored)) == NULL)
    return IMG_WALK_HOLES;
  file = img_value_get (img_value_at (img_value_get (info, "children"), 0), "info");
  length = img_value_uint (img_value_get (file, "virtual-size"));
  used = img_value_uint (img_value_get (file, "actual-size"));
  slack = img_max (used / 9, 2 * img_value_uint (img_value_get (info, "cluster-size")));
  img_value_free (info);
  return length > used && length - used > slack ? IMG_WALK_HOLES
                                                : IMG_WALK_HOLES | IMG_WALK_PLAIN;
}

static int
map (struct img_node *node, void *data)
{
  const struct args *args = data;
  uint64_t size = img_size (node), start = args->start.value, rest;
  static char room[64 << 10]; /* without it the size is not heeded */
  struct img_block none = { .offset = start };
  struct img_error err = IMG_ERROR_INIT;
  int rc;

  rest = start < size ? size - start : 0;
  if (args->length.given && args->length.value < rest)
    rest = args->length.value;
  start = size - rest < start ? size - rest : start;
  if (rest == 0 && tool_compat () && args->output == OUTPUT_JSON) {
    print_json (&none, true);
    puts ("]");
    return EXIT_SUCCESS;
  }
  setvbuf (stdout, room, _IOFBF, sizeof room); /* small writes are what a long map costs */
  rc = (args->output > OUTPUT_JSON ? draw_map : print_map) (node, start, rest, walk_flags (node),
                                                            args->output, &err);
  return rc < 0 ? tool_fail (&err) : EXIT_SUCCESS;
}

static int
run (void *data, int n, char **names)
{
  struct args *args = data;
  struct img_open_params params = image_open_params (&args->image, 0);

  if (n != 1)
    return tool_usage (_("Expecting one image file name"));
  if (tool_compat () && args->output > OUTPUT_JSON)
    return tool_usage (_("option --%s: %s"), "output", _("it takes human or json"));
  return image_run (names[0], &params, map, args);
}

int
main (int argc, char **argv)
{
  static const struct command command = {
    "map", N_("Print where the bytes of an image are."), N_("FILE"), opts, run
  };
  struct args args = { .output = OUTPUT_HUMAN };

  return tool_main (argc, argv, &command, &args);
}
