// Low stock: a mail when an article's stock falls to its reorder level, and not again until it has been above it.
//
// What holds: both images of the change itself are compared, so no state is needed, and a replay says the same. The mail and the count are committed with the
// change: each once.
#include "tripline.hpp"

using namespace tripline;

static result on_change(const change &change) {
  item article = change.new_image();
  if (!article) return {};
  auto stock = article.integer("stock"), level = article.integer("reorder_at");
  if (!stock || !level) return reject("`stock` and `reorder_at` are integers");
  // An article that is new had none before: it is low if it begins so.
  auto before = change.old_image().integer("stock").value_or(INT64_MAX);
  TRIPLINE_TRY(metrics::gauge("stock", static_cast<double>(*stock), {{"article", c_str(change.keys().string("id").value_or("?"))}}));
  if (*stock > *level || before <= *level) return {};
  TRIPLINE_TRY(counter(change, "reorders", {{"state", *stock == 0 ? "sold-out" : "low"}}));
  std::string_view buyers;
  TRIPLINE_TRY(settings::require("to", buyers));
  const char *to[] = {buyers.data()};
  auto name = article.string("name").value_or("An article");
  tl_mail message = {};
  message.to = to;
  message.to_len = 1;
  message.subject = format("Order %s", name.data()).data();
  message.text = format("%lld left; the level is %lld.\n", static_cast<long long>(*stock), static_cast<long long>(*level)).data();
  return mail(change, message);
}

static result probe(const tl_batch &origin) {
  if (origin.view != TL_NEW_AND_OLD_IMAGES) return reject("images are compared: set `view = \"new-and-old-images\"`");
  std::string_view to;
  return settings::require("to", to);
}

TRIPLINE_PLUGIN(on_change, probe);
