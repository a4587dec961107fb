/* Expired sessions: when DynamoDB's TTL removes a session, it is put into an archive, counted, and whoever left a full cart gets a mail.
 *
 * What holds: a session that its user has ended (a removal by anyone but DynamoDB itself) is left alone. Each expiry is counted and mailed once, in the
 * transaction that acknowledges it; the archive is written at once and keyed by the event, so a second delivery finds its row there.
 */
#include <inttypes.h>

#include "tripline.h"

#define WEEK_MS (7ull * 24 * 60 * 60 * 1000)

static tl_result archive(const tl_change *change, tl_str user, const char *reason) {
  tl_str table;
  TL_TRY(tl_need_setting("archive", &table));
  tl_item session = change->old_image;
  tl_build row = {0};
  tl_put_text(&row, "user", user);
  tl_put_text(&row, "event", change->event_id);
  tl_put_string(&row, "reason", reason);
  tl_put_int64(&row, "expired_ms", (int64_t)change->created_ms);
  tl_put_value(&row, "last_seen", tl_attribute(session, "last_seen"));
  tl_put_value(&row, "cart", tl_attribute(session, "cart"));
  tl_write write = {.kind = TL_PUT, .table = table.ptr, .item = tl_built(&row), .condition = "attribute_not_exists(event)"};
  tl_result written = tl_table_write(&write);
  /* An earlier delivery of this very change wrote it. */
  return written == TL_CONDITION_FAILED ? TL_OK : written;
}

static size_t cart_size(tl_item session) {
  tl_value cart = tl_attribute(session, "cart"), article;
  size_t count = 0;
  for (size_t at = 0; tl_next_element(cart, &at, &article);) count++;
  return count;
}

/* One mail a week: people have many devices. */
static tl_result remind(const tl_change *change, tl_str user, size_t articles) {
  tl_str email, reminded;
  if (!tl_string(tl_attribute(change->old_image, "email"), &email)) return TL_OK;
  const char *key = tl_format("reminded/%s", user.ptr).ptr;
  TL_TRY(tl_state_get(change, key, &reminded));
  if (reminded.ptr) {
    tl_log(TL_INFO, "%s has been reminded already, at %s", user.ptr, reminded.ptr);
    return TL_OK;
  }
  TL_TRY(tl_state_set(change, key, tl_format("%" PRIu64, change->created_ms), change->created_ms + WEEK_MS));
  const char *to[] = {email.ptr};
  tl_mail mail = {
      .to = to,
      .to_len = 1,
      .subject = "Your cart is waiting",
      .text = tl_format("There %s %zu article%s in it.\n", articles == 1 ? "is" : "are", articles, articles == 1 ? "" : "s").ptr,
  };
  return tl_mail_send(change, &mail);
}

static tl_result on_change(const tl_change *change) {
  if (!tl_is_expiry(change)) return TL_OK;
  tl_str user;
  TL_TRY(tl_need_string(change->old_image, "user", &user));
  size_t articles = cart_size(change->old_image);
  const char *reason = articles > 0 ? "abandoned-cart" : "idle";
  TL_TRY(archive(change, user, reason));
  tl_pair labels[] = {{"reason", reason}};
  TL_TRY(tl_counter_add(change, "sessions_expired", labels, 1, "1"));
  return articles > 0 ? remind(change, user, articles) : TL_OK;
}

static tl_result on_probe(const tl_batch *origin) {
  tl_str table;
  if (origin->view != TL_OLD_IMAGE && origin->view != TL_NEW_AND_OLD_IMAGES) {
    return tl_reject("what has expired is in the old image: set `view = \"old-image\"`");
  }
  return tl_need_setting("archive", &table);
}

const tl_plugin tripline_plugin = {.on_change = on_change, .on_probe = on_probe};
