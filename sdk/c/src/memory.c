/* Memory of one batch: what the host hands over, what the SDK makes, what it hands back.
 *
 * Always holds: none of it is freed before the host has taken the batch's result, and all of it then. So the bindings' own `…_free` must never be called.
 * One chunk is kept for the next batch: a warm instance does not grow.
 */
#include "sdk.h"

#define TL_CHUNK (64 * 1024 - 64)
#define TL_ALIGN 16

typedef struct tl_chunk {
  struct tl_chunk *before;
  size_t used, room;
} tl_chunk;

/* The chunk's head, rounded up so that what follows is aligned. */
#define TL_HEAD ((sizeof(tl_chunk) + TL_ALIGN - 1) / TL_ALIGN * TL_ALIGN)

static tl_chunk *tl_memory;

static tl_chunk *tl_chunk_of(size_t room) {
  if (room > SIZE_MAX - TL_HEAD) abort();
  tl_chunk *chunk = malloc(TL_HEAD + room);
  if (!chunk) abort();
  *chunk = (tl_chunk){tl_memory, 0, room};
  tl_memory = chunk;
  return chunk;
}

static size_t tl_rounded(size_t size) {
  if (size > SIZE_MAX - TL_ALIGN) abort();
  return (size + TL_ALIGN - 1) / TL_ALIGN * TL_ALIGN;
}

void *tl_alloc(size_t size) {
  size_t rounded = tl_rounded(size);
  tl_chunk *chunk = tl_memory;
  if (!chunk || chunk->room - chunk->used < rounded) {
    chunk = tl_chunk_of(rounded > TL_CHUNK ? rounded : TL_CHUNK);
  }
  void *at = (char *)chunk + TL_HEAD + chunk->used;
  chunk->used += rounded;
  return at;
}

static void *tl_resize(void *old, size_t old_size, size_t size) {
  size_t old_rounded = tl_rounded(old_size), rounded = tl_rounded(size);
  tl_chunk *chunk = tl_memory;
  bool is_last = old_size > 0 && (char *)old + old_rounded == (char *)chunk + TL_HEAD + chunk->used;
  if (is_last && chunk->room - (chunk->used - old_rounded) >= rounded) {
    chunk->used = chunk->used - old_rounded + rounded;
    return old;
  }
  if (size <= old_size) return old;
  void *larger = tl_alloc(size);
  if (old_size > 0) memcpy(larger, old, old_size);
  return larger;
}

static void tl_forget(void) {
  tl_chunk *kept = NULL;
  while (tl_memory) {
    tl_chunk *before = tl_memory->before;
    if (!before && tl_memory->room == TL_CHUNK) {
      kept = tl_memory;
    } else {
      free(tl_memory);
    }
    tl_memory = before;
  }
  if (kept) kept->used = 0;
  tl_memory = kept;
}

/* Instead of the bindings' own, which is weak. Texts get the NUL that C wants. */
__attribute__((__export_name__("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  if (size == 0) return (void *)align;
  size_t text = align == 1 ? 1 : 0;
  if (size > SIZE_MAX - text) abort();
  char *at = tl_alloc(size + text);
  if (old_size > 0) memcpy(at, old, old_size < size ? old_size : size);
  if (text) at[size] = '\0';
  return at;
}

/* Instead of the bindings' own, which frees what was never allocated one by one. */
__attribute__((__export_name__("cabi_post_tripline:trigger/handler@0.1.0#handle"))) void
__wasm_export_exports_tripline_trigger_handler_handle_post_return(uint8_t *result) {
  (void)result;
  tl_forget();
}

tl_str tl_text(const char *text, size_t len) {
  if (len == SIZE_MAX) abort();
  char *copy = tl_alloc(len + 1);
  if (len > 0) memcpy(copy, text, len);
  copy[len] = '\0';
  return (tl_str){copy, len};
}

static tl_str tl_vformat(const char *format, va_list values) {
  va_list again;
  va_copy(again, values);
  int len = vsnprintf(NULL, 0, format, values);
  if (len < 0) {
    va_end(again);
    return (tl_str){"", 0};
  }
  char *text = tl_alloc((size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  return (tl_str){text, (size_t)len};
}

tl_str tl_format(const char *format, ...) {
  va_list values;
  va_start(values, format);
  tl_str text = tl_vformat(format, values);
  va_end(values);
  return text;
}

bool tl_equal(tl_str a, const char *b) {
  return a.ptr && strlen(b) == a.len && memcmp(a.ptr, b, a.len) == 0;
}
