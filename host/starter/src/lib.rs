//! What `tripline new` makes a project of: for each language a template, its SDK and the contract, all in the binary.
//!
//! Invariant: a project is whole: its SDK and the contract lie in it, and nothing in it names a file outside. What an SDK's manifest takes from
//! this workspace is written out.
//! Touches no file system: a project is paths and texts. A language is a row of `LANGUAGES`, a folder of `templates/`, and its SDK in build.rs.

mod manifest;

/// Every file that is embedded: its path from the workspace's root, and its text.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

const TEMPLATES: &str = "host/starter/templates";
/// Where a project has its SDK. Not `vendor`, which Go takes for its own.
const SDK: &str = "tripline-sdk";
const NAME_BYTES_MAX: usize = 64;
/// What no file system and no package manager wants to be called.
const RESERVED: [&str; 6] = ["tripline-sdk", "tripline-sdk-macros", "serde", "node-modules", "con", "nul"];

/// One way to write a plugin.
#[derive(Debug)]
pub struct Language {
    /// As `--lang` takes it, and the folder of its template.
    pub name: &'static str,
    /// What it may be called besides.
    pub aliases: &'static [&'static str],
    /// Where its SDK is in the workspace; its README stands there too.
    sdk: &'static str,
    /// Where the contract belongs, from the SDK's folder in the project.
    wit: &'static str,
    /// The file that is edited first.
    pub source: &'static str,
    /// How it is set up, built and tested: what the README says, a command a line.
    pub commands: &'static [&'static str],
}

pub static LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        aliases: &["rs"],
        sdk: "sdk/rust",
        wit: "wit",
        source: "src/lib.rs",
        commands: &["cargo test", "cargo build --release --target wasm32-wasip2 --target-dir target"],
    },
    Language {
        name: "typescript",
        aliases: &["ts", "javascript", "js"],
        sdk: "sdk/javascript",
        wit: "wit",
        source: "plugin.ts",
        commands: &["npm install", "npm test", "npm run build"],
    },
    Language {
        name: "python",
        aliases: &["py"],
        sdk: "sdk/python",
        wit: "tripline_sdk/wit",
        source: "plugin.py",
        commands: &[
            "python3 -m venv .venv",
            ".venv/bin/pip install -r requirements.txt",
            ".venv/bin/python -m unittest",
            ".venv/bin/python -m tripline_sdk build plugin.py",
        ],
    },
    Language {
        name: "go",
        aliases: &["golang"],
        sdk: "sdk/go",
        wit: "wit",
        source: "main.go",
        commands: &[
            "GOWORK=off go test ./...",
            "GOWORK=off go run github.com/tripline/tripline/sdk/go/cmd/tripline-go build -o plugin.wasm",
        ],
    },
];

#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error(
        "`{0}` cannot name a project: use 1 to {NAME_BYTES_MAX} small letters, digits and hyphens, beginning with a letter, as in `order-counter`"
    )]
    Name(String),
    #[error("`{0}` is the name of something else in the project: choose another, as `{0}-trigger`")]
    Reserved(String),
    /// A fault of this build, which its tests find.
    #[error("{path} cannot be written out: {reason}")]
    Manifest { path: &'static str, reason: String },
}

/// By its name or an alias.
pub fn language(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.name == name || language.aliases.contains(&name))
}

/// As triggers, crates, packages and folders may all be called.
pub fn check_name(name: &str) -> Result<(), ProjectError> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || name.len() > NAME_BYTES_MAX || !name.bytes().all(legal) || name.ends_with('-') || name.contains("--") {
        return Err(ProjectError::Name(name.to_owned()));
    }
    if RESERVED.contains(&name) {
        return Err(ProjectError::Reserved(name.to_owned()));
    }
    Ok(())
}

/// The files of a new project: path from its folder, and text.
pub fn project(language: &Language, name: &str) -> Result<Vec<(String, String)>, ProjectError> {
    check_name(name)?;
    // A lock file that had two packages of one name would be another.
    if manifest::locks(file(&format!("{TEMPLATES}/{}/Cargo.lock", language.name)), name) {
        return Err(ProjectError::Reserved(name.to_owned()));
    }
    let mut files = Vec::new();
    for folder in ["common", language.name] {
        let template = below(&format!("{TEMPLATES}/{folder}"));
        files.extend(template.map(|(path, text)| {
            let (path, text) = (placed(path), filled(text, name));
            if path == "Cargo.lock" { (path, manifest::sorted_lock(&text)) } else { (path, text) }
        }));
    }
    for (path, text) in below(language.sdk) {
        let text = if path.ends_with("Cargo.toml") { manifest(path, text)? } else { text.to_owned() };
        files.push((format!("{SDK}/{}", path.strip_prefix(language.sdk).unwrap_or(path).trim_start_matches('/')), text));
    }
    for (path, text) in below("wit") {
        files.push((format!("{SDK}/{}/{}", language.wit, path.trim_start_matches("wit/")), text.to_owned()));
    }
    files.push((format!("{SDK}/LICENSE"), file("LICENSE").to_owned()));
    files.sort();
    Ok(files)
}

fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let folder = format!("{folder}/");
    FILES.iter().copied().filter(move |(path, _)| path.starts_with(&folder))
}

fn file(path: &str) -> &'static str {
    FILES.iter().find(|(found, _)| *found == path).map_or("", |(_, text)| text)
}

/// Where a template's file belongs: `TEMPLATES/LANGUAGE/PATH` is PATH. A name that would mean something in this repository has `dot-` before it.
fn placed(path: &str) -> String {
    let path = path.trim_start_matches(TEMPLATES).trim_start_matches('/');
    let path = path.split_once('/').map_or(path, |(_, path)| path);
    path.replace("dot-", ".")
}

