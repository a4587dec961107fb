// Tripline's SDK for C++17 and later: what tripline.h has, in C++'s own types. Header only, without exceptions, without libc++'s library.
//
// What holds: a `std::string_view` that is returned here lives until the batch is done, and ends in a NUL, so `.data()` is C's text.
#ifndef TRIPLINE_HPP
#define TRIPLINE_HPP

#include <initializer_list>
#include <optional>
#include <string_view>

#include "tripline.h"

namespace tripline {

// Why a handler ends: `return {};` is all well. Take care of each: it is [[nodiscard]].
class [[nodiscard]] result {
 public:
  constexpr result() = default;
  constexpr result(tl_result kind) : kind_(kind) {}
  constexpr bool ok() const { return kind_ == TL_OK; }
  constexpr bool condition_failed() const { return kind_ == TL_CONDITION_FAILED; }
  constexpr tl_result kind() const { return kind_; }
  const char *error() const { return ok() ? "" : tl_error(); }

 private:
  tl_result kind_ = TL_OK;
};

// `TRIPLINE_TRY(counter(change, "orders"));` hands a failure on.
#define TRIPLINE_TRY(call)                                                          \
  do {                                                                              \
    if (::tripline::result tripline_tried = (call); !tripline_tried.ok()) return tripline_tried; \
  } while (0)

template <typename... Values>
result retry(const char *format, Values... values) {
  return tl_retry(format, values...);
}
inline result retry(const char *reason) { return tl_retry("%s", reason); }

template <typename... Values>
result reject(const char *format, Values... values) {
  return tl_reject(format, values...);
}
inline result reject(const char *reason) { return tl_reject("%s", reason); }

inline std::string_view view(tl_str text) { return text.ptr ? std::string_view(text.ptr, text.len) : std::string_view(); }

// For the functions that want C's text.
inline const char *c_str(std::string_view text) { return tl_text(text.data(), text.size()).ptr; }

template <typename... Values>
std::string_view format(const char *format, Values... values) {
  return view(tl_format(format, values...));
}

// An item as it was read.
class item {
 public:
  item() : item_{{nullptr, 0}} {}
  item(tl_item from) : item_(from) {}
  explicit operator bool() const { return item_.json.ptr != nullptr; }
  tl_item raw() const { return item_; }
  std::string_view json() const { return view(item_.json); }

  tl_value attribute(const char *name) const { return tl_attribute(item_, name); }
  std::optional<std::string_view> string(const char *name) const { return read(name, tl_string); }
  // Its text: exact.
  std::optional<std::string_view> number(const char *name) const { return read(name, tl_number); }
  std::optional<std::string_view> bytes(const char *name) const { return read(name, tl_bytes); }
  std::optional<int64_t> integer(const char *name) const {
    int64_t number;
    return tl_int64(attribute(name), &number) ? std::optional<int64_t>(number) : std::nullopt;
  }
  std::optional<bool> boolean(const char *name) const {
    bool yes;
    return tl_bool(attribute(name), &yes) ? std::optional<bool>(yes) : std::nullopt;
  }
  item map(const char *name) const { return tl_map(attribute(name)); }

 private:
  std::optional<std::string_view> read(const char *name, bool (*get)(tl_value, tl_str *)) const {
    tl_str text;
    return get(attribute(name), &text) ? std::optional<std::string_view>(view(text)) : std::nullopt;
  }
  tl_item item_;
};

// An item to be written: `builder().text("id", id).integer("count", 1).built()`.
class builder {
 public:
  builder &text(const char *name, std::string_view text) { return tl_put_text(&build_, name, {text.data(), text.size()}), *this; }
  builder &number(const char *name, std::string_view decimal) { return tl_put_number(&build_, name, c_str(decimal)), *this; }
  builder &integer(const char *name, int64_t number) { return tl_put_int64(&build_, name, number), *this; }
  builder &bytes(const char *name, std::string_view bytes) { return tl_put_bytes(&build_, name, bytes.data(), bytes.size()), *this; }
  builder &boolean(const char *name, bool yes) { return tl_put_bool(&build_, name, yes), *this; }
  builder &value(const char *name, tl_value value) { return tl_put_value(&build_, name, value), *this; }
  builder &map(const char *name, item map) { return tl_put_map(&build_, name, map.raw()), *this; }
  item built() { return tl_built(&build_); }

