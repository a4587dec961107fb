//! Each test plays a table: a script of answers, and the steps that they must lead to.

use expect_test::{Expect, expect};

use super::*;
use crate::checkpoint::Checkpoint;
use crate::shard_graph::ShardDescription;

const TABLE: &str = "arn:aws:dynamodb:eu-west-1:1:table/orders/stream/";

fn arn(label: &str) -> StreamArn {
    format!("{TABLE}{label}").into()
}

fn info(label: &str, view: ViewType) -> StreamInfo {
    StreamInfo { arn: arn(label), view, table: "orders".into(), region: "eu-west-1".into() }
}

fn trigger(start: Start) -> Follows {
    Follows { start, view: ViewType::NewImage, on_gap: OnGap::Continue, pin: None, checkpoints: Vec::new() }
}

/// One that has a pin, and rows: `a` is finished, `a?` is not.
fn pinned(label: &str, over: bool, rows: &str) -> Follows {
    let row = |row: &str| {
        let finished = !row.ends_with('?');
        (arn(label), row.trim_end_matches('?').into(), Checkpoint { finished, ..Checkpoint::default() })
    };
    let pin = Pin { stream: arn(label), since: None, over, complete_until: None };
    Follows { pin: Some(pin), checkpoints: rows.split_whitespace().map(row).collect(), ..trigger(Start::TrimHorizon) }
}

struct Play {
    follower: Follower,
    now: Timestamp,
    lines: Vec<String>,
    /// A call that is under way.
    call: Option<Step>,
}

impl Play {
    /// Goes on until a call, or until it is clear that none will come; pins are durable at once.
    fn run(&mut self) -> Step {
        for _ in 0..100 {
            let step = self.follower.next(self.now);
            match &step {
                Step::Pin(repins) => {
                    for repin in repins {
                        let mut line = format!("pin {} {}", repin.trigger, repin.pin.stream.label());
                        line += &repin.pin.since.map(|since| format!(" since {since}")).unwrap_or_default();
                        line += if repin.pin.over { " over" } else { "" };
                        line += if repin.finished.is_empty() { "" } else { " finished:" };
                        repin.finished.iter().for_each(|shard| line += &format!(" {shard}"));
                        line += if repin.gap.is_some() { " gap" } else { "" };
                        self.lines.push(line);
                    }
                    self.follower.pinned(repins);
                }
                Step::Begin(begins) => {
                    for begin in begins {
                        let (new, lost) = (if begin.is_new { " new" } else { "" }, if begin.lost.is_some() { " lost" } else { "" });
                        self.lines
                            .push(format!("begin {} {}/{}{new}{lost}", begin.trigger, begin.stream.arn.label(), begin.shard));
                    }
                }
                Step::TooSmall { trigger, stream } => self.lines.push(format!("too small {trigger} {}", stream.arn.label())),
                Step::Stop { trigger, .. } => self.lines.push(format!("stop {trigger}")),
                Step::WaitUntil(time) => self.now = *time,
                _ => return step,
            }
        }
        Step::Busy
    }
}

/// `script`: answers to the calls as they come. `[1 2]`: streams; `i`: the stream that is asked for is there, `i-keys` with keys alone, `gone`: it is not;
/// `=a,a>b`: shards; `!`: a failure. Between them `-0 1/a`: trigger 0 has finished shard a of stream 1.
#[track_caller]
fn check(triggers: Vec<Follows>, script: &str, expected: Expect) {
    let follower = Follower::new(&arn("0"), triggers, Pace::default(), 1);
    let mut play = Play { follower, now: Timestamp::from_ms(1_000_000_000_000), lines: Vec::new(), call: None };
    for word in script.split("; ") {
        let step = play.call.take().unwrap_or_else(|| play.run());
        if let Some(finish) = word.strip_prefix('-') {
            play.call = Some(step);
            let (trigger, place) = finish.split_once(' ').unwrap();
            let (stream, shard) = place.split_once('/').unwrap();
            let finished = Finished { stream: arn(stream), shard: shard.into(), trigger: trigger.parse().unwrap(), complete_until: None };
            play.follower.finished(play.now, &finished);
            continue;
        }
        answer(&mut play, step, word);
    }
    let last = play.call.take().unwrap_or_else(|| play.run());
    play.lines.push(show(&last));
    expected.assert_eq(&play.lines.join("\n"));
}

