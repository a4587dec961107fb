//! Order totals: for each customer one row in another table, with the sum and the count of the orders that are there now.
//!
//! What holds: what is added is the exact difference between a change's two images, in ten-thousandths, so the sum of all that was added is the sum
//! of the orders. Each change is added once: in one transaction with a row that says so, which expires after eight days. A total that has more than four
//! decimals is a dead letter, and not rounded.

const std = @import("std");
const tl = @import("tripline");

/// Ten-thousandths: DynamoDB's 38 digits fit.
const Money = i128;
const decimals = 4;

const marker_days = 8;

const Order = struct { customer: []const u8, total: Money };

const Error = error{ Retry, Reject, ConditionFailed };

fn check(made: tl.tl_result) Error!void {
    return switch (made) {
        tl.TL_OK => {},
        tl.TL_RETRY => error.Retry,
        tl.TL_CONDITION_FAILED => error.ConditionFailed,
        else => error.Reject,
    };
}

fn reject(comptime message: []const u8) Error {
    _ = tl.tl_fail(tl.TL_REJECT, message.ptr, message.len);
    return error.Reject;
}

fn slice(text: tl.tl_str) []const u8 {
    return text.ptr[0..text.len];
}

/// For C: with a NUL, and until the batch is done.
fn cText(comptime format: []const u8, values: anytype) [*c]const u8 {
    var room: [512]u8 = undefined;
    const text = std.fmt.bufPrint(&room, format, values) catch return null;
    return tl.tl_text(text.ptr, text.len).ptr;
}

fn parse(text: []const u8) ?Money {
    const negative = text.len > 0 and text[0] == '-';
    var sum: Money = 0;
    var places: ?usize = null;
    for (text[@intFromBool(negative)..]) |c| {
        if (c == '.' and places == null) {
            places = 0;
            continue;
        }
        if (c < '0' or c > '9') return null;
        if (places) |seen| {
            if (seen == decimals) return null;
            places = seen + 1;
        }
        sum = std.math.mul(Money, sum, 10) catch return null;
        sum = std.math.add(Money, sum, c - '0') catch return null;
    }
    for (places orelse 0..decimals) |_| sum = std.math.mul(Money, sum, 10) catch return null;
    return if (negative) -sum else sum;
}

fn show(money: Money) [*c]const u8 {
    const unit = 10_000;
    const whole: u128 = @abs(money) / unit;
    const rest: u128 = @abs(money) % unit;
    const sign = if (money < 0) "-" else "";
    return cText("{s}{d}.{d:0>4}", .{ sign, whole, rest });
}

fn read(image: tl.tl_item) Error!?Order {
    if (image.json.ptr == null) return null;
    var customer: tl.tl_str = .{};
    var total: tl.tl_str = .{};
    try check(tl.tl_need_string(image, "customer", &customer));
    try check(tl.tl_need_number(image, "total", &total));
    const money = parse(slice(total)) orelse return reject("attribute `total` has more than four decimals, or too many digits");
    return .{ .customer = slice(customer), .total = money };
}

const names = [_]tl.tl_pair{ .{ .name = "#total", .value = "total" }, .{ .name = "#orders", .value = "orders" } };

fn add(table: [*c]const u8, customer: []const u8, money: Money, orders: i64) tl.tl_write {
    var key: tl.tl_build = .{};
    tl.tl_put_text(&key, "customer", .{ .ptr = customer.ptr, .len = customer.len });
    var values: tl.tl_build = .{};
    tl.tl_put_number(&values, ":total", show(money));
    tl.tl_put_int64(&values, ":orders", orders);
    return .{
        .kind = tl.TL_UPDATE,
        .table = table,
        .item = tl.tl_built(&key),
        .update = "ADD #total :total, #orders :orders",
        .names = &names,
        .names_len = names.len,
        .values = tl.tl_built(&values),
    };
}

/// The row that says that this change has been added: once it is there, the transaction cannot be made again.
fn marker(table: [*c]const u8, change: *const tl.tl_change) tl.tl_write {
    var row: tl.tl_build = .{};
    tl.tl_put_string(&row, "customer", cText("applied/{s}", .{slice(change.event_id)}));
    tl.tl_put_int64(&row, "expires", @intCast(change.created_ms / 1000 + marker_days * 24 * 60 * 60));
    return .{ .kind = tl.TL_PUT, .table = table, .item = tl.tl_built(&row), .condition = "attribute_not_exists(customer)" };
}

fn apply(change: *const tl.tl_change) Error!void {
    const old = try read(change.old_image);
    const new = try read(change.new_image);
    var table: tl.tl_str = .{};
    try check(tl.tl_need_setting("table", &table));
    var writes: [3]tl.tl_write = undefined;
    var len: usize = 1;
    writes[0] = marker(table.ptr, change);
    if (old != null and new != null and std.mem.eql(u8, old.?.customer, new.?.customer)) {
        const difference = std.math.sub(Money, new.?.total, old.?.total) catch return reject("the totals differ by too much");
        if (difference == 0) return;
        writes[1] = add(table.ptr, new.?.customer, difference, 0);
        len = 2;
    } else {
        if (old) |order| {
            writes[len] = add(table.ptr, order.customer, -order.total, -1);
            len += 1;
        }
        if (new) |order| {
            writes[len] = add(table.ptr, order.customer, order.total, 1);
            len += 1;
        }
        if (len == 1) return;
    }
    var results: [3]tl.tl_result = undefined;
    check(tl.tl_transact(change, &writes, len, &results)) catch |failure| {
        // An earlier delivery of this very change made it.
        if (results[0] == tl.TL_CONDITION_FAILED) return;
        return failure;
    };
}

fn result(outcome: Error!void) tl.tl_result {
    outcome catch |failure| return switch (failure) {
        error.Retry => tl.TL_RETRY,
        error.Reject => tl.TL_REJECT,
        error.ConditionFailed => tl.TL_CONDITION_FAILED,
    };
    return tl.TL_OK;
}

fn onChange(change: [*c]const tl.tl_change) callconv(.c) tl.tl_result {
    return result(apply(change));
}

fn probe(origin: *const tl.tl_batch) Error!void {
    if (origin.view != tl.TL_NEW_AND_OLD_IMAGES) return reject("totals are differences of two images: set `view = \"new-and-old-images\"`");
    var table: tl.tl_str = .{};
    try check(tl.tl_need_setting("table", &table));
}

fn onProbe(origin: [*c]const tl.tl_batch) callconv(.c) tl.tl_result {
    return result(probe(origin));
}

export const tripline_plugin: tl.tl_plugin = .{ .on_change = onChange, .on_probe = onProbe };
