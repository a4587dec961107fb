/* Attributes of an item, read where they stand in its JSON.
 *
 * Always holds: no read beyond the text, whatever the text is; what is no DynamoDB JSON has no attributes. The host hands over only JSON that it has
 * checked, so nothing here says what is wrong with it. Nothing is kept: each look walks the text, and passes over what it does not want.
 */
#include "sdk.h"

/* ---- Walking JSON: each function returns the place behind what it read, or 0 where that is not there ---- */

static size_t tl_space(tl_str json, size_t at) {
  while (at < json.len && (json.ptr[at] == ' ' || json.ptr[at] == '\t' || json.ptr[at] == '\n' || json.ptr[at] == '\r')) at++;
  return at;
}

static size_t tl_expect(tl_str json, size_t at, char wanted) {
  at = tl_space(json, at);
  return at < json.len && json.ptr[at] == wanted ? at + 1 : 0;
}

/* Behind the closing quote, of a string that begins at `at`. */
static size_t tl_skip_string(tl_str json, size_t at) {
  for (at++; at < json.len; at++) {
    if (json.ptr[at] == '"') return at + 1;
    if (json.ptr[at] == '\\') at++;
  }
  return 0;
}

static size_t tl_skip(tl_str json, size_t at) {
  size_t depth = 0;
  at = tl_space(json, at);
  do {
    if (at >= json.len) return 0;
    char first = json.ptr[at];
    if (first == '"') {
      at = tl_skip_string(json, at);
      if (at == 0) return 0;
    } else if (first == '{' || first == '[') {
      depth++;
      at++;
    } else if (first == '}' || first == ']') {
      if (depth == 0) return 0;
      depth--;
      at++;
    } else if (depth > 0 && (first == ',' || first == ':' || first == ' ' || first == '\t' || first == '\n' || first == '\r')) {
      at++;
    } else {
      size_t began = at;
      while (at < json.len && !strchr(",:]} \t\r\n", json.ptr[at])) at++;
      if (at == began) return 0;
    }
  } while (depth > 0);
  return at;
}

/* The next `"name": value` of an object, whose first is at *at == 0. */
static bool tl_next_member(tl_str json, size_t *at, tl_str *name, tl_str *value) {
  size_t place = *at == 0 ? tl_expect(json, 0, '{') : tl_expect(json, *at, ',');
  if (place == 0) return false;
  size_t name_at = tl_expect(json, place, '"');
  if (name_at == 0) return false;
  size_t behind = tl_skip_string(json, name_at - 1);
  if (behind == 0) return false;
  size_t value_at = tl_expect(json, behind, ':');
  if (value_at == 0) return false;
  value_at = tl_space(json, value_at);
  size_t end = tl_skip(json, value_at);
  if (end == 0) return false;
  *name = (tl_str){json.ptr + name_at, behind - 1 - name_at};
  *value = (tl_str){json.ptr + value_at, end - value_at};
  *at = end;
  return true;
}

/* ---- Strings ---- */

static int tl_hex(tl_str text, size_t at) {
  int code = 0;
  for (size_t digit = at; digit < at + 4; digit++) {
    if (digit >= text.len) return -1;
    char c = text.ptr[digit];
    int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (value < 0) return -1;
    code = code * 16 + value;
  }
  return code;
}

static size_t tl_utf8(uint32_t code, char *to) {
  if (code < 0x80) return to[0] = (char)code, 1;
  size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
  to[0] = (char)(first[more] | code >> (6 * more));
  for (size_t at = 1; at <= more; at++) to[at] = (char)(0x80 | (code >> (6 * (more - at)) & 0x3F));
  return more + 1;
}

/* `\uXXXX` at `at`, a pair of them where it is half of one; the place behind. */
static size_t tl_unicode(tl_str text, size_t at, char **to) {
  int high = tl_hex(text, at + 2);
  if (high < 0) return text.len;
  uint32_t code = (uint32_t)high;
  at += 6;
  if (high >= 0xD800 && high < 0xDC00 && at + 1 < text.len && text.ptr[at] == '\\' && text.ptr[at + 1] == 'u') {
    int low = tl_hex(text, at + 2);
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
      at += 6;
    }
  }
  /* Half of a pair is no character. */
  if (code >= 0xD800 && code < 0xE000) code = 0xFFFD;
  *to += tl_utf8(code, *to);
  return at;
}

/* What stands between the quotes, without its escapes: never longer than with them. */
static tl_str tl_unescape(tl_str text) {
  char *copy = tl_alloc(text.len + 1), *to = copy;
  for (size_t at = 0; at < text.len;) {
    if (text.ptr[at] != '\\' || at + 1 == text.len) {
      *to++ = text.ptr[at++];
      continue;
    }
    char escaped = text.ptr[at + 1];
    static const char names[] = "bfnrt", characters[] = "\b\f\n\r\t";
    const char *name = strchr(names, escaped);
    if (escaped == 'u') {
      at = tl_unicode(text, at, &to);
    } else {
      *to++ = name && *name ? characters[name - names] : escaped;
      at += 2;
    }
  }
  *to = '\0';
  return (tl_str){copy, (size_t)(to - copy)};
}

/* A value that is a JSON string. */
static bool tl_quoted(tl_str json, tl_str *text) {
  if (json.len < 2 || json.ptr[0] != '"') return false;
  *text = tl_unescape((tl_str){json.ptr + 1, json.len - 2});
  return true;
}

