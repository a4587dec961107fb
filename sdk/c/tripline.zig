//! tripline.h for Zig, by `zig translate-c`. Of the header with the SHA-256
//! 96c43f37d2c93f74270c66aa755b0bc4ac2398e6bb777acff9fca1d685f97e72.
const __root = @This();
pub const __builtin = @import("std").zig.c_translation.builtins;
pub const __helpers = @import("std").zig.c_translation.helpers;
pub const ptrdiff_t = c_long;
pub const wchar_t = c_int;
pub const max_align_t = extern struct {
    __aro_max_align_ll: c_longlong = 0,
    __aro_max_align_ld: c_longdouble = 0,
};
pub const intmax_t = c_longlong;
pub const uintmax_t = c_ulonglong;
pub const int_least64_t = c_longlong;
pub const int_least32_t = c_int;
pub const int_least16_t = c_short;
pub const int_least8_t = i8;
pub const uint_least64_t = c_ulonglong;
pub const uint_least32_t = c_uint;
pub const uint_least16_t = c_ushort;
pub const uint_least8_t = u8;
pub const int_fast64_t = c_longlong;
pub const int_fast32_t = c_int;
pub const int_fast16_t = c_short;
pub const int_fast8_t = i8;
pub const uint_fast64_t = c_ulonglong;
pub const uint_fast32_t = c_uint;
pub const uint_fast16_t = c_ushort;
pub const uint_fast8_t = u8;
pub const int128_t = i128;
pub const uint128_t = u128;
pub const int_fast128_t = i128;
pub const uint_fast128_t = u128;
pub const int_least128_t = i128;
pub const uint_least128_t = u128;
pub const TL_OK: c_int = 0;
pub const TL_RETRY: c_int = 1;
pub const TL_REJECT: c_int = 2;
pub const TL_CONDITION_FAILED: c_int = 3;
pub const enum_tl_result = c_uint;
pub const tl_result = enum_tl_result;
pub extern fn tl_retry(format: [*c]const u8, ...) tl_result;
pub extern fn tl_reject(format: [*c]const u8, ...) tl_result;
pub extern fn tl_fail(kind: tl_result, message: [*c]const u8, len: usize) tl_result;
pub extern fn tl_error() [*c]const u8;
pub const struct_tl_str = extern struct {
    ptr: [*c]const u8 = null,
    len: usize = 0,
    pub const tl_equal = __root.tl_equal;
    pub const equal = __root.tl_equal;
};
pub const tl_str = struct_tl_str;
pub extern fn tl_alloc(size: usize) ?*anyopaque;
pub extern fn tl_format(format: [*c]const u8, ...) tl_str;
pub extern fn tl_text(text: [*c]const u8, len: usize) tl_str;
pub extern fn tl_equal(a: tl_str, b: [*c]const u8) bool;
pub const struct_tl_pair = extern struct {
    name: [*c]const u8 = null,
    value: [*c]const u8 = null,
};
pub const tl_pair = struct_tl_pair;
pub const struct_tl_item = extern struct {
    json: tl_str = @import("std").mem.zeroes(tl_str),
    pub const tl_attribute = __root.tl_attribute;
    pub const tl_next_attribute = __root.tl_next_attribute;
    pub const tl_need_string = __root.tl_need_string;
    pub const tl_need_number = __root.tl_need_number;
    pub const tl_need_int64 = __root.tl_need_int64;
    pub const attribute = __root.tl_attribute;
    pub const string = __root.tl_need_string;
    pub const number = __root.tl_need_number;
    pub const int64 = __root.tl_need_int64;
};
pub const tl_item = struct_tl_item;
pub const TL_INSERT: c_int = 0;
pub const TL_MODIFY: c_int = 1;
pub const TL_REMOVE: c_int = 2;
pub const enum_tl_event = c_uint;
pub const tl_event = enum_tl_event;
pub const TL_KEYS_ONLY: c_int = 0;
pub const TL_NEW_IMAGE: c_int = 1;
pub const TL_OLD_IMAGE: c_int = 2;
pub const TL_NEW_AND_OLD_IMAGES: c_int = 3;
pub const enum_tl_view = c_uint;
pub const tl_view = enum_tl_view;
pub const struct_tl_change = extern struct {
    event_id: tl_str = @import("std").mem.zeroes(tl_str),
    sequence_number: tl_str = @import("std").mem.zeroes(tl_str),
    event: tl_event = @import("std").mem.zeroes(tl_event),
    created_ms: u64 = 0,
    size_bytes: u64 = 0,
    identity_type: tl_str = @import("std").mem.zeroes(tl_str),
    identity_principal: tl_str = @import("std").mem.zeroes(tl_str),
    keys: tl_item = @import("std").mem.zeroes(tl_item),
    new_image: tl_item = @import("std").mem.zeroes(tl_item),
    old_image: tl_item = @import("std").mem.zeroes(tl_item),
    index: u32 = 0,
    pub const tl_is_expiry = __root.tl_is_expiry;
    pub const tl_fail_change = __root.tl_fail_change;
    pub const tl_counter_add = __root.tl_counter_add;
    pub const tl_state_get = __root.tl_state_get;
    pub const tl_state_set = __root.tl_state_set;
    pub const tl_state_delete = __root.tl_state_delete;
    pub const tl_transact = __root.tl_transact;
    pub const tl_mail_send = __root.tl_mail_send;
    pub const expiry = __root.tl_is_expiry;
    pub const change = __root.tl_fail_change;
    pub const add = __root.tl_counter_add;
    pub const get = __root.tl_state_get;
    pub const set = __root.tl_state_set;
    pub const delete = __root.tl_state_delete;
    pub const transact = __root.tl_transact;
    pub const send = __root.tl_mail_send;
};
pub const tl_change = struct_tl_change;
pub const struct_tl_batch = extern struct {
    trigger: tl_str = @import("std").mem.zeroes(tl_str),
    table: tl_str = @import("std").mem.zeroes(tl_str),
    region: tl_str = @import("std").mem.zeroes(tl_str),
    stream_arn: tl_str = @import("std").mem.zeroes(tl_str),
    shard_id: tl_str = @import("std").mem.zeroes(tl_str),
    view: tl_view = @import("std").mem.zeroes(tl_view),
    attempt: u32 = 0,
    changes: [*c]const tl_change = null,
    len: usize = 0,
};
pub const tl_batch = struct_tl_batch;
pub extern fn tl_is_expiry(change: [*c]const tl_change) bool;
pub const struct_tl_plugin = extern struct {
    on_change: ?*const fn (change: [*c]const tl_change) callconv(.c) tl_result = null,
    on_batch: ?*const fn (batch: [*c]const tl_batch) callconv(.c) tl_result = null,
    on_probe: ?*const fn (origin: [*c]const tl_batch) callconv(.c) tl_result = null,
};
pub const tl_plugin = struct_tl_plugin;
pub extern const tripline_plugin: tl_plugin;
pub extern fn tl_fail_change(change: [*c]const tl_change, result: tl_result) void;
pub const TL_NONE: c_int = 0;
pub const TL_S: c_int = 1;
pub const TL_N: c_int = 2;
pub const TL_B: c_int = 3;
pub const TL_BOOL: c_int = 4;
pub const TL_NULL: c_int = 5;
pub const TL_L: c_int = 6;
pub const TL_M: c_int = 7;
pub const TL_SS: c_int = 8;
pub const TL_NS: c_int = 9;
pub const TL_BS: c_int = 10;
pub const enum_tl_type = c_uint;
pub const tl_type = enum_tl_type;
pub const struct_tl_value = extern struct {
    type: tl_type = @import("std").mem.zeroes(tl_type),
    json: tl_str = @import("std").mem.zeroes(tl_str),
    pub const tl_next_element = __root.tl_next_element;
    pub const tl_map = __root.tl_map;
    pub const tl_string = __root.tl_string;
    pub const tl_number = __root.tl_number;
    pub const tl_int64 = __root.tl_int64;
    pub const tl_bytes = __root.tl_bytes;
    pub const tl_bool = __root.tl_bool;
    pub const tl_same = __root.tl_same;
    pub const element = __root.tl_next_element;
    pub const map = __root.tl_map;
    pub const string = __root.tl_string;
    pub const number = __root.tl_number;
    pub const int64 = __root.tl_int64;
    pub const bytes = __root.tl_bytes;
    pub const same = __root.tl_same;
};
pub const tl_value = struct_tl_value;
pub extern fn tl_attribute(item: tl_item, name: [*c]const u8) tl_value;
pub extern fn tl_next_attribute(item: tl_item, at: [*c]usize, name: [*c]tl_str, value: [*c]tl_value) bool;
pub extern fn tl_next_element(list: tl_value, at: [*c]usize, element: [*c]tl_value) bool;
pub extern fn tl_map(map: tl_value) tl_item;
pub extern fn tl_string(value: tl_value, text: [*c]tl_str) bool;
pub extern fn tl_number(value: tl_value, text: [*c]tl_str) bool;
pub extern fn tl_int64(value: tl_value, number: [*c]i64) bool;
pub extern fn tl_bytes(value: tl_value, bytes: [*c]tl_str) bool;
pub extern fn tl_bool(value: tl_value, yes: [*c]bool) bool;
pub extern fn tl_same(a: tl_value, b: tl_value) bool;
pub extern fn tl_need_string(item: tl_item, name: [*c]const u8, text: [*c]tl_str) tl_result;
pub extern fn tl_need_number(item: tl_item, name: [*c]const u8, text: [*c]tl_str) tl_result;
pub extern fn tl_need_int64(item: tl_item, name: [*c]const u8, number: [*c]i64) tl_result;
pub const struct_tl_build = extern struct {
    ptr: [*c]u8 = null,
    len: usize = 0,
    room: usize = 0,
    pub const tl_put_string = __root.tl_put_string;
    pub const tl_put_text = __root.tl_put_text;
    pub const tl_put_number = __root.tl_put_number;
    pub const tl_put_int64 = __root.tl_put_int64;
    pub const tl_put_bytes = __root.tl_put_bytes;
    pub const tl_put_bool = __root.tl_put_bool;
    pub const tl_put_null = __root.tl_put_null;
    pub const tl_put_value = __root.tl_put_value;
    pub const tl_put_map = __root.tl_put_map;
    pub const tl_put_json = __root.tl_put_json;
    pub const tl_built = __root.tl_built;
    pub const string = __root.tl_put_string;
    pub const text = __root.tl_put_text;
    pub const number = __root.tl_put_number;
    pub const int64 = __root.tl_put_int64;
    pub const bytes = __root.tl_put_bytes;
    pub const @"null" = __root.tl_put_null;
    pub const value = __root.tl_put_value;
    pub const map = __root.tl_put_map;
    pub const json = __root.tl_put_json;
    pub const built = __root.tl_built;
};
pub const tl_build = struct_tl_build;
pub extern fn tl_put_string(item: [*c]tl_build, name: [*c]const u8, text: [*c]const u8) void;
pub extern fn tl_put_text(item: [*c]tl_build, name: [*c]const u8, text: tl_str) void;
pub extern fn tl_put_number(item: [*c]tl_build, name: [*c]const u8, decimal: [*c]const u8) void;
pub extern fn tl_put_int64(item: [*c]tl_build, name: [*c]const u8, number: i64) void;
pub extern fn tl_put_bytes(item: [*c]tl_build, name: [*c]const u8, bytes: ?*const anyopaque, len: usize) void;
pub extern fn tl_put_bool(item: [*c]tl_build, name: [*c]const u8, yes: bool) void;
pub extern fn tl_put_null(item: [*c]tl_build, name: [*c]const u8) void;
pub extern fn tl_put_value(item: [*c]tl_build, name: [*c]const u8, value: tl_value) void;
pub extern fn tl_put_map(item: [*c]tl_build, name: [*c]const u8, map: tl_item) void;
pub extern fn tl_put_json(item: [*c]tl_build, name: [*c]const u8, json: [*c]const u8) void;
pub extern fn tl_built(item: [*c]tl_build) tl_item;
pub extern fn tl_counter_add(change: [*c]const tl_change, name: [*c]const u8, labels: [*c]const tl_pair, labels_len: usize, delta: [*c]const u8) tl_result;
pub extern fn tl_state_get(change: [*c]const tl_change, key: [*c]const u8, value: [*c]tl_str) tl_result;
pub extern fn tl_state_set(change: [*c]const tl_change, key: [*c]const u8, value: tl_str, expires_ms: u64) tl_result;
pub extern fn tl_state_delete(change: [*c]const tl_change, key: [*c]const u8) tl_result;
pub const TL_PUT: c_int = 0;
pub const TL_UPDATE: c_int = 1;
pub const TL_DELETE: c_int = 2;
pub const TL_CHECK: c_int = 3;
pub const enum_tl_write_kind = c_uint;
pub const tl_write_kind = enum_tl_write_kind;
pub const struct_tl_write = extern struct {
    kind: tl_write_kind = @import("std").mem.zeroes(tl_write_kind),
    table: [*c]const u8 = null,
    item: tl_item = @import("std").mem.zeroes(tl_item),
    update: [*c]const u8 = null,
    condition: [*c]const u8 = null,
    names: [*c]const tl_pair = null,
    names_len: usize = 0,
    values: tl_item = @import("std").mem.zeroes(tl_item),
    pub const tl_table_write = __root.tl_table_write;
    pub const write = __root.tl_table_write;
};
pub const tl_write = struct_tl_write;
pub extern fn tl_table_write(write: [*c]const tl_write) tl_result;
pub extern fn tl_table_write_all(table: [*c]const u8, writes: [*c]const tl_write, len: usize, results: [*c]tl_result) tl_result;
pub extern fn tl_transact(change: [*c]const tl_change, writes: [*c]const tl_write, len: usize, results: [*c]tl_result) tl_result;
pub extern fn tl_table_get(table: [*c]const u8, key: tl_item, consistent: bool, item: [*c]tl_item) tl_result;
pub extern fn tl_table_get_all(table: [*c]const u8, keys: [*c]const tl_item, len: usize, consistent: bool, items: [*c]tl_item) tl_result;
pub const struct_tl_mail = extern struct {
    mailer: [*c]const u8 = null,
    to: [*c]const [*c]const u8 = null,
    to_len: usize = 0,
    reply_to: [*c]const u8 = null,
    subject: [*c]const u8 = null,
    text: [*c]const u8 = null,
    html: [*c]const u8 = null,
    key: [*c]const u8 = null,
};
pub const tl_mail = struct_tl_mail;
pub extern fn tl_mail_send(change: [*c]const tl_change, mail: [*c]const tl_mail) tl_result;
pub extern fn tl_metric_count(name: [*c]const u8, labels: [*c]const tl_pair, labels_len: usize, delta: u64) tl_result;
pub extern fn tl_metric_gauge(name: [*c]const u8, labels: [*c]const tl_pair, labels_len: usize, value: f64) tl_result;
pub extern fn tl_metric_observe(name: [*c]const u8, labels: [*c]const tl_pair, labels_len: usize, value: f64) tl_result;
pub extern fn tl_setting(key: [*c]const u8, value: [*c]tl_str) tl_result;
pub extern fn tl_need_setting(key: [*c]const u8, value: [*c]tl_str) tl_result;
pub extern fn tl_need_setting_int64(key: [*c]const u8, value: [*c]i64) tl_result;
pub const TL_TRACE: c_int = 0;
pub const TL_DEBUG: c_int = 1;
pub const TL_INFO: c_int = 2;
pub const TL_WARN: c_int = 3;
pub const TL_ERROR: c_int = 4;
pub const TL_CRITICAL: c_int = 5;
pub const enum_tl_level = c_uint;
pub const tl_level = enum_tl_level;
pub extern fn tl_log(level: tl_level, format: [*c]const u8, ...) void;
