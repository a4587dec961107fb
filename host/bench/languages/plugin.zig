//! As host/bench/plugin does in Rust: reads two attributes of the new image, and decides by them.

const std = @import("std");
const tl = @import("tripline");

fn onChange(change: [*c]const tl.tl_change) callconv(.c) tl.tl_result {
    const order = change.*.new_image;
    if (order.json.ptr == null) return tl.TL_OK;
    var status: tl.tl_str = .{};
    var total: tl.tl_str = .{};
    const read = tl.tl_need_string(order, "status", &status);
    if (read != tl.TL_OK) return read;
    const found = tl.tl_need_number(order, "total", &total);
    if (found != tl.TL_OK) return found;
    const amount = std.fmt.parseFloat(f64, total.ptr[0..total.len]) catch 0;
    const fraud = "a fraud";
    if (std.mem.eql(u8, status.ptr[0..status.len], "fraud") and amount > 1e9) return tl.tl_fail(tl.TL_REJECT, fraud, fraud.len);
    return tl.TL_OK;
}

export const tripline_plugin: tl.tl_plugin = .{ .on_change = onChange };
