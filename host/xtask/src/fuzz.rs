//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage and runs them, one after the other.
//!
//! Always holds: what is found is kept in target/fuzz and ends the run with an exit status that is not zero. No nightly toolchain and no cargo-fuzz is
//! needed: LLVM's coverage is reached by stable options, and libFuzzer comes with a crate. There is no sanitizer: what is fuzzed has no `unsafe`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, program, root, run, target_dir};

/// Each target with its seeds, and the dictionary that mutations take words from.
const TARGETS: [(&str, &str, Option<&str>); 5] = [
    ("slice_page", "page", Some("page.dict")),
    ("sequence_number", "number", None),
    ("views", "page", Some("page.dict")),
    ("patterns", "pattern", Some("pattern.dict")),
    ("items", "page", Some("page.dict")),
];

const SECONDS_DEFAULT: u32 = 60;
const INPUT_BYTES_MAX: u32 = 4096;
/// A single input that takes longer is a finding.
const INPUT_SECONDS_MAX: u32 = 10;

/// As cargo-fuzz gives them, but for what needs nightly.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) fn fuzz(args: &[String]) -> Result<()> {
    let (wanted, seconds) = options(args)?;
    let folder = target_dir().join("fuzz");
    let host = host_triple()?;
    // For the target alone: build scripts and macros stay as they are.
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
    build
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", COVERAGE)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run("fuzz: build", &mut build)?;
    for (target, seeds, dictionary) in TARGETS.into_iter().filter(|(target, ..)| wanted.is_none_or(|wanted| wanted == *target)) {
        let [corpus, findings] = ["corpus", "findings"].map(|kind| folder.join(kind).join(target));
        for path in [&corpus, &findings] {
            fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let mut command = program(folder.join(&host).join("release").join(target));
        command.args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
        ]);
        command.args(["-print_final_stats=1", "-verbosity=0"]);
        command.arg(format!("-artifact_prefix={}/", findings.display()));
        if let Some(dictionary) = dictionary {
            command.arg(format!("-dict={}", root().join("fuzz").join(dictionary).display()));
        }
        command.arg(&corpus).arg(root().join("fuzz/seeds").join(seeds));
        run(&format!("fuzz: {target}"), &mut command).with_context(|| remedy(target, &findings))?;
    }
    Ok(())
}

fn remedy(target: &str, findings: &Path) -> String {
    format!("target `{target}` found something; the input is in {}: make it a row of a test in host/core, then mend", findings.display())
}

fn options(args: &[String]) -> Result<(Option<&str>, u32)> {
    let (mut target, mut seconds) = (None, SECONDS_DEFAULT);
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--seconds" => {
                let number = args.next().and_then(|number| number.parse().ok()).filter(|seconds| *seconds > 0);
                seconds = number.context("--seconds needs a whole number, at least 1")?;
            }
            name => match TARGETS.iter().find(|(target, ..)| *target == name) {
                Some((name, ..)) if target.is_none() => target = Some(*name),
                Some(_) => bail!("one target, or none for all of them"),
                None => bail!("there is no target `{name}`: it is one of {}", TARGETS.map(|(target, ..)| target).join(", ")),
            },
        }
    }
    Ok((target, seconds))
}

fn host_triple() -> Result<String> {
    let output = program("rustc").arg("-vV").output().context("rustc could not be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &str, expected: Result<(Option<&str>, u32), &str>) {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        match (options(&args), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{found}"),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_target_and_a_time() {
        check("", Ok((None, SECONDS_DEFAULT)));
        check("views", Ok((Some("views"), SECONDS_DEFAULT)));
        check("--seconds 5 slice_page", Ok((Some("slice_page"), 5)));
        check("slice", Err("no target `slice`: it is one of slice_page"));
        check("views views", Err("one target"));
        for args in ["--seconds", "--seconds 0", "--seconds -1", "--seconds x"] {
            check(args, Err("--seconds needs"));
        }
    }
}
