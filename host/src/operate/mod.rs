//! What an operator asks and orders: through a running host (`control`), or without one (`offline`), with the same questions and answers.

pub(crate) mod control;
pub(crate) mod known;
pub(crate) mod offline;
pub(crate) mod steer;
pub(crate) mod view;
