// As host/bench/plugin does in Rust: reads two attributes of the new image, and decides by them.
#include <cstdlib>

#include "tripline.hpp"

using namespace tripline;

static result on_change(const change &change) {
  item order = change.new_image();
  if (!order) return {};
  auto status = order.string("status"), total = order.number("total");
  if (!status || !total) return reject("`status` is a string, and `total` a number");
  if (*status == "fraud" && std::strtod(total->data(), nullptr) > 1e9) return reject("a fraud");
  return {};
}

static result probe(const tl_batch &) { return {}; }

TRIPLINE_PLUGIN(on_change, probe);
