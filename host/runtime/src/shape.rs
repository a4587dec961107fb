//! The type of a component's handler as text, to be compared with the contract's before anything is instantiated.
//!
//! Always holds: two texts are the same where wasmtime would take one type for the other. Parameters' names are no part of it, as for wasmtime.

use std::fmt::Write as _;

use tripline_core::limits::cut;
use wasmtime::component::types::{Component, ComponentFunc, ComponentItem};
use wasmtime::component::{Type, types};

use crate::contract::Contract;
use crate::text;

const FUNCTION: &str = "handle";
/// Longer than any contract's; a bound, since a component may nest its types as it likes.
const BYTES_MAX: usize = 4 * 1024;
/// Of either side of a difference, for people.
const SHOWN_BYTES_MAX: usize = 80;

/// `Err` says where the type of the component's handler is not the contract's.
pub(crate) fn check(engine: &wasmtime::Engine, component: &Component, contract: &Contract) -> Result<(), String> {
    let Some(ComponentItem::ComponentInstance(handler)) = component.get_export(engine, contract.handler).map(|found| found.ty) else {
        return Err(format!("`{}` is no interface", contract.handler));
    };
    let Some(ComponentItem::ComponentFunc(function)) = handler.get_export(engine, FUNCTION).map(|found| found.ty) else {
        return Err(format!("`{}` has no function `{FUNCTION}`", contract.handler));
    };
    let found = of(&function);
    if found == contract.handle { Ok(()) } else { Err(difference(&found, contract.handle)) }
}

fn of(function: &ComponentFunc) -> String {
    let mut shape = String::from("func(");
    function.params().for_each(|(_, ty)| list(&mut shape, &ty));
    shape.push_str(") -> ");
    function.results().for_each(|ty| list(&mut shape, &ty));
    shape
}

/// From the part on that differs.
fn difference(found: &str, wanted: &str) -> String {
    let same = found.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
    let from = found.as_bytes()[..same].iter().rposition(|byte| b" (<{".contains(byte)).map_or(0, |at| at + 1);
    let shown = |text: &str| {
        let rest = text.get(from..).unwrap_or_default();
        let part = cut(rest, SHOWN_BYTES_MAX);
        format!("`{}{}`", text::one_line(part, SHOWN_BYTES_MAX), if part.len() < rest.len() { "…" } else { "" })
    };
    format!("the type of its `{FUNCTION}` has {}, where the contract has {}", shown(found), shown(wanted))
}

fn list(shape: &mut String, ty: &Type) {
    if !shape.ends_with(['(', '<', '{', ' ']) {
        shape.push_str(", ");
    }
    write(shape, ty);
}

fn named(shape: &mut String, name: &str, ty: Option<&Type>, before: &str, after: &str) {
    if !shape.ends_with('{') {
        shape.push_str(", ");
    }
    shape.push_str(name);
    if let Some(ty) = ty {
        shape.push_str(before);
        write(shape, ty);
        shape.push_str(after);
    }
}

fn write(shape: &mut String, ty: &Type) {
    if shape.len() > BYTES_MAX {
        return;
    }
    match ty {
        Type::List(of) => one(shape, "list", &of.ty()),
        Type::Option(of) => one(shape, "option", &of.ty()),
        Type::Tuple(tuple) => {
            shape.push_str("tuple<");
            tuple.types().for_each(|ty| list(shape, &ty));
            shape.push('>');
        }
        Type::Record(record) => {
            shape.push_str("record{");
            record.fields().for_each(|field| named(shape, field.name, Some(&field.ty), ": ", ""));
            shape.push('}');
        }
        Type::Variant(variant) => {
            shape.push_str("variant{");
            variant.cases().for_each(|case| named(shape, case.name, case.ty.as_ref(), "(", ")"));
            shape.push('}');
        }
        Type::Enum(names) => {
            shape.push_str("enum{");
            names.names().for_each(|name| named(shape, name, None, "", ""));
            shape.push('}');
        }
        Type::Result(result) => either(shape, result),
        // None of these has any more to it that a contract could ask for; resources and their like are in none.
        other => {
            let _ = write!(shape, "{}", plain(other));
        }
    }
}

fn one(shape: &mut String, of: &str, ty: &Type) {
    shape.push_str(of);
    shape.push('<');
    write(shape, ty);
    shape.push('>');
}

fn either(shape: &mut String, result: &types::ResultType) {
    shape.push_str("result<");
    for side in [result.ok(), result.err()] {
        match side {
            Some(ty) => list(shape, &ty),
            None if shape.ends_with('<') => shape.push('_'),
            None => shape.push_str(", _"),
        }
    }
    shape.push('>');
}

fn plain(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::Flags(_) => "flags",
        Type::Own(_) | Type::Borrow(_) => "resource",
        Type::Future(_) | Type::Stream(_) => "stream",
        _ => "another type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &str, wanted: &str, expected: &str) {
        assert_eq!(difference(found, wanted), expected);
    }

    #[test]
    fn a_difference_begins_where_it_is() {
        check(
            "func(record{a: string}) -> list<u8>",
            "func(record{a: string}) -> result<u8, string>",
            "the type of its `handle` has `list<u8>`, where the contract has `result<u8, string>`",
        );
        check("func() -> u32", "func(u8) -> u32", "the type of its `handle` has `) -> u32`, where the contract has `u8) -> u32`");
        let long = format!("func({}\n) -> u8", "é".repeat(100));
        assert!(difference(&long, "func()").contains("é…`, where the contract has `)`"));
    }
}
