/* Tripline's SDK for C, and for what calls C: C++ (tripline.hpp) and Zig (tripline.zig, which is translated from this file).
 *
 * What holds: all memory that a function here returns, and all that the host hands over, lives until the batch is done, and is then gone at once;
 * nothing is ever freed one by one. Each text that is returned ends in a NUL that its length does not count. One thread, no globals of yours needed.
 *
 * Knows nothing of the C library: it can be included where there is none.
 */
#ifndef TRIPLINE_H
#define TRIPLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__clang__) || defined(__GNUC__)
#define TL_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))
#else
#define TL_PRINTF(format, first)
#endif

/* ---- Results --------------------------------------------------------------------------------------------------- */

/* What a handler returns, and nearly every function here. What is not TL_OK has a message: tl_error(). A handler that returns one without any function
 * here having failed in this change gives no reason. */
typedef enum tl_result {
  TL_OK = 0,
  /* It may pass: the change is delivered again, as the trigger's retry policy says. */
  TL_RETRY = 1,
  /* It stays: the change goes to the dead letters at once. */
  TL_REJECT = 2,
  /* Of tables: the condition did not hold, nothing was written. A handler that returns it has rejected the change. */
  TL_CONDITION_FAILED = 3,
} tl_result;

/* `return tl_retry("no rate for %s", currency);` */
tl_result tl_retry(const char *format, ...) TL_PRINTF(1, 2);
tl_result tl_reject(const char *format, ...) TL_PRINTF(1, 2);
/* Without a format: for languages that have their own. */
tl_result tl_fail(tl_result kind, const char *message, size_t len);
/* Of the last function here that did not return TL_OK. */
const char *tl_error(void);

/* Hands a failure on to the caller. */
#define TL_TRY(call)                       \
  do {                                     \
    tl_result tl_tried = (call);           \
    if (tl_tried != TL_OK) return tl_tried; \
  } while (0)

/* ---- Text and memory ------------------------------------------------------------------------------------------- */

/* Text in UTF-8, or bytes. `ptr` is NULL where there is none at all. */
typedef struct tl_str {
  const char *ptr;
  size_t len;
} tl_str;

/* Until the batch is done; on an address that any type may have. Never NULL: a plugin without memory traps, and its batch is delivered again. */
void *tl_alloc(size_t size);
tl_str tl_format(const char *format, ...) TL_PRINTF(1, 2);
/* A copy. */
tl_str tl_text(const char *text, size_t len);
bool tl_equal(tl_str a, const char *b);

/* A name and what it stands for: a label, or a placeholder of an expression. */
typedef struct tl_pair {
  const char *name;
  const char *value;
} tl_pair;

/* ---- Changes --------------------------------------------------------------------------------------------------- */

/* An item as DynamoDB JSON: {"id":{"S":"o-1"}}. `json.ptr` is NULL where there is no item. */
typedef struct tl_item {
  tl_str json;
} tl_item;

typedef enum tl_event { TL_INSERT = 0, TL_MODIFY = 1, TL_REMOVE = 2 } tl_event;

typedef enum tl_view { TL_KEYS_ONLY = 0, TL_NEW_IMAGE = 1, TL_OLD_IMAGE = 2, TL_NEW_AND_OLD_IMAGES = 3 } tl_view;

typedef struct tl_change {
  /* Unique for each change of a stream: the idempotency key for effects outside the host. */
  tl_str event_id;
  /* 21 to 40 decimal digits. */
  tl_str sequence_number;
  tl_event event;
  /* When it was made, in milliseconds since 1970; AWS cuts it to the second. */
  uint64_t created_ms;
  uint64_t size_bytes;
  /* Set when DynamoDB itself made the change; see tl_is_expiry. */
  tl_str identity_type, identity_principal;
  tl_item keys;
  /* After and before the change, where the view has it and there was one. */
  tl_item new_image, old_image;
  /* The SDK's own: where it stands in its batch. */
  uint32_t index;
} tl_change;

typedef struct tl_batch {
  tl_str trigger, table, region, stream_arn, shard_id;
  /* What the trigger may see. */
  tl_view view;
  /* 1 for the first delivery of these changes. */
  uint32_t attempt;
  const tl_change *changes;
  size_t len;
} tl_batch;

