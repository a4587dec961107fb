// Command churn is a plugin that gives the collector work, for a test that keeps one instance for very many batches (e2e `go`).
//
// What holds: what it keeps of the host's strings must be what it was told, or it fails; a batch is a counter for each change, a read and a write
// of state, and garbage of some kilobytes for each.
package main

import (
	"strings"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/counters"
	"github.com/tripline/tripline/sdk/go/state"
)

const (
	keptMax      = 5000
	garbageBytes = 2048
	// A change now and then makes much at once.
	hungryEvery = 1000
	hungryBytes = 4 << 20
)

// A part of what the host wrote, and a copy of it that is Go's own.
type kept struct{ part, copied string }

var (
	seen    int
	all     []kept
	garbage []byte
)

func init() { tripline.OnChange(handle) }

func main() {}

func handle(change *tripline.Change) error {
	image, err := change.NewImage()
	if err != nil {
		return err
	}
	seen++
	if len(all) < keptMax {
		all = append(all, kept{})
	}
	all[seen%len(all)] = kept{change.EventID, strings.Clone(change.EventID)}
	if old := all[(seen*7919)%len(all)]; old.part != old.copied {
		return tripline.Rejectf("the collector has freed what was in use: %q is %q", old.copied, old.part)
	}
	garbage = make([]byte, garbageBytes)
	if seen%hungryEvery == 0 {
		garbage = make([]byte, hungryBytes)
	}
	garbage[len(garbage)-1] = 1
	before, _, err := state.GetText(change, "last")
	if err != nil {
		return err
	}
	if before > change.EventID && len(before) >= len(change.EventID) {
		return tripline.Rejectf("state goes backward: %q after %q", change.EventID, before)
	}
	if err := state.SetText(change, "last", change.EventID); err != nil {
		return err
	}
	return counters.Add(change, "seen", counters.Labels{"status": image.Text("status")}, "1")
}
