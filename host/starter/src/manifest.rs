//! A crate's manifest without its workspace: what it inherits is written out.
//!
//! Invariant: what cannot be written out is an error, never left as it was. Lints are the workspace's own matter, and go.

use toml::{Table, Value};

/// `text` is the manifest of a crate of the workspace whose manifest is `workspace`. Crates of the workspace that it depends on must lie below it.
pub(crate) fn alone(text: &str, workspace: &str) -> Result<String, String> {
    let parse = |text: &str| text.parse::<Table>().map_err(|error| error.to_string());
    let (mut manifest, workspace) = (parse(text)?, parse(workspace)?);
    let inherited = workspace.get("workspace").and_then(Value::as_table).ok_or("the workspace has no [workspace]")?;
    manifest.remove("lints");
    if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
        write_out(package, inherited.get("package"), |_, value| Ok(value.clone()))?;
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        if let Some(dependencies) = manifest.get_mut(kind).and_then(Value::as_table_mut) {
            write_out(dependencies, inherited.get("dependencies"), dependency)?;
        }
    }
    toml::to_string(&manifest).map_err(|error| error.to_string())
}

fn write_out(table: &mut Table, inherited: Option<&Value>, written: impl Fn(&str, &Value) -> Result<Value, String>) -> Result<(), String> {
    for (key, value) in table.iter_mut() {
        let inherits = value.as_table().is_some_and(|table| table.get("workspace").and_then(Value::as_bool) == Some(true));
        if inherits {
            if value.as_table().is_some_and(|table| table.len() > 1) {
                return Err(format!("`{key}` inherits and says more: that is not known here"));
            }
            let from = inherited
                .and_then(|inherited| inherited.get(key))
                .ok_or_else(|| format!("the workspace has no `{key}`"))?;
            *value = written(key, from)?;
        }
    }
    Ok(())
}

/// A crate of the workspace lies where it lay, seen from the one that depends on it: `sdk/rust/macros` is `macros` of `sdk/rust`.
fn dependency(name: &str, inherited: &Value) -> Result<Value, String> {
    let mut inherited = inherited.clone();
    if let Some(path) = inherited.get_mut("path") {
        let folder = path
            .as_str()
            .and_then(|path| path.rsplit('/').next())
            .ok_or_else(|| format!("`{name}` has no path"))?;
        *path = Value::String(folder.to_owned());
    }
    Ok(inherited)
}

/// Cargo's lock file with its packages in the order of their names, as cargo writes it: one of them has got its name only now.
pub(crate) fn sorted_lock(text: &str) -> String {
    const PACKAGE: &str = "[[package]]\n";
    let mut parts = text.split(PACKAGE);
    let head = parts.next().unwrap_or_default();
    let mut packages: Vec<&str> = parts.map(str::trim_end).collect();
    // Each begins with the line of its name.
    packages.sort_by_key(|package| package.lines().take(2).collect::<Vec<_>>());
    format!("{head}{}\n", packages.iter().map(|package| format!("{PACKAGE}{package}")).collect::<Vec<_>>().join("\n\n"))
}

/// Whether a lock file has a package of that name.
pub(crate) fn locks(text: &str, name: &str) -> bool {
    let line = format!("name = {name:?}");
    text.lines().any(|of| of == line)
}

/// The channel that the workspace is built with.
pub(crate) fn toolchain(text: &str) -> String {
    let table = text.parse::<Table>().unwrap_or_default();
    let channel = table.get("toolchain").and_then(|toolchain| toolchain.get("channel")).and_then(Value::as_str);
    channel.unwrap_or("stable").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace]\nmembers = ['a']\n[workspace.package]\nversion = '1.2.3'\n[workspace.dependencies]\n\
                             serde = { version = '1', features = ['derive'] }\nmine-macros = { path = 'sdk/mine/macros' }\nbase64 = '0.23'";

    #[track_caller]
    fn check(manifest: &str, expected: Result<&str, &str>) {
        assert_eq!(alone(manifest, WORKSPACE).as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn what_is_inherited_is_written_out() {
        check(
            "[package]\nname = 'x'\nversion.workspace = true\n[dependencies]\nserde = { workspace = true }\nmine-macros.workspace = true\n\
             base64 = { workspace = true }\n[lints]\nworkspace = true",
            Ok("[dependencies]\nbase64 = \"0.23\"\n\n[dependencies.mine-macros]\npath = \"macros\"\n\n[dependencies.serde]\n\
                features = [\"derive\"]\nversion = \"1\"\n\n[package]\nname = \"x\"\nversion = \"1.2.3\"\n"),
        );
    }

    #[test]
    fn what_cannot_be_written_out_is_an_error() {
        check("[package]\nedition.workspace = true", Err("the workspace has no `edition`"));
        check(
            "[dependencies]\nserde = { workspace = true, features = ['rc'] }",
            Err("`serde` inherits and says more: that is not known here"),
        );
    }

    #[test]
    fn packages_are_sorted() {
        let package = |name: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\n");
        let (a, b, c) = (package("a"), package("b"), package("c"));
        assert_eq!(sorted_lock(&format!("# made\n\n{a}\n{c}\n{b}")), format!("# made\n\n{a}\n{b}\n{c}"));
    }

    #[test]
    fn the_channel_is_read() {
        assert_eq!(toolchain("[toolchain]\nchannel = '1.95.0'"), "1.95.0");
    }
}
