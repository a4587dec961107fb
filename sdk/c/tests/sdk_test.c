/* The SDK on the machine that builds it, with a host of a few lines: what it reads, what it writes, how a batch ends. Built with sanitizers by the test
 * `c_sdk_natively`: `cc -fsanitize=address,undefined sdk_test.c && ./a.out`.
 */
#include "../tripline.c"

static int failed;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      failed = 1;                                                             \
    }                                                                         \
  } while (0)

/* ---- The host ---- */

static char said[4096];
static size_t said_len;
static uint8_t write_answers[8];
/* Cancelled. */
static uint8_t transact_answer = 1;
static const char *setting;

static void say(const char *what, uint32_t change, plugin_string_t text) {
  said_len += (size_t)snprintf(said + said_len, sizeof said - said_len, "%s %u %.*s\n", what, change, (int)text.len, (const char *)text.ptr);
}

/* As the component's ABI would lay it down. */
static plugin_string_t handed(const char *text) {
  size_t len = strlen(text);
  uint8_t *at = cabi_realloc(NULL, 0, 1, len);
  memcpy(at, text, len);
  return (plugin_string_t){at, len};
}

bool tripline_trigger_counters_add(uint32_t change, plugin_string_t *name, plugin_list_tuple2_string_string_t *labels, plugin_string_t *delta,
                                   tripline_trigger_counters_counter_error_t *err) {
  if (delta->len == 0) {
    *err = (tripline_trigger_counters_counter_error_t){.tag = 1, .val.invalid = handed("no decimal")};
    return false;
  }
  say("counter", change, *name);
  for (size_t at = 0; at < labels->len; at++) say(" label", change, labels->ptr[at].f1);
  return true;
}

bool tripline_trigger_state_get(tripline_trigger_state_list_read_t *reads, plugin_list_option_list_u8_t *ret, tripline_trigger_state_state_error_t *err) {
  if (reads->ptr[0].key.len == 0) {
    *err = (tripline_trigger_state_state_error_t){.tag = 2, .val.unavailable = handed("disk")};
    return false;
  }
  plugin_option_list_u8_t *values = cabi_realloc(NULL, 0, 8, sizeof *values);
  plugin_string_t value = handed("kept");
  values[0] = (plugin_option_list_u8_t){reads->ptr[0].key.ptr[0] == 'k', {value.ptr, value.len}};
  *ret = (plugin_list_option_list_u8_t){values, 1};
  return true;
}

bool tripline_trigger_state_set(uint32_t change, plugin_string_t *key, plugin_list_u8_t *value, uint64_t *expires, tripline_trigger_state_state_error_t *err) {
  (void)value, (void)err;
  say(expires ? "set until" : "set", change, *key);
  return true;
}

bool tripline_trigger_state_delete(uint32_t change, plugin_string_t *key, tripline_trigger_state_state_error_t *err) {
  (void)err;
  say("delete", change, *key);
  return true;
}

bool tripline_trigger_tables_write(plugin_string_t *table, tripline_trigger_tables_list_table_write_t *writes,
                                   tripline_trigger_tables_list_result_void_write_error_t *ret, tripline_trigger_tables_table_error_t *err) {
  if (table->len == 0) {
    *err = (tripline_trigger_tables_table_error_t){.val.access_denied = handed("not granted")};
    return false;
  }
  tripline_trigger_tables_result_void_write_error_t *made = cabi_realloc(NULL, 0, 8, writes->len * sizeof *made);
  for (size_t at = 0; at < writes->len; at++) {
    say("write", writes->ptr[at].tag, writes->ptr[at].val.put.item);
    made[at].is_err = write_answers[at] != 9;
    made[at].val.err = (tripline_trigger_tables_write_error_t){.tag = write_answers[at], .val.invalid = handed("why")};
  }
  *ret = (tripline_trigger_tables_list_result_void_write_error_t){made, writes->len};
  return true;
}

