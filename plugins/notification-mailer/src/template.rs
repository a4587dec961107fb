//! The templates of a mail, compiled once for a batch and rendered for each change.
//!
//! Invariant: what a template names and the change lacks is an error, never an empty place; values are escaped in HTML; and a
//! rendered subject or address is one line. Knows nothing of who gets the mail.

use std::collections::BTreeSet;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Expression, UndefinedBehavior, escape_formatter};

use crate::settings::{Settings, Template};

/// What a template may name.
pub(crate) const SCOPE: [&str; 9] = ["new", "old", "keys", "event_name", "event_id", "created_ms", "table", "region", "trigger"];

/// A mail without its recipients.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) reply_to: Option<String>,
}

/// All templates, compiled. The error is every one that is faulty, with its line.
pub(crate) fn compile(settings: &Settings) -> Result<Environment<'_>, Vec<String>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Errors name the variable that is missing.
    environment.set_debug(true);
    environment.set_auto_escape_callback(|name| match name {
        "html" | "template" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment.set_formatter(|out, state, value| match value.is_none() {
        true => Err(Error::new(ErrorKind::InvalidOperation, "a NULL would be printed; give a fallback, such as `| default(\"-\", true)`")),
        false => escape_formatter(out, state, value),
    });
    let mut faults = Vec::new();
    for Template { name, source } in settings.templates() {
        if let Err(error) = environment.add_template(name, source) {
            faults.push(describe(name, &error));
        }
    }
    if faults.is_empty() { Ok(environment) } else { Err(faults) }
}

/// The compiled templates of one trigger.
#[derive(Debug)]
pub(crate) struct Templates<'e, 's> {
    settings: &'s Settings,
    environment: &'e Environment<'s>,
    when: Option<Expression<'e, 's>>,
}

impl<'e, 's> Templates<'e, 's> {
    pub(crate) fn new(settings: &'s Settings, environment: &'e Environment<'s>) -> Result<Self, String> {
        let when = settings.when.as_deref().map(|source| environment.compile_expression(source));
        let when = when.transpose().map_err(|error| describe("when", &error))?;
        Ok(Self { settings, environment, when })
    }

    /// What each template reads of [`SCOPE`], by the name of its setting. The error is a name that none of them can have.
    pub(crate) fn reads(&self) -> Result<Vec<(&'static str, BTreeSet<String>)>, String> {
        let mut reads = Vec::new();
        for Template { name, source } in self.settings.templates() {
            let template = self.environment.get_template(name).map_err(|error| describe(name, &error))?;
            reads.push((*name, source, template.undeclared_variables(false)));
        }
        if let (Some(when), Some(source)) = (&self.when, &self.settings.when) {
            reads.push(("when", source, when.undeclared_variables(false)));
        }
        let mut faults = Vec::new();
        for (name, source, variables) in &reads {
            // The engine loses sight of names that are set inside a block: where a template sets some, none is judged.
            if ["set", "import", "macro"].iter().any(|word| source.contains(word)) {
                continue;
            }
            for unknown in variables.iter().filter(|variable| !self.knows(variable)) {
                faults.push(format!(
                    "setting `{name}`: `{unknown}` is unknown; an attribute is written `new.{unknown}`, and there are {}",
                    SCOPE.join(", ")
                ));
            }
        }
        faults.sort();
        match faults.is_empty() {
            true => Ok(reads.into_iter().map(|(name, _, variables)| (name, variables.into_iter().collect())).collect()),
            false => Err(faults.join("; ")),
        }
    }

    fn knows(&self, name: &str) -> bool {
        SCOPE.contains(&name) || self.environment.globals().any(|(global, _)| global == name)
    }

    /// Whether the setting `when`, if there is one, holds.
    pub(crate) fn wants(&self, scope: &Value) -> Result<bool, String> {
        let Some(when) = &self.when else { return Ok(true) };
        let value = when.eval(scope.clone()).map_err(|error| describe("when", &error))?;
        if value.is_undefined() {
            return Err("`when` is undefined: ask `… is defined and …` first".into());
        }
        Ok(value.is_true())
    }

    pub(crate) fn render(&self, scope: &Value) -> Result<Rendered, String> {
        let render = |template: &Option<Template>| template.as_ref().map(|template| self.render_one(template.name, scope)).transpose();
        let body = |template: &Option<Template>| match (template, render(template)?) {
            (Some(template), Some(text)) if text.trim().is_empty() => Err(format!("template `{}` renders to nothing", template.name)),
            (_, text) => Ok(text),
        };
        let (text, html) = (body(&self.settings.text)?, body(&self.settings.html)?);
        let subject = match render(&self.settings.subject)? {
            Some(subject) => one_line(&subject),
            None => html.as_deref().and_then(title).map(|title| one_line(&title)).unwrap_or_default(),
        };
        if subject.is_empty() {
            return Err("the subject is empty".into());
        }
        let reply_to = render(&self.settings.reply_to)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Rendered { subject, text, html, reply_to })
    }

    fn render_one(&self, name: &str, scope: &Value) -> Result<String, String> {
        let template = self.environment.get_template(name);
        template.and_then(|template| template.render(scope.clone())).map_err(|error| describe(name, &error))
    }
}