fn filled(text: &str, name: &str) -> String {
    text.replace("{{name}}", name)
        .replace("{{toolchain}}", &manifest::toolchain(file("rust-toolchain.toml")))
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
}

fn manifest(path: &'static str, text: &str) -> Result<String, ProjectError> {
    manifest::alone(text, file("Cargo.toml")).map_err(|reason| ProjectError::Manifest { path, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(language: &str) -> Vec<(String, String)> {
        project(super::language(language).unwrap(), "order-counter").unwrap()
    }

    #[test]
    fn a_project_has_all_that_it_names() {
        for language in LANGUAGES {
            let files = made(language.name);
            let has = |path: &str| files.iter().any(|(found, _)| found == path);
            let wit = format!("{SDK}/{}/world.wit", language.wit);
            for path in [
                "tripline.toml",
                "events.jsonl",
                "README.md",
                ".gitignore",
                language.source,
                &wit,
                "tripline-sdk/README.md",
                "tripline-sdk/LICENSE",
            ] {
                assert!(has(path), "{} has no {path}", language.name);
            }
            let readme = &files.iter().find(|(path, _)| path == "README.md").unwrap().1;
            for command in language.commands {
                assert!(readme.contains(command), "the README of {} does not say `{command}`", language.name);
            }
            let mut paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
            paths.dedup();
            assert_eq!(paths.len(), files.len(), "a path twice");
        }
    }

    #[test]
    fn nothing_of_the_workspace_is_left_in_a_project() {
        for language in LANGUAGES {
            for (path, text) in made(language.name) {
                assert!(!path.contains("dot-") && !path.starts_with('/') && !path.contains(".."), "{path}");
                assert!(!text.contains("{{name}}") && !text.contains("{{toolchain}}"), "{path} has a gap that was not filled");
                if path.ends_with("Cargo.toml") {
                    assert!(!text.contains("workspace = true"), "{path}:\n{text}");
                }
            }
        }
    }

    /// All of it is carried by every binary.
    #[test]
    fn it_is_small() {
        let bytes: usize = FILES.iter().map(|(path, text)| path.len() + text.len()).sum();
        assert!(bytes < 1_200_000, "{bytes} bytes");
    }

    /// A project builds with the very tools that this repository is tested with.
    #[test]
    fn what_a_project_pins_is_what_is_tested() {
        let template = |language: &str, path: &str| file(&format!("{TEMPLATES}/{language}/{path}"));
        let npm = include_str!("../../xtask/npm/package.json");
        let pinned = template("typescript", "package.json").split_once("devDependencies").unwrap().1;
        let tools: Vec<&str> = pinned
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with('"') && !line.contains("file:"))
            .collect();
        assert!(tools.len() >= 3, "{tools:?}");
        for tool in tools {
            assert!(npm.contains(tool.trim_end_matches(',')), "{tool} is not what host/xtask/npm/package.json has");
        }

        let builds = file("sdk/python/pyproject.toml")
            .lines()
            .find_map(|line| line.strip_prefix("build = [\"")?.strip_suffix("\"]"));
        let python = include_str!("../../xtask/requirements.txt");
        assert!(builds.is_some_and(|builds| python.lines().any(|line| line == builds)), "{builds:?}");

        let tested = include_str!("../../../Cargo.lock");
        let crates: Vec<&str> = template("rust", "Cargo.lock")
            .split("[[package]]\n")
            .filter(|entry| entry.contains("checksum = "))
            .collect();
        assert!(crates.len() >= 10, "{crates:?}");
        for entry in crates {
            let (pin, _) = entry.split_once("source = ").unwrap();
            assert!(tested.contains(pin), "not what Cargo.lock has:\n{pin}");
        }
    }

    #[track_caller]
    fn check_name_is(name: &str, legal: bool) {
        assert_eq!(check_name(name).is_ok(), legal, "{name}");
    }

    #[test]
    fn names_are_checked() {
        for name in ["a", "order-counter", "o2", &"a".repeat(64)] {
            check_name_is(name, true);
        }
        for name in ["", "Order", "2orders", "-a", "a-", "a--b", "a_b", "a b", "../a", "a/b", "ä", "serde", "tripline-sdk", &"a".repeat(65)]
        {
            check_name_is(name, false);
        }
    }

    #[test]
    fn what_a_project_depends_on_is_not_its_name() {
        let is_taken = |language: &str, name: &str| project(super::language(language).unwrap(), name).is_err();
        for name in ["quote", "syn", "memchr", "log"] {
            assert!(is_taken("rust", name) && !is_taken("python", name), "{name}");
        }
        assert!(!is_taken("rust", "anyhow-not") && !is_taken("rust", "name"));
    }

    /// A module of one of these names would be one of the standard library's, or a word of the tools'.
    #[test]
    fn a_go_module_is_no_package_of_gos() {
        for name in ["errors", "time", "std", "tool", "fmt", "cmd", "all"] {
            let files = project(super::language("go").unwrap(), name).unwrap();
            let (_, text) = files.iter().find(|(path, _)| path == "go.mod").unwrap();
            assert_eq!(text.lines().next(), Some(&*format!("module example.com/{name}")));
        }
    }

    #[test]
    fn languages_are_found_by_their_names() {
        let found: Vec<_> = ["rust", "ts", "typescript", "js", "python", "py", "cobol"]
            .map(|name| super::language(name).map(|language| language.name))
            .into();
        assert_eq!(found, [Some("rust"), Some("typescript"), Some("typescript"), Some("typescript"), Some("python"), Some("python"), None]);
    }
}