bool tripline_trigger_tables_transact(uint32_t change, tripline_trigger_tables_list_transact_write_t *writes, tripline_trigger_tables_transact_error_t *err) {
  tripline_trigger_tables_option_write_error_t *causes = cabi_realloc(NULL, 0, 8, writes->len * sizeof *causes);
  bool all = true;
  for (size_t at = 0; at < writes->len; at++) {
    say("transact", change, writes->ptr[at].table);
    causes[at] = (tripline_trigger_tables_option_write_error_t){write_answers[at] != 9, {.tag = write_answers[at], .val.invalid = handed("why")}};
    all = all && !causes[at].is_some;
  }
  *err = (tripline_trigger_tables_transact_error_t){.tag = 1, .val.cancelled = {causes, writes->len}};
  if (transact_answer != 1) {
    *err = (tripline_trigger_tables_transact_error_t){.tag = transact_answer, .val.invalid = handed("not at all")};
    all = false;
  }
  return all;
}

bool tripline_trigger_tables_get(plugin_string_t *table, tripline_trigger_tables_list_item_json_t *keys, bool consistent,
                                 tripline_trigger_tables_list_option_item_json_t *ret, tripline_trigger_tables_read_error_t *err) {
  (void)err;
  say(consistent ? "get surely" : "get", (uint32_t)keys->len, *table);
  tripline_trigger_tables_option_item_json_t *items = cabi_realloc(NULL, 0, 8, keys->len * sizeof *items);
  for (size_t at = 0; at < keys->len; at++) items[at] = (tripline_trigger_tables_option_item_json_t){at == 0, keys->ptr[at]};
  *ret = (tripline_trigger_tables_list_option_item_json_t){items, keys->len};
  return true;
}

bool tripline_trigger_mailer_send(uint32_t change, plugin_string_t *mailer, tripline_trigger_mailer_message_t *message, plugin_string_t *key,
                                  tripline_trigger_mailer_mail_error_t *err) {
  (void)err, (void)key;
  say(mailer ? "mail by" : "mail", change, message->subject);
  return message->text.is_some && !message->html.is_some;
}

bool tripline_trigger_metrics_count(plugin_string_t *name, plugin_list_tuple2_string_string_t *labels, uint64_t delta, tripline_trigger_metrics_metric_error_t *err) {
  (void)labels, (void)err;
  say("count", (uint32_t)delta, *name);
  return true;
}

bool tripline_trigger_metrics_set_gauge(plugin_string_t *name, plugin_list_tuple2_string_string_t *labels, double value, tripline_trigger_metrics_metric_error_t *err) {
  (void)labels, (void)err;
  say("gauge", (uint32_t)value, *name);
  return true;
}

bool tripline_trigger_metrics_observe(plugin_string_t *name, plugin_list_tuple2_string_string_t *labels, double value, tripline_trigger_metrics_metric_error_t *err) {
  (void)labels, (void)err;
  say("observe", (uint32_t)value, *name);
  return true;
}

bool wasi_config_store_get(plugin_string_t *key, plugin_option_string_t *ret, wasi_config_store_error_t *err) {
  (void)key, (void)err;
  *ret = (plugin_option_string_t){setting != NULL, setting ? handed(setting) : (plugin_string_t){NULL, 0}};
  return true;
}

void wasi_logging_logging_log(wasi_logging_logging_level_t level, plugin_string_t *context, plugin_string_t *message) {
  (void)context;
  say("log", level, *message);
}

/* ---- Reading ---- */

static tl_item item(const char *json) {
  return (tl_item){tl_text(json, strlen(json))};
}

static void check_string(const char *json, const char *expected, size_t len) {
  tl_str text = {NULL, 0};
  bool is = tl_string(tl_attribute(item(json), "a"), &text);
  CHECK(is == (expected != NULL));
  if (is && expected) {
    if (text.len != len || memcmp(text.ptr, expected, len) != 0) fprintf(stderr, "  %s\n  `%s`\n", json, text.ptr);
    CHECK(text.len == len && memcmp(text.ptr, expected, len) == 0 && text.ptr[len] == '\0');
  }
}