/// Which template, which line, what is wrong.
fn describe(name: &str, error: &Error) -> String {
    let mut text = match name {
        "when" => "expression `when`".to_owned(),
        _ => format!("template `{name}`"),
    };
    if let Some(line) = error.line() {
        text.push_str(&format!(", line {line}"));
    }
    text.push_str(&format!(": {}", error.kind()));
    if let Some(detail) = error.detail() {
        text.push_str(&format!(": {detail}"));
    }
    text
}

/// A header is one line: each run of white space and control characters becomes a space. No value can begin a header.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_whitespace() || c.is_control();
    text.split(breaks).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The text of the first `<title>` of rendered HTML.
fn title(html: &str) -> Option<String> {
    // ASCII only, so that positions stay those of `html`.
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(unescape(&html[start..end]))
}

/// Undoes HTML's escapes, those of the template engine among them.
fn unescape(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest.split_once(';').and_then(|(name, after)| Some((entity(&name[1..])?, after))) {
            Some((character, after)) => {
                text.push(character);
                rest = after;
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::value;

    const ITEM: &str = r#"{
        "name": {"S": "Ann <b>&\r\nBcc: x@y.z"}, "total": {"N": "12345678901234567890.123456789012345678"},
        "plan": {"S": "pro"}, "none": {"NULL": true}, "count": {"N": "3"}
    }"#;

    fn scope() -> Value {
        Value::from_pairs([("new", value::item(ITEM).unwrap()), ("old", Value::from(())), ("table", "users".into())])
    }

    fn settings(texts: &[(&'static str, &str)]) -> Settings {
        let mut texts: BTreeMap<_, _> = texts.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        texts.insert("to", "email".into());
        Settings::parse(texts).unwrap()
    }

    fn render(texts: &[(&'static str, &str)]) -> Result<Rendered, String> {
        let settings = settings(texts);
        let environment = compile(&settings).unwrap();
        Templates::new(&settings, &environment)?.render(&scope())
    }

    #[track_caller]
    fn check_text(template: &str, expected: &str) {
        assert_eq!(render(&[("subject", "s"), ("text", template)]).unwrap().text.unwrap(), expected);
    }

    #[track_caller]
    fn check_refused(texts: &[(&'static str, &str)], expected: &str) {
        let refusal = render(texts).unwrap_err();
        assert!(refusal.contains(expected), "{refusal}");
    }

    #[test]
    fn text_is_as_it_is_and_html_is_escaped() {
        check_text("{{ new.name }} in {{ table }}", "Ann <b>&\r\nBcc: x@y.z in users");
        let html = render(&[("subject", "s"), ("html", "<p>{{ new.name }}</p>")]).unwrap().html.unwrap();
        assert_eq!(html, "<p>Ann &lt;b&gt;&amp;\r\nBcc: x@y.z</p>");
        let html = render(&[("subject", "s"), ("template", "<p>{{ new.name }}</p>")]).unwrap().html.unwrap();
        assert!(html.contains("&lt;b&gt;"), "{html}");
    }

    #[test]
    fn numbers_are_exact_and_compare() {
        check_text("{{ new.total }}", "12345678901234567890.123456789012345678");
        check_text("{% if new.count > 2 %}{{ new.count * 2 }}{% endif %}", "6");
    }

    #[test]
    fn a_subject_is_one_line() {
        let subject = |template| render(&[("subject", template), ("text", "t")]).unwrap().subject;
        assert_eq!(subject("Hi {{ new.name }}\u{85}\t\u{2028}!"), "Hi Ann <b>& Bcc: x@y.z !");
        assert_eq!(subject("\n a\n\n b \n"), "a b");
    }

    #[test]
    fn without_a_subject_the_title_is_it() {
        let subject = |html| render(&[("html", html)]).unwrap().subject;
        assert_eq!(subject("<TITLE lang=en>\n Hi {{ new.name }} &amp; &#x41;&#10;&copy;</TITLE>"), "Hi Ann <b>& Bcc: x@y.z & A &copy;");
        check_refused(&[("html", "<title> </title><p>x</p>")], "the subject is empty");
        check_refused(&[("html", "<title>never closed")], "the subject is empty");
    }

    #[test]
    fn what_is_missing_fails_with_template_line_and_name() {
        check_refused(
            &[("subject", "s"), ("html", "<p>\n{{ new.nmae }}</p>")],
            "template `html`, line 2: undefined value: `new.nmae` is undefined",
        );
        check_refused(&[("subject", "{{ new.a.b }}"), ("text", "t")], "template `subject`, line 1: undefined value: `new.a` is undefined");
        check_refused(&[("subject", "s"), ("text", "{% if new.vip %}x{% endif %}")], "`new.vip` is undefined");
        check_refused(&[("subject", "s"), ("text", "{{ old.name }}")], "`old.name` is undefined");
        check_refused(&[("subject", "s"), ("text", "\n\n{{ new.none }}")], "line 3: invalid operation: a NULL would be printed");
        check_text(r#"{{ new.none | default("-", true) }}{{ new.nmae | default("?") }}"#, "-?");
    }

    #[test]
    fn an_empty_mail_fails() {
        check_refused(&[("subject", "s"), ("text", "\n{% if new.count > 5 %}x{% endif %} ")], "template `text` renders to nothing");
        check_refused(&[("subject", "{% if false %}x{% endif %}"), ("text", "t")], "the subject is empty");
    }

    #[test]
    fn faulty_templates_are_refused_all_at_once() {
        let settings = settings(&[("subject", "{{ new.a "), ("text", "\n{% if x %}"), ("template", "{{ x|nofilter }}")]);
        let faults = compile(&settings).unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("template `subject`, line 1: syntax error"), "{faults:?}");
        assert!(faults[1].contains("template `text`, line 2: syntax error"), "{faults:?}");
    }

    #[track_caller]
    fn check_when(when: &str, expected: Result<bool, &str>) {
        let settings = settings(&[("subject", "s"), ("text", "t"), ("when", when)]);
        let environment = compile(&settings).unwrap();
        let wants = Templates::new(&settings, &environment).and_then(|templates| templates.wants(&scope()));
        match (wants, expected) {
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (wants, expected) => assert_eq!(wants.as_ref().copied().map_err(|why| &**why), expected),
        }
    }

    #[test]
    fn when_decides() {
        check_when("new.plan == 'pro'", Ok(true));
        check_when("new.plan != 'pro' or not old", Ok(true));
        check_when("new.count > 3", Ok(false));
        check_when("new.none", Ok(false));
        check_when("new.vip is defined and new.vip", Ok(false));
        check_when("new.vip", Err("`when` is undefined"));
        check_when("new.vip.x == 1", Err("expression `when`, line 1: undefined value"));
        check_when("new.plan ==", Err("expression `when`, line 1: syntax error"));
    }

    #[track_caller]
    fn check_reads(texts: &[(&'static str, &str)], expected: Result<&str, &str>) {
        let settings = settings(texts);
        let environment = compile(&settings).unwrap();
        let reads = Templates::new(&settings, &environment).unwrap().reads();
        let reads = reads.map(|reads| {
            let all: BTreeSet<_> = reads
                .into_iter()
                .flat_map(|(name, reads)| reads.into_iter().map(move |read| format!("{name}:{read}")))
                .collect();
            all.into_iter().collect::<Vec<_>>().join(" ")
        });
        match (reads, expected) {
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (reads, expected) => assert_eq!(reads.as_deref().map_err(|why| &**why), expected),
        }
    }

    #[test]
    fn what_templates_read_is_known_before_they_run() {
        check_reads(
            &[("subject", "{{ keys.id }}"), ("text", "{{ new.a }}{% for i in range(3) %}{{ i }}{% endfor %}"), ("when", "old.x")],
            Ok("subject:keys text:new text:range when:old"),
        );
        check_reads(
            &[("subject", "s"), ("text", "{{ email }}")],
            Err("setting `text`: `email` is unknown; an attribute is written `new.email`"),
        );
        check_reads(&[("subject", "s"), ("text", "t"), ("when", "vip")], Err("setting `when`: `vip` is unknown"));
        check_reads(&[("subject", "s"), ("text", "{% if new.a %}{% set x = 1 %}{% endif %}{{ x }}")], Ok("text:new text:x"));
    }
}
