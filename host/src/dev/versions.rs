//! Which version of each plugin serves, which was refused, and what the file of it holds.
//!
//! Always holds: it is the host's word that counts, whoever has put the file there: a build, a failed one, or a hand.
//! Decides; reads no file and prints nothing.

use std::collections::BTreeMap;

use tripline_core::name::PluginVersion;

/// What the host says of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reload {
    Serves {
        plugin: String,
        version: PluginVersion,
    },
    /// No version: there is none to read.
    Refused {
        plugin: String,
        version: Option<PluginVersion>,
        reason: String,
    },
}

/// A plugin's files, by how the host calls them; none: not there.
pub(super) type Held = BTreeMap<String, Option<PluginVersion>>;

/// How the files stand to what the host has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Each holds what serves.
    Serves,
    /// Each is decided, and one was refused.
    Refused,
    /// One is gone; the host says so when it stays away.
    Gone,
    /// The host has yet to say what it makes of one.
    Open,
}

#[derive(Debug, Default)]
pub(super) struct Versions(BTreeMap<String, Plugin>);

#[derive(Debug, Default)]
struct Plugin {
    serving: Option<PluginVersion>,
    refused: Option<Option<PluginVersion>>,
}

impl Versions {
    /// Whether it is news: one file serves several triggers, and each says so.
    pub(super) fn hear(&mut self, reload: &Reload) -> bool {
        match reload {
            Reload::Serves { plugin, version } => {
                let plugin = self.0.entry(plugin.clone()).or_default();
                plugin.refused = None;
                plugin.serving.replace(version.clone()).as_ref() != Some(version)
            }
            Reload::Refused { plugin, version, .. } => {
                self.0.entry(plugin.clone()).or_default().refused = Some(version.clone());
                true
            }
        }
    }

    pub(super) fn standing(&self, held: &Held) -> Standing {
        let of = |(name, version): (&String, &Option<PluginVersion>)| match (self.0.get(name), version) {
            (Some(plugin), Some(_)) if plugin.serving == *version => Standing::Serves,
            (Some(plugin), _) if plugin.refused.as_ref() == Some(version) => Standing::Refused,
            (_, None) => Standing::Gone,
            (_, Some(_)) => Standing::Open,
        };
        let all: Vec<Standing> = held.iter().map(of).collect();
        let worst = [Standing::Open, Standing::Gone, Standing::Refused].into_iter().find(|one| all.contains(one));
        worst.unwrap_or(Standing::Serves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `said`: the host's words, as `p=1` for one that serves and `p!1` for a refusal, with a `*` behind what is no news. `held`: as `p=1`.
    #[track_caller]
    fn check(said: &str, held: &str, expected: Standing) {
        let mut versions = Versions::default();
        let version = |text: &str| (text != "gone").then(|| PluginVersion::from(text));
        for word in said.split_whitespace() {
            let (word, news) = word.strip_suffix('*').map_or((word, true), |word| (word, false));
            let reload = match (word.split_once('='), word.split_once('!')) {
                (Some((plugin, serves)), _) => Reload::Serves { plugin: plugin.into(), version: serves.into() },
                (_, Some((plugin, refused))) => Reload::Refused { plugin: plugin.into(), version: version(refused), reason: String::new() },
                _ => panic!("{word}"),
            };
            assert_eq!(versions.hear(&reload), news, "{word} of {said}");
        }
        let held = held.split_whitespace().map(|word| word.split_once('=').unwrap());
        let held: Held = held.map(|(plugin, held)| (plugin.to_owned(), version(held))).collect();
        assert_eq!(versions.standing(&held), expected, "{said}");
    }

    #[test]
    fn what_a_file_holds_is_known_by_what_the_host_has_said() {
        check("p=1", "p=1", Standing::Serves);
        check("p=1 p=1*", "p=1", Standing::Serves);
        check("p=1", "p=2", Standing::Open);
        check("p=1 p!2", "p=2", Standing::Refused);
        // A probe that passed in the end.
        check("p=1 p!2 p=2", "p=2", Standing::Serves);
        // Whoever has put it there: a failed build, or a hand.
        check("p=1 p=2", "p=2", Standing::Serves);
        check("p=1 p!2", "p=1", Standing::Serves);
        check("p=1 p!2", "p=3", Standing::Open);
        check("p=1", "p=gone", Standing::Gone);
        check("p=1 p!gone", "p=gone", Standing::Refused);
        check("p=1 q=1 q!2", "p=1 q=2", Standing::Refused);
        check("p=1 q=1 q!2", "p=2 q=2", Standing::Open);
        check("", "p=1", Standing::Open);
        check("", "", Standing::Serves);
    }
}