/* ---- Attributes ---- */

static tl_value tl_typed(tl_str json) {
  static const char *const names[] = {"", "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"};
  size_t at = 0;
  tl_str name, value;
  if (tl_next_member(json, &at, &name, &value)) {
    for (int type = TL_S; type <= TL_BS; type++) {
      if (tl_equal(name, names[type])) return (tl_value){(tl_type)type, value};
    }
  }
  return (tl_value){TL_NONE, {NULL, 0}};
}

bool tl_next_attribute(tl_item item, size_t *at, tl_str *name, tl_value *value) {
  tl_str raw;
  if (!item.json.ptr || !tl_next_member(item.json, at, name, &raw)) return false;
  *name = tl_unescape(*name);
  *value = tl_typed(raw);
  return true;
}

tl_value tl_attribute(tl_item item, const char *name) {
  size_t at = 0;
  tl_str found, raw;
  while (item.json.ptr && tl_next_member(item.json, &at, &found, &raw)) {
    bool is = memchr(found.ptr, '\\', found.len) ? tl_equal(tl_unescape(found), name) : tl_equal(found, name);
    if (is) return tl_typed(raw);
  }
  return (tl_value){TL_NONE, {NULL, 0}};
}

bool tl_next_element(tl_value list, size_t *at, tl_value *element) {
  if (list.type != TL_L && list.type != TL_SS && list.type != TL_NS && list.type != TL_BS) return false;
  size_t place = *at == 0 ? tl_expect(list.json, 0, '[') : tl_expect(list.json, *at, ',');
  if (place == 0) return false;
  place = tl_space(list.json, place);
  size_t end = tl_skip(list.json, place);
  if (end == 0) return false;
  tl_str raw = {list.json.ptr + place, end - place};
  *at = end;
  switch (list.type) {
    case TL_SS: *element = (tl_value){TL_S, raw}; break;
    case TL_NS: *element = (tl_value){TL_N, raw}; break;
    case TL_BS: *element = (tl_value){TL_B, raw}; break;
    default: *element = tl_typed(raw);
  }
  return true;
}

tl_item tl_map(tl_value map) {
  return map.type == TL_M ? (tl_item){map.json} : (tl_item){{NULL, 0}};
}

bool tl_string(tl_value value, tl_str *text) {
  return value.type == TL_S && tl_quoted(value.json, text);
}

bool tl_number(tl_value value, tl_str *text) {
  return value.type == TL_N && tl_quoted(value.json, text);
}

static bool tl_integer(tl_str text, int64_t *number) {
  bool negative = text.len > 0 && text.ptr[0] == '-';
  size_t at = negative ? 1 : 0;
  if (at == text.len) return false;
  int64_t sum = 0;
  for (; at < text.len; at++) {
    int digit = text.ptr[at] - '0';
    if (digit < 0 || digit > 9) return false;
    if (__builtin_mul_overflow(sum, (int64_t)10, &sum) || __builtin_sub_overflow(sum, (int64_t)digit, &sum)) return false;
  }
  /* Summed below zero, where there is room for one more. */
  if (!negative && sum == INT64_MIN) return false;
  *number = negative ? sum : -sum;
  return true;
}

bool tl_int64(tl_value value, int64_t *number) {
  tl_str text;
  return tl_number(value, &text) && tl_integer(text, number);
}

bool tl_bool(tl_value value, bool *yes) {
  if (value.type != TL_BOOL) return false;
  *yes = tl_equal(value.json, "true");
  return true;
}

static int tl_sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool tl_bytes(tl_value value, tl_str *bytes) {
  tl_str text;
  if (value.type != TL_B || !tl_quoted(value.json, &text)) return false;
  char *copy = tl_alloc(text.len / 4 * 3 + 4);
  size_t len = 0;
  uint32_t held = 0;
  unsigned bits = 0;
  for (size_t at = 0; at < text.len && text.ptr[at] != '='; at++) {
    int sextet = tl_sextet(text.ptr[at]);
    if (sextet < 0) return false;
    held = held << 6 | (uint32_t)sextet;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      copy[len++] = (char)(held >> bits);
    }
  }
  copy[len] = '\0';
  *bytes = (tl_str){copy, len};
  return true;
}

bool tl_same(tl_value a, tl_value b) {
  return a.type == b.type && a.json.len == b.json.len && (a.json.len == 0 || memcmp(a.json.ptr, b.json.ptr, a.json.len) == 0);
}

static tl_result tl_needs(tl_value value, const char *name, const char *kind) {
  return value.type == TL_NONE ? tl_reject("attribute `%s` is missing", name) : tl_reject("attribute `%s` is no %s", name, kind);
}

tl_result tl_need_string(tl_item item, const char *name, tl_str *text) {
  tl_value value = tl_attribute(item, name);
  return tl_string(value, text) ? TL_OK : tl_needs(value, name, "string");
}

tl_result tl_need_number(tl_item item, const char *name, tl_str *text) {
  tl_value value = tl_attribute(item, name);
  return tl_number(value, text) ? TL_OK : tl_needs(value, name, "number");
}

tl_result tl_need_int64(tl_item item, const char *name, int64_t *number) {
  tl_value value = tl_attribute(item, name);
  return tl_int64(value, number) ? TL_OK : tl_needs(value, name, "integer of 64 bits");
}
