//! Counts orders by status, and sums what is paid.

use tripline_sdk::{Change, Failure, counters, handler, log};

#[derive(serde::Deserialize)]
struct Order<'a> {
    id: &'a str,
    status: &'a str,
    total: &'a str, // a number as its text: exact
}

#[handler]
fn on_change(change: Change) -> Result<(), Failure> {
    if let Some(order) = change.new_image::<Order>()? {
        log::info!("order {} is {}", order.id, order.status);
        counters::add(&change, "orders", &[("status", order.status)], 1)?;
        if order.status == "paid" {
            counters::add(&change, "revenue", &[], order.total)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_sdk::testing::{Host, batch, insert, run};

    #[test]
    fn paid_orders_are_revenue() {
        let host = Host::new();
        let paid = r#"{"id":{"S":"o-1"},"status":{"S":"paid"},"total":{"N":"19.99"}}"#;
        let failed = run(on_change, batch([insert(r#"{"id":{"S":"o-1"}}"#, paid)]));
        assert!(failed.is_empty());
        assert_eq!(host.counter("orders", &[("status", "paid")]), ["1"]);
        assert_eq!(host.counter("revenue", &[]), ["19.99"]);
    }
}
