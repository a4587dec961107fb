/* Tables: writes, transactions and reads. */
#include "sdk.h"

static tripline_trigger_tables_item_json_t tl_to_item(tl_item item) {
  return item.json.ptr ? tl_to_wire_n(item.json.ptr, item.json.len) : tl_to_wire("{}");
}

static tripline_trigger_tables_option_item_json_t tl_to_values(tl_item values) {
  return (tripline_trigger_tables_option_item_json_t){values.json.ptr != NULL, tl_to_item(values)};
}

static tripline_trigger_tables_condition_t tl_to_condition(const tl_write *write) {
  return (tripline_trigger_tables_condition_t){
      tl_to_wire(write->condition), tl_to_pairs(write->names, write->names_len), tl_to_values(write->values)};
}

static tripline_trigger_tables_option_condition_t tl_to_option_condition(const tl_write *write) {
  tripline_trigger_tables_option_condition_t condition = {0};
  if (write->condition) {
    condition.is_some = true;
    condition.val = tl_to_condition(write);
  }
  return condition;
}

static tripline_trigger_tables_update_t tl_to_update(const tl_write *write) {
  return (tripline_trigger_tables_update_t){
      .key = tl_to_item(write->item),
      .expression = tl_to_wire(write->update),
      .condition = tl_to_option(write->condition),
      .names = tl_to_pairs(write->names, write->names_len),
      .values = tl_to_values(write->values),
  };
}

static tripline_trigger_tables_transact_action_t tl_to_action(const tl_write *write) {
  tripline_trigger_tables_transact_action_t action = {.tag = (uint8_t)write->kind};
  switch (write->kind) {
    case TL_PUT: action.val.put = (tripline_trigger_tables_put_t){tl_to_item(write->item), tl_to_option_condition(write)}; break;
    case TL_UPDATE: action.val.update = tl_to_update(write); break;
    case TL_DELETE: action.val.delete_ = (tripline_trigger_tables_delete_t){tl_to_item(write->item), tl_to_option_condition(write)}; break;
    case TL_CHECK: action.val.check = (tripline_trigger_tables_check_t){tl_to_item(write->item), tl_to_condition(write)}; break;
  }
  return action;
}

static tripline_trigger_tables_table_write_t tl_to_write(const tl_write *write) {
  tripline_trigger_tables_transact_action_t action = tl_to_action(write);
  tripline_trigger_tables_table_write_t wire = {.tag = action.tag};
  switch (write->kind) {
    case TL_UPDATE: wire.val.update = action.val.update; break;
    case TL_DELETE: wire.val.delete_ = action.val.delete_; break;
    default: wire.val.put = action.val.put;
  }
  return wire;
}

static tl_result tl_write_error(const char *table, const tripline_trigger_tables_write_error_t *error) {
  switch (error->tag) {
    case TRIPLINE_TRIGGER_TABLES_WRITE_ERROR_CONDITION_FAILED:
      tl_reason = tl_format("table `%s`: the condition did not hold", table ? table : "").ptr;
      return TL_CONDITION_FAILED;
    case TRIPLINE_TRIGGER_TABLES_WRITE_ERROR_UNAVAILABLE: return tl_host_error(TL_RETRY, "table", table, error->val.unavailable);
    default: return tl_host_error(TL_REJECT, "table", table, error->val.invalid);
  }
}

/* What failed as a whole has failed for each. */
static tl_result tl_of_each(tl_result *results, size_t len, tl_result result) {
  for (size_t at = 0; results && at < len; at++) results[at] = result;
  return result;
}

tl_result tl_table_write_all(const char *table, const tl_write *writes, size_t len, tl_result *results) {
  tripline_trigger_tables_table_write_t *wire = tl_alloc(len * sizeof *wire);
  for (size_t at = 0; at < len; at++) {
    if (writes[at].kind == TL_CHECK) {
      return tl_of_each(results, len, tl_reject("table `%s`: a check alone writes nothing: it belongs into a transaction", table));
    }
    wire[at] = tl_to_write(&writes[at]);
  }
  plugin_string_t wire_table = tl_to_wire(table);
  tripline_trigger_tables_list_table_write_t list = {wire, len};
  tripline_trigger_tables_list_result_void_write_error_t made;
  tripline_trigger_tables_table_error_t error;
  if (!tripline_trigger_tables_write(&wire_table, &list, &made, &error)) {
    return tl_of_each(results, len, tl_host_error(TL_REJECT, "table", table, error.val.access_denied));
  }
  tl_result first = TL_OK;
  const char *reason = tl_reason;
  for (size_t at = 0; at < len && at < made.len; at++) {
    tl_result result = made.ptr[at].is_err ? tl_write_error(table, &made.ptr[at].val.err) : TL_OK;
    if (results) results[at] = result;
    if (first == TL_OK && result != TL_OK) {
      first = result;
      reason = tl_reason;
    }
  }
  tl_reason = reason;
  return first;
}