static void strings(void) {
  static const struct {
    const char *json, *text;
    size_t len;
  } rows[] = {
      {"{\"a\":{\"S\":\"x\"}}", "x", 1},
      {"{\"a\":{\"S\":\"\"}}", "", 0},
      {" { \"b\" : { \"L\" : [ { \"S\" : \"a\" } , 1.5e3, true ] } , \"a\" : { \"S\" : \"x\" } } ", "x", 1},
      {"{\"b\":{\"S\":\"}\\\"]\"},\"a\":{\"S\":\"\\\\\\\"\\/\\b\\f\\n\\r\\t\"}}", "\\\"/\b\f\n\r\t", 8},
      {"{\"a\":{\"S\":\"\\u0041\\u00e9\\u20AC\\ud83c\\udf75\"}}", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8D\xB5", 10},
      {"{\"a\":{\"S\":\"\\u0000|\"}}", "\0|", 2},
      {"{\"a\":{\"S\":\"\\ud83c|\\udf75\"}}", "\xEF\xBF\xBD|\xEF\xBF\xBD", 7},
      {"{\"\\u0061\":{\"S\":\"escaped name\"}}", "escaped name", 12},
      {"{\"m\":{\"M\":{\"a\":{\"S\":\"inner\"}}},\"a\":{\"S\":\"outer\"}}", "outer", 5},
      {"{\"a\":{\"N\":\"1\"}}", NULL, 0},
      {"{\"aa\":{\"S\":\"x\"}}", NULL, 0},
      {"{}", NULL, 0},
      /* Nothing of this comes from a host. */
      {"", NULL, 0},
      {"{", NULL, 0},
      {"{\"a", NULL, 0},
      {"{\"a\\", NULL, 0},
      {"{\"a\":", NULL, 0},
      {"{\"a\":{\"S\":\"x", NULL, 0},
      {"{\"a\":{\"S\":\"\\u00\"}}", "", 0},
      {"{\"a\":{\"S\"}}", NULL, 0},
      {"[1]", NULL, 0},
      {"{\"a\":]", NULL, 0},
  };
  for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) check_string(rows[at].json, rows[at].text, rows[at].len);
}

static void numbers(void) {
  static const struct {
    const char *text;
    bool fits;
    int64_t number;
  } rows[] = {
      {"0", true, 0},
      {"-7", true, -7},
      {"9223372036854775807", true, INT64_MAX},
      {"-9223372036854775808", true, INT64_MIN},
      {"9223372036854775808", false, 0},
      {"-9223372036854775809", false, 0},
      {"12345678901234567890123456789012345678", false, 0},
      {"1.5", false, 0},
      {"1E3", false, 0},
      {"-", false, 0},
      {"", false, 0},
  };
  for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
    tl_item read = {tl_format("{\"a\":{\"N\":\"%s\"}}", rows[at].text)};
    int64_t number = 0;
    tl_str text;
    CHECK(tl_int64(tl_attribute(read, "a"), &number) == rows[at].fits && number == rows[at].number);
    CHECK(tl_need_number(read, "a", &text) == TL_OK && tl_equal(text, rows[at].text));
    CHECK(tl_need_int64(read, "a", &number) == (rows[at].fits ? TL_OK : TL_REJECT));
  }
}

static void other_types(void) {
  tl_item read = item("{\"b\":{\"B\":\"AP/+QUI=\"},\"t\":{\"BOOL\":true},\"f\":{\"BOOL\":false},\"n\":{\"NULL\":true},"
                      "\"l\":{\"L\":[{\"S\":\"x\"},{\"L\":[]},{\"N\":\"2\"}]},\"s\":{\"NS\":[\"1\",\"2.5\"]},\"m\":{\"M\":{\"k\":{\"S\":\"v\"}}}}");
  tl_str bytes, name, text;
  CHECK(tl_bytes(tl_attribute(read, "b"), &bytes) && bytes.len == 5 && memcmp(bytes.ptr, "\0\xFF\xFE" "AB", 5) == 0);
  bool yes = false;
  CHECK(tl_bool(tl_attribute(read, "t"), &yes) && yes);
  CHECK(tl_bool(tl_attribute(read, "f"), &yes) && !yes);
  CHECK(!tl_bool(tl_attribute(read, "n"), &yes) && tl_attribute(read, "n").type == TL_NULL);
  tl_value element;
  static const tl_type types[] = {TL_S, TL_L, TL_N};
  size_t at = 0, count = 0;
  while (count < 3 && tl_next_element(tl_attribute(read, "l"), &at, &element)) CHECK(element.type == types[count++]);
  CHECK(count == 3 && !tl_next_element(tl_attribute(read, "l"), &at, &element));
  at = count = 0;
  while (tl_next_element(tl_attribute(read, "s"), &at, &element)) CHECK(tl_number(element, &text) && tl_equal(text, count++ == 0 ? "1" : "2.5"));
  CHECK(count == 2);
  at = count = 0;
  while (tl_next_attribute(read, &at, &name, &element)) count++;
  CHECK(count == 7 && tl_equal(name, "m"));
  CHECK(tl_need_string(tl_map(element), "k", &text) == TL_OK && tl_equal(text, "v"));
  CHECK(tl_need_string(read, "none", &text) == TL_REJECT && strcmp(tl_error(), "attribute `none` is missing") == 0);
  CHECK(tl_need_string(read, "t", &text) == TL_REJECT && strcmp(tl_error(), "attribute `t` is no string") == 0);
}

