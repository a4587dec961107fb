// As host/bench/plugin does in Rust: reads two attributes of the new image, and decides by them.
package main

import "github.com/tripline/tripline/sdk/go" // package tripline

type order struct {
	Status string          `dynamodb:"status"`
	Total  tripline.Number `dynamodb:"total"`
}

var _ = tripline.OnChange(decide)

func main() {}

func decide(change *tripline.Change) error {
	var order order
	if there, err := change.DecodeNewImage(&order); err != nil || !there {
		return err
	}
	total, err := order.Total.Float64()
	if err == nil && order.Status == "fraud" && total > 1e9 {
		return tripline.Rejectf("a fraud")
	}
	return err
}