/* DynamoDB's TTL removed the item: a removal by the service itself. */
bool tl_is_expiry(const tl_change *change);

/* ---- The plugin ------------------------------------------------------------------------------------------------ */

/* What a plugin is: define one `const tl_plugin tripline_plugin = { .on_change = … };`. */
typedef struct tl_plugin {
  /* Called for each change, in order. One that fails stops no other. */
  tl_result (*on_change)(const tl_change *change);
  /* Instead of on_change, where it is set: a whole batch. What it returns is the batch's; tl_fail_change fails a single change. */
  tl_result (*on_batch)(const tl_batch *batch);
  /* Asked before a new version serves: check settings, touch nothing. May be NULL. */
  tl_result (*on_probe)(const tl_batch *origin);
} tl_plugin;

extern const tl_plugin tripline_plugin;

/* In on_batch: this change has failed so, with tl_error() as the reason. Of several failures of one change the first stands. */
void tl_fail_change(const tl_change *change, tl_result result);

/* ---- Reading an item ------------------------------------------------------------------------------------------- */

typedef enum tl_type {
  TL_NONE = 0, /* there is no such attribute */
  TL_S,
  TL_N,
  TL_B,
  TL_BOOL,
  TL_NULL,
  TL_L,
  TL_M,
  TL_SS,
  TL_NS,
  TL_BS,
} tl_type;

typedef struct tl_value {
  tl_type type;
  /* What stands behind the type's name. */
  tl_str json;
} tl_value;

tl_value tl_attribute(tl_item item, const char *name);
/* Each attribute in turn: `size_t at = 0; while (tl_next_attribute(item, &at, &name, &value)) …` */
bool tl_next_attribute(tl_item item, size_t *at, tl_str *name, tl_value *value);
/* Each element of a list or a set in turn. */
bool tl_next_element(tl_value list, size_t *at, tl_value *element);
/* A map's attributes are an item's; no item where the value is no map. */
tl_item tl_map(tl_value map);

/* False, and nothing is set, where the value is of another type. */
bool tl_string(tl_value value, tl_str *text);
/* The number's text: exact, with all of its digits. */
bool tl_number(tl_value value, tl_str *text);
/* False as well where it is no integer, or does not fit. */
bool tl_int64(tl_value value, int64_t *number);
bool tl_bytes(tl_value value, tl_str *bytes);
bool tl_bool(tl_value value, bool *yes);
/* The same type and the same text: a number as DynamoDB writes it has one text alone; sets may differ in their order. */
bool tl_same(tl_value a, tl_value b);

/* An attribute that must be there: else TL_REJECT, with its name. */
tl_result tl_need_string(tl_item item, const char *name, tl_str *text);
tl_result tl_need_number(tl_item item, const char *name, tl_str *text);
tl_result tl_need_int64(tl_item item, const char *name, int64_t *number);

/* ---- Making an item -------------------------------------------------------------------------------------------- */

/* Begin with `tl_build row = {0};`, put attributes, end with tl_built. Values of an expression are made likewise, with names such as ":v". */
typedef struct tl_build {
  char *ptr;
  size_t len, room;
} tl_build;

void tl_put_string(tl_build *item, const char *name, const char *text);
void tl_put_text(tl_build *item, const char *name, tl_str text);
/* A decimal's text, such as "19.99": exact. What is none, the table refuses. */
void tl_put_number(tl_build *item, const char *name, const char *decimal);
void tl_put_int64(tl_build *item, const char *name, int64_t number);
void tl_put_bytes(tl_build *item, const char *name, const void *bytes, size_t len);
void tl_put_bool(tl_build *item, const char *name, bool yes);
void tl_put_null(tl_build *item, const char *name);
/* As it was read; nothing is put where there is no value. */
void tl_put_value(tl_build *item, const char *name, tl_value value);
void tl_put_map(tl_build *item, const char *name, tl_item map);
/* Anything else, as DynamoDB JSON: {"SS":["a","b"]}. */
void tl_put_json(tl_build *item, const char *name, const char *json);
/* Where more is put later, what was built stays as it is. */
tl_item tl_built(tl_build *item);

/* ---- The host: each function here wants its grant, else TL_REJECT ---------------------------------------------- */