/* ---- Writing ---- */

static void builds(void) {
  tl_build inner = {0}, build = {0}, empty = {0};
  CHECK(tl_equal(tl_built(&empty).json, "{}"));
  tl_put_string(&inner, "q\"", "\\\x01\xC3\xA9");
  tl_put_int64(&build, "n", INT64_MIN);
  tl_put_bytes(&build, "b", "\0\xFF\xFE" "AB", 5);
  tl_put_bool(&build, "t", true);
  tl_put_null(&build, "z");
  tl_put_map(&build, "m", tl_built(&inner));
  tl_put_value(&build, "copy", tl_attribute(item("{\"l\":{\"L\":[{\"S\":\"x\"}]}}"), "l"));
  tl_put_value(&build, "none", tl_attribute(item("{}"), "l"));
  tl_put_json(&build, "set", "{\"SS\":[\"a\"]}");
  const char *expected = "{\"n\":{\"N\":\"-9223372036854775808\"},\"b\":{\"B\":\"AP/+QUI=\"},\"t\":{\"BOOL\":true},\"z\":{\"NULL\":true},"
                         "\"m\":{\"M\":{\"q\\\"\":{\"S\":\"\\\\\\u0001\xC3\xA9\"}}},\"copy\":{\"L\":[{\"S\":\"x\"}]},\"set\":{\"SS\":[\"a\"]}}";
  CHECK(tl_equal(tl_built(&build).json, expected));
  /* What is written is read again. */
  tl_str text;
  CHECK(tl_need_string(tl_map(tl_attribute(tl_built(&build), "m")), "q\"", &text) == TL_OK && tl_equal(text, "\\\x01\xC3\xA9"));
  for (size_t len = 0; len < 7; len++) {
    tl_build bytes = {0};
    tl_put_bytes(&bytes, "b", "abcdefg", len);
    CHECK(tl_bytes(tl_attribute(tl_built(&bytes), "b"), &text) && text.len == len && memcmp(text.ptr, "abcdefg", len) == 0);
  }
}

/* In its place, and whole while more is put behind it. */
static void built_items_stay(void) {
  for (size_t len = 1; len < 200; len++) {
    tl_build row = {0};
    tl_put_text(&row, "a", tl_text("", 0));
    tl_str text = tl_format("%0*d", (int)len, 0);
    tl_put_text(&row, "b", text);
    tl_item first = tl_built(&row);
    CHECK(tl_built(&row).json.ptr == first.json.ptr);
    tl_put_int64(&row, "c", 7);
    tl_item second = tl_built(&row);
    tl_put_null(&row, "d");
    CHECK(tl_equal(first.json, tl_format("{\"a\":{\"S\":\"\"},\"b\":{\"S\":\"%s\"}}", text.ptr).ptr));
    CHECK(tl_equal(second.json, tl_format("{\"a\":{\"S\":\"\"},\"b\":{\"S\":\"%s\"},\"c\":{\"N\":\"7\"}}", text.ptr).ptr));
    CHECK(first.json.ptr[first.json.len] == '\0' && second.json.ptr[second.json.len] == '\0');
    CHECK(tl_attribute(tl_built(&row), "d").type == TL_NULL);
  }
}

