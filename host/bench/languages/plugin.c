/* As host/bench/plugin does in Rust: reads two attributes of the new image, and decides by them. */
#include <stdlib.h>
#include <string.h>

#include "tripline.h"

static tl_result on_change(const tl_change *change) {
  if (!change->new_image.json.ptr) return TL_OK;
  tl_str status, total;
  TL_TRY(tl_need_string(change->new_image, "status", &status));
  TL_TRY(tl_need_number(change->new_image, "total", &total));
  if (!strcmp(status.ptr, "fraud") && strtod(total.ptr, NULL) > 1e9) return tl_reject("a fraud");
  return TL_OK;
}

const tl_plugin tripline_plugin = {.on_change = on_change};