/* Exact counters and sums, committed with the change. `delta`: a decimal such as "1" or "-19.99". */
tl_result tl_counter_add(const tl_change *change, const char *name, const tl_pair *labels, size_t labels_len, const char *delta);

/* The trigger's own key-value state, committed with the change. `value->ptr` is NULL where there is none. */
tl_result tl_state_get(const tl_change *change, const char *key, tl_str *value);
/* `expires_ms`: milliseconds since 1970 after which the entry is as good as deleted; 0: never. */
tl_result tl_state_set(const tl_change *change, const char *key, tl_str value, uint64_t expires_ms);
tl_result tl_state_delete(const tl_change *change, const char *key);

typedef enum tl_write_kind { TL_PUT = 0, TL_UPDATE = 1, TL_DELETE = 2, TL_CHECK = 3 } tl_write_kind;

/* One write. What it does not need stays NULL. Attributes called `count`, `total`, `name` and many more are reserved words in expressions: give them
 * placeholders. */
typedef struct tl_write {
  tl_write_kind kind;
  /* The operator's name of it, in [targets]. */
  const char *table;
  /* The item of a put; else the key. */
  tl_item item;
  /* Of an update: `ADD #total :d`. */
  const char *update;
  /* Writes only where it holds, else TL_CONDITION_FAILED. A check is nothing but a condition. */
  const char *condition;
  /* `#name` to an attribute's name. */
  const tl_pair *names;
  size_t names_len;
  /* `:value` to a value. */
  tl_item values;
} tl_write;

/* One write, into its table. */
tl_result tl_table_write(const tl_write *write);
/* Many into one table, in one call: those of one key in this order, others at once; one that fails stops no other. `results`: one for each, or NULL. Returns
 * the first that is not TL_OK. Where none was tried, as without the grant, each result is what is returned. TL_CHECK belongs into a transaction. */
tl_result tl_table_write_all(const char *table, const tl_write *writes, size_t len, tl_result *results);
/* At most 100: all are made, or none. Delivered again, the same transaction is made once, for ten minutes. `results`: of each write why it stopped the
 * transaction, TL_OK where it did not; or NULL. Where no write stopped it, as without a grant or where no answer came, each result is what is returned.
 * Returns TL_CONDITION_FAILED where a condition, and nothing worse, stopped it: TL_REJECT is worse, TL_RETRY is not. */
tl_result tl_transact(const tl_change *change, const tl_write *writes, size_t len, tl_result *results);
/* `item->json.ptr` is NULL where there is none. */
tl_result tl_table_get(const char *table, tl_item key, bool consistent, tl_item *item);
/* Many, in the order of their keys. */
tl_result tl_table_get_all(const char *table, const tl_item *keys, size_t len, bool consistent, tl_item *items);

typedef struct tl_mail {
  /* NULL where the trigger is granted exactly one. */
  const char *mailer;
  /* Each `a@b.example` or `Name <a@b.example>`. */
  const char *const *to;
  size_t to_len;
  const char *reply_to;
  const char *subject;
  /* At least one of text and html. */
  const char *text;
  const char *html;
  /* Tells apart the mails of one change; NULL where there is one. */
  const char *key;
} tl_mail;

/* Into the host's outbox, with the change: each exactly once. */
tl_result tl_mail_send(const tl_change *change, const tl_mail *mail);

/* The plugin's own Prometheus metrics. */
tl_result tl_metric_count(const char *name, const tl_pair *labels, size_t labels_len, uint64_t delta);
tl_result tl_metric_gauge(const char *name, const tl_pair *labels, size_t labels_len, double value);
tl_result tl_metric_observe(const char *name, const tl_pair *labels, size_t labels_len, double value);

/* The trigger's settings: a TOML string as it is, anything else as JSON. `value->ptr` is NULL where it is not set. */
tl_result tl_setting(const char *key, tl_str *value);
/* TL_REJECT where it is not set. */
tl_result tl_need_setting(const char *key, tl_str *value);
tl_result tl_need_setting_int64(const char *key, int64_t *value);

typedef enum tl_level { TL_TRACE = 0, TL_DEBUG = 1, TL_INFO = 2, TL_WARN = 3, TL_ERROR = 4, TL_CRITICAL = 5 } tl_level;

/* A line in the host's log. */
void tl_log(tl_level level, const char *format, ...) TL_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
