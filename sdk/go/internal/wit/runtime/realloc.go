//go:build wasip1

package runtime

import "unsafe"

const (
	chunkBytes = 64 << 10
	// What takes more of a chunk than this gets memory of its own.
	chunkShare = chunkBytes / 4
	// What WASI's adapter asks for before the Go runtime is up: a page of its own, and arguments and environment.
	earlyBytes = 256 << 10
)

var (
	early     [earlyBytes / 8]uint64
	earlyUsed uintptr

	// Becomes true when the Go runtime is up.
	isUp bool

	// Bytes are used once: strings of earlier calls lie before `used`, and keep their chunk alive.
	chunk []uint64
	used  uintptr
	// What the host has written and no Go value may know yet.
	held [][]uint64
)

func init() {
	isUp = true
}

// Unpin says that what the host has written is known to Go values now.
func Unpin() {
	clear(held)
	held = held[:0]
}

// cabiRealloc makes room for what the host hands over.
//
// No import may be called meanwhile: the component model forbids it, with a trap. The collector reads the clock, an import: so it is off
// but at the places where `collect` runs it, and the adapter's clock stands still here, for whatever else of the runtime might look at it.
//
//go:wasmexport cabi_realloc
func cabiRealloc(oldPointer unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if oldPointer != nil || oldSize != 0 {
		panic("the host wants memory to grow that it was given")
	}
	if !isUp {
		return earlier(align, size)
	}
	adapterMonotonicClockSetPaused(1)
	pointer := take(align, size)
	adapterMonotonicClockSetPaused(0)
	return pointer
}

//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func adapterMonotonicClockSetPaused(paused int32)

func take(align, size uintptr) unsafe.Pointer {
	if size > chunkShare {
		own := make([]uint64, (size+7)/8)
		held = append(held, own)
		return unsafe.Pointer(unsafe.SliceData(own))
	}
	at := (used + align - 1) &^ (align - 1)
	if chunk == nil || at+size > chunkBytes {
		held = append(held, chunk)
		chunk = make([]uint64, chunkBytes/8)
		at = 0
	}
	used = at + size
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(chunk)), at)
}

// earlier is before there is a heap.
func earlier(align, size uintptr) unsafe.Pointer {
	base := uintptr(unsafe.Pointer(&early))
	at := (base + earlyUsed + align - 1) &^ (align - 1)
	earlyUsed = at + size - base
	if earlyUsed > earlyBytes {
		return nil
	}
	return unsafe.Pointer(at)
}
