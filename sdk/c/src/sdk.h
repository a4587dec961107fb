/* What the parts of the SDK share. Not for plugins. */
#ifndef TRIPLINE_SDK_H
#define TRIPLINE_SDK_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../generated/plugin.h"
#include "../tripline.h"

/* Until the batch is done; what is there is lost. */
static void tl_forget(void);

/* Room for another size, with what is there: where it is, if nothing was allocated since. */
static void *tl_resize(void *old, size_t old_size, size_t size);

/* The wire's text as the host laid it down: with its NUL, and never at the address of nothing. */
static inline tl_str tl_of_wire(plugin_string_t text) {
  return text.len == 0 ? (tl_str){"", 0} : (tl_str){(const char *)text.ptr, text.len};
}

/* Borrowed: the bindings take texts that they do not change. */
static inline plugin_string_t tl_to_wire_n(const char *text, size_t len) {
  return (plugin_string_t){(uint8_t *)text, len};
}

static inline plugin_string_t tl_to_wire(const char *text) {
  return text ? tl_to_wire_n(text, strlen(text)) : tl_to_wire_n("", 0);
}

static inline plugin_option_string_t tl_to_option(const char *text) {
  return (plugin_option_string_t){text != NULL, tl_to_wire(text)};
}

/* `what` and the host's reason. */
static tl_result tl_host_error(tl_result kind, const char *what, const char *name, plugin_string_t reason);

static plugin_list_tuple2_string_string_t tl_to_pairs(const tl_pair *pairs, size_t len);

#endif
