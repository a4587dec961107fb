//go:build !wasip1

// Package collect decides when the garbage collector runs: off WebAssembly that is the Go runtime's business alone.
package collect

// Maybe does nothing here.
func Maybe() {}

// AfterImport does nothing here.
func AfterImport() {}