fn show(step: &Step) -> String {
    match step {
        Step::List => "list".into(),
        Step::Inspect { stream, latest } => format!("inspect {}{}", stream.label(), if *latest { " latest" } else { "" }),
        Step::Describe(stream) => format!("describe {}", stream.label()),
        other => format!("{other:?}"),
    }
}

fn answer(play: &mut Play, step: Step, word: &str) {
    play.lines.push(format!("{}: {word}", show(&step)));
    let (now, error) = (play.now, ReadError::Unavailable("told so".into()));
    match step {
        Step::List if word == "!" => play.follower.listed(now, now, Err(&FindError::Read(error))),
        Step::List => {
            let labels = word.trim_matches(['[', ']']).split_whitespace();
            play.follower.listed(now, now, Ok(labels.map(arn).collect()));
        }
        Step::Inspect { stream, .. } => {
            let view = if word == "i-keys" { ViewType::KeysOnly } else { ViewType::NewAndOldImages };
            let found = match word {
                "gone" => Ok(None),
                "!" => Err(&error),
                _ => Ok(Some(info(stream.label(), view))),
            };
            play.follower.inspected(now, now, &stream, found);
        }
        Step::Describe(stream) => {
            let shard = |edge: &str| {
                let (parent, id) = edge.split_once('>').map_or((None, edge), |(parent, id)| (Some(parent.into()), id));
                ShardDescription { id: id.into(), parent }
            };
            let gone = ReadError::Gone("told so".into());
            let found = match word {
                "gone" => Err(&gone),
                "!" => Err(&error),
                _ => Ok(word.trim_start_matches('=').split(',').filter(|edge| !edge.is_empty()).map(shard).collect()),
            };
            play.follower.described(now, now, &stream, found);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_start_is_pinned_before_anything_is_read() {
    check(
        vec![trigger(Start::TrimHorizon), trigger(Start::TrimHorizon)],
        "[1 2]; i; =a,a>b; -0 2/a; =a,a>b",
        expect![[r#"
            list: [1 2]
            pin 0 2
            pin 1 2
            inspect 2 latest: i
            describe 2: =a,a>b
            describe 2: =a,a>b
            begin 0 2/b new
            describe 2"#]],
    );
}

#[test]
fn latest_is_pinned_with_what_is_closed_already_and_a_time_with_the_oldest_stream() {
    check(
        vec![trigger(Start::Latest), trigger(Start::At(Timestamp::from_ms(5)))],
        "[1 2]; i; =a,a>b; i; =z",
        expect![[r#"
            list: [1 2]
            pin 1 1 since 5 ms
            inspect 1: i
            describe 1: =a,a>b
            inspect 2 latest: i
            describe 2: =z
            pin 0 2 since 1000000000000 ms
            begin 0 2/z new
            describe 1"#]],
    );
}

#[test]
fn latest_passes_over_what_closed_long_before() {
    check(
        vec![trigger(Start::Latest)],
        "[1]; i; =a,a>b,b>c,c>d,d>e",
        expect![[r#"
        list: [1]
        inspect 1 latest: i
        describe 1: =a,a>b,b>c,c>d,d>e
        pin 0 1 since 1000000000000 ms finished: a b
        begin 0 1/c new
        describe 1"#]],
    );
}

#[test]
fn an_end_asks_for_children_ever_less_often_and_failures_do_no_harm() {
    check(
        vec![trigger(Start::TrimHorizon)],
        "!; [1]; !; i; !; =a; -0 1/a; =a; =a,a>b",
        expect![[r#"
        list: !
        list: [1]
        pin 0 1
        inspect 1 latest: !
        inspect 1 latest: i
        describe 1: !
        describe 1: =a
        begin 0 1/a new
        describe 1: =a
        describe 1: =a,a>b
        begin 0 1/b new
        describe 1"#]],
    );
}

#[test]
fn a_stream_that_is_over_leads_to_the_next_and_no_trigger_waits_for_another() {
    check(
        vec![pinned("1", false, "a?"), pinned("1", false, "a?")],
        "[1]; i; =a; -0 1/a; =a; =a; =a; =a; =a; [1 2]; i; =x",
        expect![[r#"
            list: [1]
            inspect 1 latest: i
            begin 0 1/a
            begin 1 1/a
            describe 1: =a
            describe 1: =a
            describe 1: =a
            describe 1: =a
            describe 1: =a
            describe 1: =a
            pin 0 1 over
            list: [1 2]
            inspect 2 latest: i
            pin 0 2
            describe 2: =x
            begin 0 2/x new
            describe 1"#]],
    );
}

#[test]
fn every_stream_in_between_is_read() {
    check(
        vec![pinned("1", true, "a")],
        "[1 2 3]; i; =x; -0 2/x; =x; =x; =x; =x; =x; i; =y",
        expect![[r#"
            list: [1 2 3]
            inspect 2: i
            pin 0 2
            describe 2: =x
            begin 0 2/x new
            describe 2: =x
            describe 2: =x
            describe 2: =x
            describe 2: =x
            describe 2: =x
            pin 0 2 over
            inspect 3 latest: i
            pin 0 3
            describe 3: =y
            begin 0 3/y new
            describe 3"#]],
    );
}

#[test]
fn a_lost_stream_is_told_and_left() {
    check(
        vec![pinned("1", false, "a b?")],
        "[2]; gone; gone; gone; gone; -0 1/b; i; =x",
        expect![[r#"
            list: [2]
            inspect 1: gone
            inspect 1: gone
            inspect 1: gone
            inspect 1: gone
            begin 0 1/b lost
            inspect 2 latest: i
            pin 0 2 gap
            describe 2: =x
            begin 0 2/x new
            describe 2"#]],
    );
    check(
        vec![pinned("1", false, "a")],
        "[2]; gone; gone; gone; gone; i; =x",
        expect![[r#"
        list: [2]
        inspect 1: gone
        inspect 1: gone
        inspect 1: gone
        inspect 1: gone
        inspect 2 latest: i
        pin 0 2 gap
        describe 2: =x
        begin 0 2/x new
        describe 2"#]],
    );
    check(
        vec![pinned("1", true, "a")],
        "[2]; i; =x",
        expect![[r#"
        list: [2]
        inspect 2 latest: i
        pin 0 2
        describe 2: =x
        begin 0 2/x new
        describe 2"#]],
    );
    check(
        vec![Follows { on_gap: OnGap::Stop, ..pinned("1", false, "a") }],
        "[2]; gone; gone; gone; gone; i",
        expect![[r#"
        list: [2]
        inspect 1: gone
        inspect 1: gone
        inspect 1: gone
        inspect 1: gone
        inspect 2 latest: i
        stop 0
        Busy"#]],
    );
}

#[test]
fn a_latest_stream_that_holds_too_little_is_refused_once_and_an_older_one_is_read_as_it_is() {
    check(
        vec![pinned("1", true, "a")],
        "[1 2 3]; i-keys",
        expect![[r#"
        list: [1 2 3]
        inspect 2: i-keys
        pin 0 2
        describe 2"#]],
    );
    check(
        vec![pinned("1", true, "a")],
        "[1 2]; i-keys",
        expect![[r#"
        list: [1 2]
        inspect 2 latest: i-keys
        too small 0 2
        Busy"#]],
    );
}