 private:
  tl_build build_ = {};
};

class change {
 public:
  explicit change(const tl_change &from) : change_(from) {}
  const tl_change *raw() const { return &change_; }
  tl_event event() const { return change_.event; }
  std::string_view event_id() const { return view(change_.event_id); }
  uint64_t created_ms() const { return change_.created_ms; }
  bool is_expiry() const { return tl_is_expiry(&change_); }
  item keys() const { return change_.keys; }
  item new_image() const { return change_.new_image; }
  item old_image() const { return change_.old_image; }

 private:
  const tl_change &change_;
};

using labels = std::initializer_list<tl_pair>;

inline result counter(const change &change, const char *name, labels labels = {}, std::string_view delta = "1") {
  return tl_counter_add(change.raw(), name, labels.begin(), labels.size(), c_str(delta));
}

namespace state {
// `found` stays empty where there is none.
inline result get(const change &change, std::string_view key, std::optional<std::string_view> &found) {
  tl_str value;
  TRIPLINE_TRY(tl_state_get(change.raw(), c_str(key), &value));
  found = value.ptr ? std::optional<std::string_view>(view(value)) : std::nullopt;
  return {};
}
inline result set(const change &change, std::string_view key, std::string_view value, uint64_t expires_ms = 0) {
  return tl_state_set(change.raw(), c_str(key), {value.data(), value.size()}, expires_ms);
}
inline result erase(const change &change, std::string_view key) { return tl_state_delete(change.raw(), c_str(key)); }
}  // namespace state

namespace tables {
inline result write(const tl_write &write) { return tl_table_write(&write); }
inline result put(const char *table, item item, const char *condition = nullptr) {
  tl_write write = {};
  write.kind = TL_PUT;
  write.table = table;
  write.item = item.raw();
  write.condition = condition;
  return tl_table_write(&write);
}
inline result transact(const change &change, std::initializer_list<tl_write> writes) {
  return tl_transact(change.raw(), writes.begin(), writes.size(), nullptr);
}
inline result get(const char *table, item key, bool consistent, item &found) {
  tl_item raw;
  TRIPLINE_TRY(tl_table_get(table, key.raw(), consistent, &raw));
  found = raw;
  return {};
}
}  // namespace tables

namespace metrics {
inline result count(const char *name, labels labels = {}, uint64_t delta = 1) { return tl_metric_count(name, labels.begin(), labels.size(), delta); }
inline result gauge(const char *name, double value, labels labels = {}) { return tl_metric_gauge(name, labels.begin(), labels.size(), value); }
inline result observe(const char *name, double value, labels labels = {}) { return tl_metric_observe(name, labels.begin(), labels.size(), value); }
}  // namespace metrics

inline result mail(const change &change, const tl_mail &mail) { return tl_mail_send(change.raw(), &mail); }

namespace settings {
inline result require(const char *key, std::string_view &value) {
  tl_str text;
  TRIPLINE_TRY(tl_need_setting(key, &text));
  value = view(text);
  return {};
}
}  // namespace settings

template <typename... Values>
void log(tl_level level, const char *format, Values... values) {
  tl_log(level, format, values...);
}
inline void log(tl_level level, const char *line) { tl_log(level, "%s", line); }

namespace detail {
template <result (*handler)(const change &)>
tl_result on_change(const tl_change *raw) {
  return handler(change(*raw)).kind();
}
template <result (*probe)(const tl_batch &)>
tl_result on_probe(const tl_batch *origin) {
  return probe(*origin).kind();
}
}  // namespace detail
}  // namespace tripline

// The plugin: a handler of one change, and a probe.
#define TRIPLINE_PLUGIN(handler, probe) \
  extern "C" const tl_plugin tripline_plugin = {::tripline::detail::on_change<handler>, nullptr, ::tripline::detail::on_probe<probe>}

#endif
