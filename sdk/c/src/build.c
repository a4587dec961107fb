/* Items, written as DynamoDB JSON.
 *
 * Always holds: what is built is JSON, whatever texts it is built of; bytes that are no UTF-8 pass, and the host refuses them. What was built stays as it
 * is: who goes on putting does so in a copy.
 */
#include "sdk.h"

/* Nothing may be written where it is: something built is there. */
static bool tl_is_built(const tl_build *item) {
  return item->room < item->len;
}

static void tl_append(tl_build *item, const char *text, size_t len) {
  if (tl_is_built(item) || item->room - item->len < len) {
    size_t room = (item->len + len) * 2 + 64;
    if (tl_is_built(item)) {
      char *copy = tl_alloc(room);
      memcpy(copy, item->ptr, item->len);
      item->ptr = copy;
    } else {
      item->ptr = tl_resize(item->ptr, item->room, room);
    }
    item->room = room;
  }
  if (len > 0) memcpy(item->ptr + item->len, text, len);
  item->len += len;
}

static void tl_append_all(tl_build *item, const char *text) {
  tl_append(item, text, strlen(text));
}

static void tl_append_quoted(tl_build *item, const char *text, size_t len) {
  tl_append(item, "\"", 1);
  size_t plain = 0;
  for (size_t at = 0; at < len; at++) {
    unsigned char c = (unsigned char)text[at];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    char escape[8];
    int escape_len = c == '"' || c == '\\' ? snprintf(escape, sizeof escape, "\\%c", c) : snprintf(escape, sizeof escape, "\\u%04x", c);
    tl_append(item, text + plain, at - plain);
    tl_append(item, escape, (size_t)escape_len);
    plain = at + 1;
  }
  tl_append(item, text + plain, len - plain);
  tl_append(item, "\"", 1);
}

/* `"name":{"TYPE":` and what follows, until tl_end. */
static void tl_begin(tl_build *item, const char *name, const char *type) {
  tl_append(item, item->len == 0 ? "{" : ",", 1);
  tl_append_quoted(item, name, strlen(name));
  tl_append_all(item, ":{\"");
  tl_append_all(item, type);
  tl_append_all(item, "\":");
}

static void tl_end(tl_build *item) {
  tl_append(item, "}", 1);
}

void tl_put_text(tl_build *item, const char *name, tl_str text) {
  tl_begin(item, name, "S");
  tl_append_quoted(item, text.ptr, text.len);
  tl_end(item);
}

void tl_put_string(tl_build *item, const char *name, const char *text) {
  tl_put_text(item, name, (tl_str){text, strlen(text)});
}

void tl_put_number(tl_build *item, const char *name, const char *decimal) {
  tl_begin(item, name, "N");
  tl_append_quoted(item, decimal, strlen(decimal));
  tl_end(item);
}

void tl_put_int64(tl_build *item, const char *name, int64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)number);
  tl_put_number(item, name, text);
}

void tl_put_bytes(tl_build *item, const char *name, const void *bytes, size_t len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *from = bytes;
  tl_begin(item, name, "B");
  tl_append(item, "\"", 1);
  for (size_t at = 0; at < len; at += 3) {
    size_t left = len - at;
    uint32_t three = (uint32_t)from[at] << 16 | (left > 1 ? (uint32_t)from[at + 1] << 8 : 0) | (left > 2 ? from[at + 2] : 0);
    char four[4] = {digits[three >> 18], digits[three >> 12 & 63], left > 1 ? digits[three >> 6 & 63] : '=', left > 2 ? digits[three & 63] : '='};
    tl_append(item, four, sizeof four);
  }
  tl_append(item, "\"", 1);
  tl_end(item);
}

void tl_put_bool(tl_build *item, const char *name, bool yes) {
  tl_begin(item, name, "BOOL");
  tl_append_all(item, yes ? "true" : "false");
  tl_end(item);
}

void tl_put_null(tl_build *item, const char *name) {
  tl_begin(item, name, "NULL");
  tl_append_all(item, "true");
  tl_end(item);
}

void tl_put_value(tl_build *item, const char *name, tl_value value) {
  static const char *const types[] = {"", "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"};
  if (value.type == TL_NONE) return;
  tl_begin(item, name, types[value.type]);
  tl_append(item, value.json.ptr, value.json.len);
  tl_end(item);
}

void tl_put_map(tl_build *item, const char *name, tl_item map) {
  tl_put_value(item, name, (tl_value){map.json.ptr ? TL_M : TL_NONE, map.json});
}

void tl_put_json(tl_build *item, const char *name, const char *json) {
  tl_append(item, item->len == 0 ? "{" : ",", 1);
  tl_append_quoted(item, name, strlen(name));
  tl_append(item, ":", 1);
  tl_append_all(item, json);
}

tl_item tl_built(tl_build *item) {
  if (item->len == 0) return (tl_item){{"{}", 2}};
  if (!tl_is_built(item)) {
    /* With the NUL; and what is left of its room is anyone's. */
    tl_append(item, "}", 2);
    tl_resize(item->ptr, item->room, item->len);
    item->len -= 2;
    item->room = 0;
  }
  return (tl_item){{item->ptr, item->len + 1}};
}
