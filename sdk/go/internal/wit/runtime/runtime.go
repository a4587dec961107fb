// Package runtime is what generated bindings run on: handles of resources, and the memory through which host and guest hand things over.
//
// What holds: what the host writes stays where it is until the bindings have taken it into Go values, which then keep it alive; nothing here makes
// the collector run, and nothing that the host's allocations do calls the host (see cabiRealloc).
//
// It began as go.bytecodealliance.org/pkg/wit/runtime of wit-bindgen-go 0.61.1 (licence in ../LICENSE). Changed by Tripline: cabi_realloc
// takes from chunks instead of pinning each allocation, and from a static array before the Go runtime is up, so that the linker needs no leave for
// runtime.sbrk.
package runtime

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Handle is a resource's, on the host's side.
type Handle struct {
	value int32
}

// Use is the handle, which must be there.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("nil handle")
	}
	return h.value
}

// Take is the handle, which is gone afterwards.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// Set gives it a handle, which must not have one.
func (h *Handle) Set(value int32) {
	if value == 0 {
		panic("nil handle")
	}
	if h.value != 0 {
		panic("handle already set")
	}
	h.value = value
}

// TakeOrNil is the handle, or 0.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// MakeHandle is one of the host's.
func MakeHandle(value int32) *Handle {
	if value == 0 {
		panic("nil handle")
	}
	return &Handle{value}
}

// Allocate is memory that the pinner keeps.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	if align > 8 {
		panic(fmt.Sprintf("unsupported alignment: %v", align))
	}
	pointer := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(pointer)
	return pointer
}
