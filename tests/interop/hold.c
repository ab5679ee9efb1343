/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hold FLAGS FORMAT IMAGE: opens IMAGE, says `held`, and closes it when standard input ends.  FLAGS
 * are letters: w for writing, s stable (the source of a copy), u -U, i facts only; - for none. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <blkimg/blkimg.h>

int
main (int argc, char **argv)
{
  struct img_open_params p = { .struct_size = sizeof p };
  struct img_error err = IMG_ERROR_INIT;
  struct img_node *node;
  char c;

  if (argc != 4)
    return 2;
  p.format = argv[2];
  p.flags = (strchr (argv[1], 'w') ? IMG_OPENF_RDWR : 0)
            | (strchr (argv[1], 's') ? IMG_OPENF_STABLE : 0)
            | (strchr (argv[1], 'u') ? IMG_OPENF_SHARE : 0)
            | (strchr (argv[1], 'i') ? IMG_OPENF_INFO : 0);
  node = img_open (argv[3], &p, &err);
  if (node == NULL) {
    fprintf (stderr, "%s\n%s\n", err.message, err.hint);
    return 1;
  }
  puts ("held");
  fflush (stdout);
  while (read (0, &c, 1) > 0)
    ;
  return img_close (node, &err) < 0;
}
