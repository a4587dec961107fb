//! The attribute `#[tripline_sdk::handler]`: makes one function a plugin.
//!
//! Invariant: the author's function is left as it is, so that a test calls it like any other; what is exported to the host
//! exists on wasm32 only. What this crate cannot see (what a type's name stands for), the compiler checks through the traits
//! of `tripline_sdk::__private`, whose messages are written for it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, ExprPath, FnArg, ItemFn, ReturnType, Type};

/// Documented at `tripline_sdk::handler`.
#[proc_macro_attribute]
pub fn handler(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).into()
}

/// The function comes out whole even where the attribute is wrong: one mistake, one message.
fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let export = Arguments::parse(arguments).and_then(|arguments| {
        let function: ItemFn = syn::parse2(item.clone()).map_err(|error| Error::new(error.span(), "`#[handler]` stands on a function"))?;
        check_signature(&function, &arguments)?;
        Ok(export(&function, &arguments))
    });
    let export = export.unwrap_or_else(Error::into_compile_error);
    quote! { #item #export }
}

#[derive(Default)]
struct Arguments {
    batch: bool,
    probe: Option<ExprPath>,
}

impl Arguments {
    fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut arguments = Self::default();
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("batch") {
                arguments.batch = true;
                Ok(())
            } else if meta.path.is_ident("probe") {
                arguments.probe = Some(meta.value()?.parse()?);
                Ok(())
            } else {
                Err(meta.error("`#[handler]` knows `batch` and `probe = path::to::function`"))
            }
        });
        parser.parse2(tokens)?;
        Ok(arguments)
    }
}

fn check_signature(function: &ItemFn, arguments: &Arguments) -> syn::Result<()> {
    let signature = &function.sig;
    let wanted = if arguments.batch {
        "fn on_batch(batch: Batch) -> Result<Failures, Failure>"
    } else {
        "fn on_change(change: Change) -> Result<(), Failure>"
    };
    let fail = |span: Span, what: &str| Err(Error::new(span, format!("{what}: a handler is `{wanted}`")));
    if let Some(token) = &signature.asyncness {
        return fail(token.span(), "a handler is not async; what it calls in the host waits by itself");
    }
    if let Some(parameter) = signature.generics.type_params().next() {
        return fail(parameter.span(), "the host cannot choose a type parameter");
    }
    if matches!(signature.output, ReturnType::Default) {
        return fail(signature.ident.span(), "a handler returns a Result");
    }
    match signature.inputs.iter().collect::<Vec<_>>()[..] {
        [FnArg::Typed(argument)] => check_argument(&argument.ty, arguments),
        [FnArg::Receiver(receiver)] => fail(receiver.span(), "a handler is a free function, not a method"),
        _ => fail(signature.inputs.span(), "a handler takes one argument"),
    }
}

/// The two forms mixed up is the likely mistake, and the one whose message from the compiler helps least.
fn check_argument(ty: &Type, arguments: &Arguments) -> syn::Result<()> {
    let inner = match ty {
        Type::Reference(reference) => &reference.elem,
        other => other,
    };
    let Type::Path(path) = inner else { return Ok(()) };
    let Some(last) = path.path.segments.last() else { return Ok(()) };
    match (last.ident.to_string().as_str(), arguments.batch) {
        ("Batch", false) => Err(Error::new(ty.span(), "to take whole batches, write `#[handler(batch)]`")),
        ("Change", true) => Err(Error::new(ty.span(), "`#[handler(batch)]` takes a `Batch`; for one change at a time write `#[handler]`")),
        _ => Ok(()),
    }
}

fn export(function: &ItemFn, arguments: &Arguments) -> TokenStream {
    let name = &function.sig.ident;
    let run = if arguments.batch { quote!(run_batch) } else { quote!(run_changes) };
    let probe = match &arguments.probe {
        Some(path) => quote!(#path),
        None => quote!(::tripline_sdk::__private::no_probe),
    };
    quote! {
        const _: () = {
            fn handle(batch: ::tripline_sdk::__private::WireBatch) -> ::tripline_sdk::__private::WireResult {
                ::tripline_sdk::__private::#run(batch, #name, #probe)
            }

            #[cfg(target_arch = "wasm32")]
            const _: () = {
                struct Plugin;

                impl ::tripline_sdk::__private::Guest for Plugin {
                    fn handle(batch: ::tripline_sdk::__private::WireBatch) -> ::tripline_sdk::__private::WireResult {
                        handle(batch)
                    }
                }

                ::tripline_sdk::bindings::__export_plugin!(Plugin with_types_in ::tripline_sdk::bindings);
            };

            // Elsewhere the handler is only checked: tests call it by its name.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(::tripline_sdk::__private::WireBatch) -> ::tripline_sdk::__private::WireResult = handle;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expands `#[handler(arguments)] item` and finds `expected` in the message of the error.
    #[track_caller]
    fn check_refused(arguments: &str, item: &str, expected: &str) {
        let expanded = expand(arguments.parse().unwrap(), item.parse().unwrap()).to_string();
        assert!(expanded.contains("compile_error"), "accepted: {expanded}");
        assert!(expanded.contains(expected), "{expanded}");
    }

    #[test]
    fn refuses_wrong_use_and_says_what_is_right() {
        let good = "fn f(change: Change) -> Result<(), Failure> { Ok(()) }";
        check_refused("bath", good, "knows `batch` and `probe");
        check_refused("probe = 3", good, "expected");
        check_refused("", "struct S;", "stands on a function");
        check_refused("", "async fn f(change: Change) -> Result<(), Failure> { Ok(()) }", "not async");
        check_refused("", "fn f<T>(change: T) -> Result<(), Failure> { Ok(()) }", "type parameter");
        check_refused("", "fn f(change: Change) {}", "returns a Result");
        check_refused("", "fn f() -> Result<(), Failure> { Ok(()) }", "takes one argument: a handler is `fn on_change");
        check_refused("batch", "fn f(a: Batch, b: u8) -> R { x }", "a handler is `fn on_batch");
        check_refused("", "fn f(&self) -> Result<(), Failure> { Ok(()) }", "free function");
        check_refused("", "fn f(b: &tripline_sdk::Batch) -> R { x }", "write `#[handler(batch)]`");
        check_refused("batch", "fn f(c: Change) -> R { x }", "takes a `Batch`");
    }

    #[test]
    fn leaves_the_function_as_it_is_and_exports_on_wasm_only() {
        let item = "fn f (c : & Change) -> Result < () , Failure > { Ok (()) }";
        let expanded = expand("probe = checks::all".parse().unwrap(), item.parse().unwrap()).to_string();
        assert!(expanded.starts_with(&item.parse::<TokenStream>().unwrap().to_string()), "{expanded}");
        assert!(expanded.contains("run_changes (batch , f , checks :: all)"), "{expanded}");
        let export = expanded.find("__export_plugin").unwrap();
        assert!(expanded.find("# [cfg (target_arch = \"wasm32\")]").unwrap() < export, "{expanded}");
    }
}
