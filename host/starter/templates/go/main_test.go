package main

import (
	"slices"
	"testing"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/triplinetest"
)

func TestPaidOrdersAreRevenue(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	paid := tripline.Item{"id": "o-1", "status": "paid", "total": tripline.Number("19.99")}
	if failed := triplinetest.Run(t, plugin, triplinetest.Insert(tripline.Item{"id": "o-1"}, paid)); len(failed) > 0 {
		t.Fatal(failed)
	}
	if orders := host.Counter("orders", map[string]string{"status": "paid"}); !slices.Equal(orders, []string{"1"}) {
		t.Error(orders)
	}
	if revenue := host.Counter("revenue", nil); !slices.Equal(revenue, []string{"19.99"}) {
		t.Error(revenue)
	}
}