/* An item leaves no more of itself in the arena than it has. */
static void building_costs_what_is_built(void) {
  tl_forget();
  tl_alloc(1);
  for (int rows = 0; rows < 8; rows++) {
    size_t used = tl_memory->used;
    tl_build row = {0};
    for (int at = 0; at < 100; at++) tl_put_string(&row, "name", "some forty bytes of text, more or less.");
    tl_item built = tl_built(&row);
    CHECK(!tl_memory->before && tl_memory->used - used <= built.json.len + TL_ALIGN);
  }
  tl_build large = {0};
  for (int at = 0; at < 10000; at++) tl_put_int64(&large, "name", at);
  tl_str text;
  CHECK(tl_need_number(tl_built(&large), "name", &text) == TL_OK && tl_equal(text, "0"));
}

static void table_results(void) {
  static const struct {
    uint8_t answers[2];
    tl_result written, transacted;
  } rows[] = {
      {{9, 9}, TL_OK, TL_OK},           {{9, 0}, TL_CONDITION_FAILED, TL_CONDITION_FAILED},
      {{2, 9}, TL_RETRY, TL_RETRY},     {{2, 0}, TL_RETRY, TL_CONDITION_FAILED},
      {{0, 1}, TL_CONDITION_FAILED, TL_REJECT}, {{1, 2}, TL_REJECT, TL_REJECT},
  };
  tl_change change = {.index = 3};
  tl_write writes[] = {{.kind = TL_PUT, .table = "t", .item = item("{}")}, {.kind = TL_PUT, .table = "t", .item = item("{}")}};
  for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
    tl_result results[2];
    memcpy(write_answers, rows[at].answers, 2);
    CHECK(tl_table_write_all("t", writes, 2, results) == rows[at].written);
    CHECK((results[0] == TL_OK) == (rows[at].answers[0] == 9) && (results[1] == TL_OK) == (rows[at].answers[1] == 9));
    CHECK(tl_transact(&change, writes, 2, results) == rows[at].transacted);
    CHECK((results[0] == TL_OK) == (rows[at].answers[0] == 9) && (results[1] == TL_OK) == (rows[at].answers[1] == 9));
  }
  CHECK(strcmp(tl_error(), "the transaction was cancelled: write 1: table `t`: why; write 2: table `t`: why") == 0);
  CHECK(tl_table_write_all("", writes, 1, NULL) == TL_REJECT && strstr(tl_error(), "not granted"));
  /* What fails as a whole fails for each. */
  static const struct {
    uint8_t answer;
    tl_result result;
  } whole[] = {{0, TL_REJECT}, {2, TL_REJECT}, {3, TL_RETRY}};
  for (size_t at = 0; at < sizeof whole / sizeof *whole; at++) {
    tl_result results[2] = {TL_OK, TL_OK};
    transact_answer = whole[at].answer;
    CHECK(tl_transact(&change, writes, 2, results) == whole[at].result && results[0] == whole[at].result && results[1] == whole[at].result);
    CHECK(tl_transact(&change, writes, 2, NULL) == whole[at].result);
  }
  transact_answer = 1;
  tl_result results[2] = {TL_OK, TL_OK};
  CHECK(tl_table_write_all("", writes, 2, results) == TL_REJECT && results[0] == TL_REJECT && results[1] == TL_REJECT);
  writes[1].kind = TL_CHECK;
  results[0] = results[1] = TL_OK;
  CHECK(tl_table_write_all("t", writes, 2, results) == TL_REJECT && results[0] == TL_REJECT && results[1] == TL_REJECT);
  CHECK(tl_table_write(&writes[1]) == TL_REJECT && strstr(tl_error(), "into a transaction"));
  tl_item keys[] = {item("{\"a\":1}"), item("{}")}, found[2];
  CHECK(tl_table_get_all("t", keys, 2, true, found) == TL_OK && tl_equal(found[0].json, "{\"a\":1}") && !found[1].json.ptr);
}

/* ---- A batch ---- */

