// Package collect decides when the garbage collector runs.
//
// What holds: it runs inside a call of the handler, at the places that call Maybe or AfterImport, and nowhere else. Anywhere else it might run
// in the middle of cabi_realloc, where no import may be called, and it reads the clock. The heap is at most twice what is alive, and eight
// megabytes, and whatever is made between two such places.
package collect

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	wit "github.com/tripline/tripline/sdk/go/internal/wit/runtime"
)

const growthMin = 8 << 20

var (
	heap = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	// The size at which it is collected next.
	next uint64 = growthMin
)

func init() {
	debug.SetGCPercent(-1)
}

func size() uint64 {
	metrics.Read(heap)
	return heap[0].Value.Uint64()
}

// Maybe collects where the heap has grown so much.
func Maybe() {
	if size() < next {
		return
	}
	runtime.GC()
	alive := size()
	next = alive + max(alive, growthMin)
}

// AfterImport is called when the bindings have taken what the host has written.
func AfterImport() {
	wit.Unpin()
	Maybe()
}
