/* Why something failed: the kind is returned, the reason is kept here until the next failure. */
#include "sdk.h"

static const char *tl_reason = "";

const char *tl_error(void) {
  return tl_reason;
}

tl_result tl_fail(tl_result kind, const char *message, size_t len) {
  tl_reason = tl_text(message, len).ptr;
  return kind;
}

tl_result tl_retry(const char *format, ...) {
  va_list values;
  va_start(values, format);
  tl_reason = tl_vformat(format, values).ptr;
  va_end(values);
  return TL_RETRY;
}

tl_result tl_reject(const char *format, ...) {
  va_list values;
  va_start(values, format);
  tl_reason = tl_vformat(format, values).ptr;
  va_end(values);
  return TL_REJECT;
}

static tl_result tl_host_error(tl_result kind, const char *what, const char *name, plugin_string_t reason) {
  tl_reason = tl_format("%s `%s`: %s", what, name ? name : "", tl_of_wire(reason).ptr).ptr;
  return kind;
}