static tl_result on_change(const tl_change *change) {
  tl_str value;
  int64_t number;
  switch (change->index) {
    case 0:
      CHECK(tl_is_expiry(change) && change->old_image.json.ptr && !change->new_image.json.ptr && change->event_id.ptr[change->event_id.len] == '\0');
      TL_TRY(tl_counter_add(change, "c", (tl_pair[]){{"l", "v"}}, 1, "1"));
      TL_TRY(tl_state_get(change, "k", &value));
      CHECK(tl_equal(value, "kept"));
      TL_TRY(tl_state_get(change, "other", &value));
      CHECK(!value.ptr);
      TL_TRY(tl_state_set(change, "k", value, 5));
      TL_TRY(tl_state_delete(change, "k"));
      setting = "42";
      TL_TRY(tl_need_setting_int64("s", &number));
      CHECK(number == 42);
      TL_TRY(tl_mail_send(change, &(tl_mail){.to = (const char *[]){"a@b.example"}, .to_len = 1, .subject = "s", .text = "t"}));
      TL_TRY(tl_metric_count("m", NULL, 0, 2));
      TL_TRY(tl_metric_gauge("g", NULL, 0, 3));
      TL_TRY(tl_metric_observe("o", NULL, 0, 4));
      tl_log(TL_WARN, "%s %d", "seen", 1);
      return TL_OK;
    case 1:
      CHECK(!tl_is_expiry(change));
      tl_fail_change(change, tl_retry("later: %d", 5));
      return tl_reject("the second failure of a change");
    case 2: return tl_counter_add(change, "c", NULL, 0, "");
    case 3: return tl_state_get(change, "", &value);
    case 4: setting = NULL; return tl_need_setting("s", &value);
    default: return TL_RETRY;
  }
}

static tl_result on_probe(const tl_batch *origin) {
  return tl_reject("view %d of %s", origin->view, origin->table.ptr);
}

const tl_plugin tripline_plugin = {.on_change = on_change, .on_probe = on_probe};

static void batches(void) {
  for (int round = 0; round < 3; round++) {
    said_len = 0;
    tripline_trigger_types_change_t *changes = cabi_realloc(NULL, 0, 8, 6 * sizeof *changes);
    for (int at = 0; at < 6; at++) {
      changes[at] = (tripline_trigger_types_change_t){
          .event_id = handed("e-1"), .event_name = 2, .sequence_number = handed("1"), .keys = handed("{}"), .old_image = {true, handed("{}")}};
      changes[at].user_identity.is_some = true;
      changes[at].user_identity.val.f0 = handed(at == 0 ? "Service" : "User");
      changes[at].user_identity.val.f1 = handed("dynamodb.amazonaws.com");
    }
    exports_tripline_trigger_handler_batch_t batch = {.trigger = handed("t"), .table = handed("table"), .view = 2, .changes = {changes, 6}};
    exports_tripline_trigger_handler_list_failed_change_t failures;
    exports_tripline_trigger_handler_failure_t failure;
    CHECK(exports_tripline_trigger_handler_handle(&batch, &failures, &failure) && failures.len == 5);
    static const struct {
      uint8_t tag;
      const char *reason;
    } rows[] = {{0, "later: 5"}, {1, "counter `c`: no decimal"}, {0, "state ``: disk"}, {1, "setting `s` is missing: set it in the `settings` of the trigger"}, {0, "no reason given"}};
    for (uint32_t at = 0; at < 5 && at < failures.len; at++) {
      CHECK(failures.ptr[at].index == at + 1 && failures.ptr[at].failure.tag == rows[at].tag);
      CHECK(tl_equal(tl_of_wire(failures.ptr[at].failure.val.retry), rows[at].reason));
    }
    said[said_len] = '\0';
    CHECK(strcmp(said, "counter 0 c\n label 0 v\nset until 0 k\ndelete 0 k\nmail 0 s\ncount 2 m\ngauge 3 g\nobserve 4 o\nlog 3 seen 1\n") == 0);
    batch.changes.len = 0;
    CHECK(!exports_tripline_trigger_handler_handle(&batch, &failures, &failure) && tl_equal(tl_of_wire(failure.val.reject), "view 2 of table"));
    CHECK(failure.tag == 1);
    /* More than a chunk, and one larger than any. */
    for (int at = 0; at < 100; at++) memset(tl_alloc(4000), at, 4000);
    memset(tl_alloc(1000000), 1, 1000000);
    __wasm_export_exports_tripline_trigger_handler_handle_post_return(NULL);
    CHECK(tl_memory && !tl_memory->before && tl_memory->used == 0);
  }
}

int main(void) {
  strings();
  numbers();
  other_types();
  builds();
  built_items_stay();
  building_costs_what_is_built();
  table_results();
  tl_forget();
  batches();
  tl_forget();
  free(tl_memory);
  if (!failed) puts("all is well");
  return failed;
}
