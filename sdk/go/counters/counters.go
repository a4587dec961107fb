// Package counters adds to exact counters and sums, which commit with the change that they belong to, or not at all. It wants
// `grants = { counters = true }`.
package counters

import (
	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Labels are by name; at most 8.
type Labels map[string]string

// Add adds to the counter of this name and these labels. `name`: `[a-z][a-z0-9_]*`, at most 64 characters. `delta`: a number such as "1",
// "-19.99" or an item's Number, exact at any length that DynamoDB has.
func Add(change *tripline.Change, name string, labels Labels, delta tripline.Number) error {
	return host.Error(host.AddCounter(change.Index(), name, host.Labels(labels), string(delta)))
}

// Count adds 1.
func Count(change *tripline.Change, name string, labels Labels) error {
	return Add(change, name, labels, "1")
}
