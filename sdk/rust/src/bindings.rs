//! What wit-bindgen makes of `wit/`: the types on the wire, the imports, and the macro that exports a handler.
//!
//! Knows nothing of the SDK. Off wasm32 the imports exist and panic; `host` does not call them there.

// A link to the workspace's `wit/`: a published crate holds the files themselves.
wit_bindgen::generate!({
    path: "wit",
    // What a plugin does not use of it, it does not import.
    world: "plugin-with-http",
    pub_export_macro: true,
    export_macro_name: "__export_plugin",
    default_bindings_module: "tripline_sdk::bindings",
    generate_all,
});
