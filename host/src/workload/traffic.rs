//! People sign up; orders are placed, paid, shipped and deleted.
//!
//! Invariant: every write changes something, so that each is one change of a stream. The same seed writes the same changes; writes of one order are
//! made one after the other.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::tables::{Item, Tables, number, text};

/// Writes under way at once: enough to keep an embedded region busy.
const AT_ONCE: usize = 16;

const CITIES: [&str; 6] = ["Lisbon", "Kraków", "Oslo", "Łódź", "Graz", "Porto"];
const NAMES: [&str; 6] = ["Ada", "Blaise", "Chloé", "Dmitri", "Émilie", "Fátima"];
const PLANS: [&str; 3] = ["free", "pro", "team"];

#[derive(Debug)]
pub struct Traffic {
    random: fastrand::Rng,
    written: u64,
    users: u64,
    placed: u64,
    /// Orders that are there, with their place in `STATES`.
    open: Vec<(String, usize)>,
    /// One person or order of so many has a flaw; none: nobody.
    flawed_one_in: Option<u32>,
}

/// How a plugin that looks for it is to fail an order.
const FLAWS: [&str; 3] = ["reject", "retry", "trap"];
/// What a person who has a flaw did not give.
const LEFT_OUT: [&str; 2] = ["email", "name"];
const STATES: [&str; 4] = ["placed", "paid", "shipped", "delivered"];

#[derive(Debug)]
enum Write {
    User(Item),
    Order(Item),
    Advance { id: String, status: &'static str },
    Delete { id: String },
}

impl Traffic {
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), written: 0, users: 0, placed: 0, open: Vec::new(), flawed_one_in: None }
    }

    /// One person of `one_in` signs up without an address or a name, so that no mail can be made; one order of `one_in` says in its attribute
    /// `flaw` how it wants to be failed.
    pub fn with_flaws(self, one_in: u32) -> Self {
        Self { flawed_one_in: Some(one_in.max(1)), ..self }
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    /// One change.
    pub async fn step(&mut self, tables: &Tables) -> Result<()> {
        let write = self.next();
        make(tables, write).await
    }

    /// Up to so many changes in all, as fast as the region takes them; `progress` hears how many there are.
    pub async fn write(&mut self, tables: &Tables, changes: u64, mut progress: impl FnMut(u64)) -> Result<()> {
        while self.written < changes {
            let mut round: Vec<Write> = Vec::with_capacity(AT_ONCE);
            while round.len() < AT_ONCE && self.written < changes {
                let write = self.next();
                // Writes of a round run at once: no two of one order.
                let clash = round.iter().any(|other| other.order().is_some() && other.order() == write.order());
                if clash {
                    try_join_all(round.drain(..).map(|write| make(tables, write))).await?;
                }
                round.push(write);
            }
            try_join_all(round.into_iter().map(|write| make(tables, write))).await?;
            progress(self.written);
        }
        Ok(())
    }

    fn next(&mut self) -> Write {
        self.written += 1;
        match self.random.u8(..100) {
            0..20 => self.sign_up(),
            20..55 => self.place(),
            _ if self.open.is_empty() => self.place(),
            55..90 => self.advance(),
            _ => self.delete(),
        }
    }

    fn sign_up(&mut self) -> Write {
        self.users += 1;
        let name = self.pick(&NAMES);
        let mut user = Item::from([
            ("id".to_owned(), text(format!("user-{:06}", self.users))),
            ("name".to_owned(), text(name)),
            ("email".to_owned(), text(format!("user-{:06}@example.com", self.users))),
            ("plan".to_owned(), text(self.pick(&PLANS))),
        ]);
        if self.is_flawed() {
            user.remove(self.pick(&LEFT_OUT));
        }
        Write::User(user)
    }

    fn place(&mut self) -> Write {
        self.placed += 1;
        let id = format!("order-{:06}", self.placed);
        self.open.push((id.clone(), 0));
        let city = AttributeValue::M(Item::from([("city".to_owned(), text(self.pick(&CITIES)))]));
        let tags = AttributeValue::Ss(vec![self.pick(&PLANS).to_owned(), "demo".to_owned()]);
        let mut order = Item::from([
            ("id".to_owned(), text(id)),
            ("status".to_owned(), text(STATES[0])),
            ("total".to_owned(), number(format!("{}.{:02}", self.random.u32(1..500), self.random.u32(..100)))),
            ("address".to_owned(), city),
            ("tags".to_owned(), tags),
        ]);
        if self.is_flawed() {
            order.insert("flaw".to_owned(), text(self.pick(&FLAWS)));
        }
        Write::Order(order)
    }

    /// Without flaws no number is drawn: a seed writes what it always wrote.
    fn is_flawed(&mut self) -> bool {
        self.flawed_one_in.is_some_and(|one_in| self.random.u32(..one_in) == 0)
    }

    /// Moves an order on; one that has arrived is deleted.
    fn advance(&mut self) -> Write {
        let at = self.random.usize(..self.open.len());
        let (id, state) = &mut self.open[at];
        if *state + 1 == STATES.len() {
            return Write::Delete { id: self.open.swap_remove(at).0 };
        }
        *state += 1;
        Write::Advance { id: id.clone(), status: STATES[*state] }
    }

    fn delete(&mut self) -> Write {
        let at = self.random.usize(..self.open.len());
        Write::Delete { id: self.open.swap_remove(at).0 }
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.random.usize(..from.len())]
    }
}

impl Write {
    fn order(&self) -> Option<&str> {
        match self {
            Self::User(_) => None,
            Self::Order(item) => item.get("id").and_then(|id| id.as_s().ok()).map(String::as_str),
            Self::Advance { id, .. } | Self::Delete { id } => Some(id),
        }
    }
}

async fn make(tables: &Tables, write: Write) -> Result<()> {
    match write {
        Write::User(user) => tables.put("users", user).await,
        Write::Order(order) => tables.put("orders", order).await,
        Write::Advance { id, status } => tables.set_status(&id, status).await,
        Write::Delete { id } => tables.delete_order(&id).await,
    }
}
