/* Counters, state, mail, metrics, settings and log: texts in, the bindings' records made of them, a result out. */
#include "sdk.h"

static plugin_list_tuple2_string_string_t tl_to_pairs(const tl_pair *pairs, size_t len) {
  plugin_tuple2_string_string_t *wire = tl_alloc(len * sizeof *wire);
  for (size_t at = 0; at < len; at++) {
    wire[at] = (plugin_tuple2_string_string_t){tl_to_wire(pairs[at].name), tl_to_wire(pairs[at].value)};
  }
  return (plugin_list_tuple2_string_string_t){wire, len};
}

tl_result tl_counter_add(const tl_change *change, const char *name, const tl_pair *labels, size_t labels_len, const char *delta) {
  plugin_string_t wire_name = tl_to_wire(name), wire_delta = tl_to_wire(delta);
  plugin_list_tuple2_string_string_t wire_labels = tl_to_pairs(labels, labels_len);
  tripline_trigger_counters_counter_error_t error;
  if (tripline_trigger_counters_add(change->index, &wire_name, &wire_labels, &wire_delta, &error)) return TL_OK;
  return tl_host_error(TL_REJECT, "counter", name, error.val.invalid);
}

static tl_result tl_state_error(const char *key, tripline_trigger_state_state_error_t *error) {
  bool passes = error->tag == TRIPLINE_TRIGGER_STATE_STATE_ERROR_UNAVAILABLE;
  return tl_host_error(passes ? TL_RETRY : TL_REJECT, "state", key, error->val.invalid);
}

tl_result tl_state_get(const tl_change *change, const char *key, tl_str *value) {
  tripline_trigger_state_read_t read = {change->index, tl_to_wire(key)};
  tripline_trigger_state_list_read_t reads = {&read, 1};
  plugin_list_option_list_u8_t values;
  tripline_trigger_state_state_error_t error;
  if (!tripline_trigger_state_get(&reads, &values, &error)) return tl_state_error(key, &error);
  *value = (tl_str){NULL, 0};
  if (values.len == 1 && values.ptr[0].is_some) {
    plugin_list_u8_t bytes = values.ptr[0].val;
    *value = tl_of_wire((plugin_string_t){bytes.ptr, bytes.len});
  }
  return TL_OK;
}

tl_result tl_state_set(const tl_change *change, const char *key, tl_str value, uint64_t expires_ms) {
  plugin_string_t wire_key = tl_to_wire(key);
  plugin_list_u8_t bytes = {(uint8_t *)value.ptr, value.len};
  tripline_trigger_state_state_error_t error;
  bool set = tripline_trigger_state_set(change->index, &wire_key, &bytes, expires_ms ? &expires_ms : NULL, &error);
  return set ? TL_OK : tl_state_error(key, &error);
}

tl_result tl_state_delete(const tl_change *change, const char *key) {
  plugin_string_t wire_key = tl_to_wire(key);
  tripline_trigger_state_state_error_t error;
  return tripline_trigger_state_delete(change->index, &wire_key, &error) ? TL_OK : tl_state_error(key, &error);
}

tl_result tl_mail_send(const tl_change *change, const tl_mail *mail) {
  plugin_string_t *to = tl_alloc(mail->to_len * sizeof *to);
  for (size_t at = 0; at < mail->to_len; at++) to[at] = tl_to_wire(mail->to[at]);
  tripline_trigger_mailer_message_t message = {
      .to = {to, mail->to_len},
      .reply_to = tl_to_option(mail->reply_to),
      .subject = tl_to_wire(mail->subject),
      .text = tl_to_option(mail->text),
      .html = tl_to_option(mail->html),
  };
  plugin_string_t mailer = tl_to_wire(mail->mailer), key = tl_to_wire(mail->key);
  tripline_trigger_mailer_mail_error_t error;
  if (tripline_trigger_mailer_send(change->index, mail->mailer ? &mailer : NULL, &message, &key, &error)) return TL_OK;
  return tl_host_error(TL_REJECT, "mail", mail->subject, error.val.invalid);
}

tl_result tl_metric_count(const char *name, const tl_pair *labels, size_t labels_len, uint64_t delta) {
  plugin_string_t wire_name = tl_to_wire(name);
  plugin_list_tuple2_string_string_t wire_labels = tl_to_pairs(labels, labels_len);
  tripline_trigger_metrics_metric_error_t error;
  bool done = tripline_trigger_metrics_count(&wire_name, &wire_labels, delta, &error);
  return done ? TL_OK : tl_host_error(TL_REJECT, "metric", name, error.val.invalid);
}

tl_result tl_metric_gauge(const char *name, const tl_pair *labels, size_t labels_len, double value) {
  plugin_string_t wire_name = tl_to_wire(name);
  plugin_list_tuple2_string_string_t wire_labels = tl_to_pairs(labels, labels_len);
  tripline_trigger_metrics_metric_error_t error;
  bool done = tripline_trigger_metrics_set_gauge(&wire_name, &wire_labels, value, &error);
  return done ? TL_OK : tl_host_error(TL_REJECT, "metric", name, error.val.invalid);
}

tl_result tl_metric_observe(const char *name, const tl_pair *labels, size_t labels_len, double value) {
  plugin_string_t wire_name = tl_to_wire(name);
  plugin_list_tuple2_string_string_t wire_labels = tl_to_pairs(labels, labels_len);
  tripline_trigger_metrics_metric_error_t error;
  bool done = tripline_trigger_metrics_observe(&wire_name, &wire_labels, value, &error);
  return done ? TL_OK : tl_host_error(TL_REJECT, "metric", name, error.val.invalid);
}

tl_result tl_setting(const char *key, tl_str *value) {
  plugin_string_t wire_key = tl_to_wire(key);
  plugin_option_string_t found;
  wasi_config_store_error_t error;
  if (!wasi_config_store_get(&wire_key, &found, &error)) return tl_host_error(TL_RETRY, "setting", key, error.val.io);
  *value = found.is_some ? tl_of_wire(found.val) : (tl_str){NULL, 0};
  return TL_OK;
}

tl_result tl_need_setting(const char *key, tl_str *value) {
  TL_TRY(tl_setting(key, value));
  return value->ptr ? TL_OK : tl_reject("setting `%s` is missing: set it in the `settings` of the trigger", key);
}

tl_result tl_need_setting_int64(const char *key, int64_t *value) {
  tl_str text;
  TL_TRY(tl_need_setting(key, &text));
  return tl_integer(text, value) ? TL_OK : tl_reject("setting `%s` is `%s`, and no integer", key, text.ptr);
}

void tl_log(tl_level level, const char *format, ...) {
  va_list values;
  va_start(values, format);
  tl_str text = tl_vformat(format, values);
  va_end(values);
  plugin_string_t context = tl_to_wire(""), message = tl_to_wire_n(text.ptr, text.len);
  wasi_logging_logging_log((wasi_logging_logging_level_t)level, &context, &message);
}
