/* The component's one export: a batch off the wire, through the plugin's functions, and the result back.
 *
 * Always holds: an empty batch reaches the probe and never a handler. A change fails at most once; its first failure stands.
 */
#include "sdk.h"

typedef exports_tripline_trigger_handler_failed_change_t tl_failed;

/* Of the batch under way. */
static tl_failed *tl_failures;
static size_t tl_failures_len, tl_failures_max;

static tripline_trigger_types_failure_t tl_to_failure(tl_result result) {
  tripline_trigger_types_failure_t failure = {.tag = TRIPLINE_TRIGGER_TYPES_FAILURE_REJECT};
  if (result == TL_RETRY) failure.tag = TRIPLINE_TRIGGER_TYPES_FAILURE_RETRY;
  failure.val.reject = tl_to_wire(tl_reason[0] ? tl_reason : "no reason given");
  return failure;
}

void tl_fail_change(const tl_change *change, tl_result result) {
  for (size_t at = 0; at < tl_failures_len; at++) {
    if (tl_failures[at].index == change->index) return;
  }
  if (result == TL_OK || tl_failures_len == tl_failures_max) return;
  tl_failures[tl_failures_len++] = (tl_failed){change->index, tl_to_failure(result)};
}

bool tl_is_expiry(const tl_change *change) {
  return change->event == TL_REMOVE && tl_equal(change->identity_type, "Service") &&
         tl_equal(change->identity_principal, "dynamodb.amazonaws.com");
}

static tl_item tl_of_option(tripline_trigger_types_option_item_json_t item) {
  return (tl_item){item.is_some ? tl_of_wire(item.val) : (tl_str){NULL, 0}};
}

static tl_change tl_of_change(const tripline_trigger_types_change_t *wire, uint32_t index) {
  tl_change change = {
      .event_id = tl_of_wire(wire->event_id),
      .sequence_number = tl_of_wire(wire->sequence_number),
      .event = (tl_event)wire->event_name,
      .created_ms = wire->created_ms,
      .size_bytes = wire->size_bytes,
      .identity_type = {NULL, 0},
      .identity_principal = {NULL, 0},
      .keys = {tl_of_wire(wire->keys)},
      .new_image = tl_of_option(wire->new_image),
      .old_image = tl_of_option(wire->old_image),
      .index = index,
  };
  if (wire->user_identity.is_some) {
    change.identity_type = tl_of_wire(wire->user_identity.val.f0);
    change.identity_principal = tl_of_wire(wire->user_identity.val.f1);
  }
  return change;
}

static tl_batch tl_of_batch(const exports_tripline_trigger_handler_batch_t *wire) {
  tl_change *changes = tl_alloc(wire->changes.len * sizeof *changes);
  for (size_t at = 0; at < wire->changes.len; at++) changes[at] = tl_of_change(&wire->changes.ptr[at], (uint32_t)at);
  return (tl_batch){
      .trigger = tl_of_wire(wire->trigger),
      .table = tl_of_wire(wire->table),
      .region = tl_of_wire(wire->region),
      .stream_arn = tl_of_wire(wire->stream_arn),
      .shard_id = tl_of_wire(wire->shard_id),
      .view = (tl_view)wire->view,
      .attempt = wire->attempt,
      .changes = changes,
      .len = wire->changes.len,
  };
}

static tl_result tl_run(const tl_batch *batch) {
  if (batch->len == 0) return tripline_plugin.on_probe ? tripline_plugin.on_probe(batch) : TL_OK;
  if (tripline_plugin.on_batch) return tripline_plugin.on_batch(batch);
  if (!tripline_plugin.on_change) return tl_reject("the plugin has no handler: set `on_change` or `on_batch` in `tripline_plugin`");
  for (size_t at = 0; at < batch->len; at++) {
    const tl_change *change = &batch->changes[at];
    /* Not that of a change before. */
    tl_reason = "";
    tl_result result = tripline_plugin.on_change(change);
    if (result != TL_OK) tl_fail_change(change, result);
  }
  return TL_OK;
}

bool exports_tripline_trigger_handler_handle(
    exports_tripline_trigger_handler_batch_t *wire,
    exports_tripline_trigger_handler_list_failed_change_t *failed,
    exports_tripline_trigger_handler_failure_t *failure) {
  tl_batch batch = tl_of_batch(wire);
  tl_reason = "";
  tl_failures = tl_alloc(batch.len * sizeof *tl_failures);
  tl_failures_len = 0;
  tl_failures_max = batch.len;
  tl_result result = tl_run(&batch);
  if (result != TL_OK) {
    *failure = tl_to_failure(result);
    return false;
  }
  *failed = (exports_tripline_trigger_handler_list_failed_change_t){tl_failures, tl_failures_len};
  return true;
}
