//! A decimal of at most 38 digits, as DynamoDB keeps them, to be compared and looked up.
//!
//! Invariant: one value for each number, however it was written (`100`, `1E+2` and `100.00` are one), and their order is that of the numbers. No
//! allocation, no rounding: a text with more digits than DynamoDB keeps is no number here.

/// What DynamoDB keeps of a number.
pub(crate) const DIGITS_MAX: u32 = 38;
/// Far more than DynamoDB's -130 to 125: what is beyond is no number.
const EXPONENT_MAX: i32 = 10_000;

/// The fields compare in this order; of a negative number the exponent and the digits are negative, so that the order is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number {
    sign: i8,
    /// The power of ten of the first digit.
    exponent: i32,
    /// The digits, filled up to 38 with zeros.
    digits: i128,
}

impl Number {
    const ZERO: Self = Self { sign: 0, exponent: 0, digits: 0 };
    /// Below all numbers, and above.
    pub(crate) const BELOW_ALL: Self = Self { sign: -2, exponent: 0, digits: 0 };
    pub(crate) const ABOVE_ALL: Self = Self { sign: 2, exponent: 0, digits: 0 };

    /// None: it is no number, or one of more than 38 digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, unsigned) = match bytes.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, bytes),
        };
        let mut read = Digits::default();
        let len = unsigned.iter().take_while(|byte| read.take(**byte)).count();
        let scale = exponent(&unsigned[len..])?;
        read.number(negative, scale)
    }
}

/// The digits in front of an exponent, as they are read.
#[derive(Default)]
struct Digits {
    value: i128,
    /// In `value`, without zeros in front.
    count: u32,
    /// Zeros that count only if another digit follows.
    zeros: u32,
    /// Places behind the point, zeros included.
    places: i32,
    any: bool,
    point: bool,
    too_many: bool,
}

impl Digits {
    fn take(&mut self, byte: u8) -> bool {
        match byte {
            b'.' if !self.point => {
                self.point = true;
                return true;
            }
            b'0'..=b'9' => {}
            _ => return false,
        }
        self.any = true;
        self.places = self.places.saturating_add(i32::from(self.point));
        if byte == b'0' {
            self.zeros += u32::from(self.count > 0);
            return true;
        }
        if self.count + self.zeros >= DIGITS_MAX {
            self.too_many = true;
            return true;
        }
        self.value = self.value * 10_i128.pow(self.zeros + 1) + i128::from(byte - b'0');
        self.count += self.zeros + 1;
        self.zeros = 0;
        true
    }

    fn number(self, negative: bool, scale: i32) -> Option<Number> {
        if !self.any || self.too_many {
            return None;
        }
        if self.count == 0 {
            return Some(Number::ZERO);
        }
        // The power of ten of the last digit in `value`, then of the first.
        let last = i64::from(scale) - i64::from(self.places) + i64::from(self.zeros);
        let exponent = i32::try_from(last + i64::from(self.count) - 1).ok().filter(|at| at.abs() <= EXPONENT_MAX)?;
        let digits = self.value * 10_i128.pow(DIGITS_MAX - self.count);
        let sign = if negative { -1 } else { 1 };
        Some(Number { sign, exponent: exponent * i32::from(sign), digits: digits * i128::from(sign) })
    }
}

/// Of what follows the digits: nothing, or `e` and a number.
fn exponent(rest: &[u8]) -> Option<i32> {
    let digits = match rest {
        [] => return Some(0),
        [b'e' | b'E', b'+', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => digits,
        [b'e' | b'E', digits @ ..] => digits,
        _ => return None,
    };
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use bigdecimal::BigDecimal;

    use super::*;

    #[test]
    fn one_value_for_each_number() {
        for same in [
            "0 -0 +0 0.000 0e5 00 0E-9999",
            "100 1E2 1e+2 100.00 0100 +100 1000e-1 0.0001e6 .1e3 100.",
            "-1.5 -15e-1 -0.15E1",
            "1E-130 0.1E-129",
            "99999999999999999999999999999999999999 9.9999999999999999999999999999999999999E37",
            "12345678901234567890123456789012345678000000 12345678901234567890123456789012345678E6",
        ] {
            let mut numbers = same.split(' ').map(|text| Number::parse(text).unwrap_or_else(|| panic!("{text}")));
            let first = numbers.next().unwrap();
            assert!(numbers.all(|number| number == first), "{same}");
        }
    }

    #[test]
    fn what_is_no_number_or_has_too_many_digits_is_none() {
        let digits_39 = "123456789012345678901234567890123456789";
        for text in
            ["", "-", ".", "e5", "1e", "1e+", "1e+-5", "1e--5", "--1", "1.2.3", "0x1", "NaN", "inf", "1 ", " 1", "1_0", "١", digits_39]
        {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        for text in ["1e10001", "1e-10001", "1e99999999999999999999"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    /// Against a library: random numbers, near to each other and far, in random spellings.
    #[test]
    fn the_order_is_that_of_the_numbers() {
        let mut random = fastrand::Rng::with_seed(38);
        let mut text = || {
            let digits: String = (0..random.usize(1..=18)).map(|_| *random.choice(&['0', '0', '1', '9', '5']).unwrap()).collect();
            let point = random.usize(0..=digits.len());
            let sign = *random.choice(&["", "-"]).unwrap();
            let scale = if random.bool() { format!("e{}", random.i32(-20..20)) } else { String::new() };
            format!("{sign}{}.{}{scale}", &digits[..point], &digits[point..])
        };
        for _ in 0..50_000 {
            let (left, right) = (text(), text());
            let order = BigDecimal::from_str(&left).unwrap().cmp(&BigDecimal::from_str(&right).unwrap());
            assert_eq!(Number::parse(&left).unwrap().cmp(&Number::parse(&right).unwrap()), order, "{left} and {right}");
        }
    }

    #[test]
    fn all_numbers_are_between_the_ends() {
        for text in ["-9.9E+125", "-1E-130", "0", "1E-130", "9.9E+125"] {
            let number = Number::parse(text).unwrap();
            assert!(Number::BELOW_ALL < number && number < Number::ABOVE_ALL);
        }
    }
}