tl_result tl_table_write(const tl_write *write) {
  return tl_table_write_all(write->table, write, 1, NULL);
}

/* What stays comes before a condition, and that before what may pass: only where each cause may pass is it worth another try. */
static int tl_weight(tl_result result) {
  return result == TL_REJECT ? 3 : result == TL_CONDITION_FAILED ? 2 : result == TL_RETRY ? 1 : 0;
}

static tl_result tl_cancelled(const tl_write *writes, size_t len, tripline_trigger_tables_list_option_write_error_t causes, tl_result *results) {
  tl_result worst = TL_OK;
  tl_str all = {"", 0};
  for (size_t at = 0; at < len && at < causes.len; at++) {
    if (!causes.ptr[at].is_some) continue;
    tl_result result = tl_write_error(writes[at].table, &causes.ptr[at].val);
    if (results) results[at] = result;
    if (tl_weight(result) > tl_weight(worst)) worst = result;
    all = tl_format("%s%swrite %zu: %s", all.ptr, all.len > 0 ? "; " : "", at + 1, tl_reason);
  }
  tl_reason = tl_format("the transaction was cancelled: %s", all.ptr).ptr;
  return worst == TL_OK ? tl_of_each(results, len, TL_RETRY) : worst;
}

tl_result tl_transact(const tl_change *change, const tl_write *writes, size_t len, tl_result *results) {
  tripline_trigger_tables_transact_write_t *wire = tl_alloc(len * sizeof *wire);
  for (size_t at = 0; at < len; at++) {
    wire[at] = (tripline_trigger_tables_transact_write_t){tl_to_wire(writes[at].table), tl_to_action(&writes[at])};
    if (results) results[at] = TL_OK;
  }
  tripline_trigger_tables_list_transact_write_t list = {wire, len};
  tripline_trigger_tables_transact_error_t error;
  if (tripline_trigger_tables_transact(change->index, &list, &error)) return TL_OK;
  const char *table = len > 0 ? writes[0].table : NULL;
  switch (error.tag) {
    case TRIPLINE_TRIGGER_TABLES_TRANSACT_ERROR_CANCELLED: return tl_cancelled(writes, len, error.val.cancelled, results);
    case TRIPLINE_TRIGGER_TABLES_TRANSACT_ERROR_UNAVAILABLE:
      return tl_of_each(results, len, tl_host_error(TL_RETRY, "transaction from table", table, error.val.unavailable));
    default: return tl_of_each(results, len, tl_host_error(TL_REJECT, "transaction from table", table, error.val.invalid));
  }
}

tl_result tl_table_get_all(const char *table, const tl_item *keys, size_t len, bool consistent, tl_item *items) {
  tripline_trigger_tables_item_json_t *wire = tl_alloc(len * sizeof *wire);
  for (size_t at = 0; at < len; at++) wire[at] = tl_to_item(keys[at]);
  plugin_string_t wire_table = tl_to_wire(table);
  tripline_trigger_tables_list_item_json_t list = {wire, len};
  tripline_trigger_tables_list_option_item_json_t found;
  tripline_trigger_tables_read_error_t error;
  if (!tripline_trigger_tables_get(&wire_table, &list, consistent, &found, &error)) {
    bool passes = error.tag == TRIPLINE_TRIGGER_TABLES_READ_ERROR_UNAVAILABLE;
    return tl_host_error(passes ? TL_RETRY : TL_REJECT, "table", table, error.val.invalid);
  }
  for (size_t at = 0; at < len; at++) {
    bool is_there = at < found.len && found.ptr[at].is_some;
    items[at] = (tl_item){is_there ? tl_of_wire(found.ptr[at].val) : (tl_str){NULL, 0}};
  }
  return TL_OK;
}

tl_result tl_table_get(const char *table, tl_item key, bool consistent, tl_item *item) {
  return tl_table_get_all(table, &key, 1, consistent, item);
}
