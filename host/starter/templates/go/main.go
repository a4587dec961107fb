// Command {{name}} counts orders by status, and sums what is paid.
package main

import (
	"fmt"
	"log/slog"

	"github.com/tripline/tripline/sdk/go" // package tripline
	"github.com/tripline/tripline/sdk/go/counters"
	_ "github.com/tripline/tripline/sdk/go/logs" // slog writes to the host's log
)

type order struct {
	ID     string          `dynamodb:"id"`
	Status string          `dynamodb:"status"`
	Total  tripline.Number `dynamodb:"total"` // its text: exact
}

var plugin = tripline.OnChange(handle)

func main() {} // never called: the host calls the handler

func handle(change *tripline.Change) error {
	var order order
	if there, err := change.DecodeNewImage(&order); err != nil || !there {
		return err
	}
	slog.Info(fmt.Sprintf("order %s is %s", order.ID, order.Status))
	if err := counters.Count(change, "orders", counters.Labels{"status": order.Status}); err != nil {
		return err
	}
	if order.Status == "paid" {
		return counters.Add(change, "revenue", nil, order.Total)
	}
	return nil
}
