//! Sequence numbers: which texts are some, and that they compare as the numbers that they are, by whatever way they are compared.

#![no_main]

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};

use libfuzzer_sys::fuzz_target;
use tripline_core::sequence::SequenceNumber;

const DIGITS_MAX: usize = 128;

fuzz_target!(|text: &str| {
    let numbers: Vec<(String, SequenceNumber)> = text.split(' ').take(3).filter_map(parsed).collect();
    let state = RandomState::new();
    for (a_padded, a) in &numbers {
        for (b_padded, b) in &numbers {
            let expected = a_padded.cmp(b_padded);
            assert_eq!(a.cmp(b), expected, "{a} {b}");
            assert_eq!(b.cmp(a), expected.reverse(), "{a} {b}");
            assert_eq!(a == b, expected == Ordering::Equal, "{a} {b}");
            if a == b {
                assert_eq!(state.hash_one(a), state.hash_one(b), "{a} {b}");
            }
        }
    }
});

/// With the number padded to one width, as which texts compare as numbers do.
fn parsed(text: &str) -> Option<(String, SequenceNumber)> {
    let is_number = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match SequenceNumber::parse(text) {
        Ok(number) => {
            assert!(is_number, "{text:?} was taken");
            assert_eq!((number.as_str(), number.to_string().as_str()), (text, text), "kept letter for letter");
            Some((format!("{text:0>DIGITS_MAX$}"), number))
        }
        Err(error) => {
            assert!(!is_number, "{error}");
            None
        }
    }
}
