// Package wit_types is what generated bindings are made with: options, results, tuples.
//
// It is go.bytecodealliance.org/pkg/wit/types of wit-bindgen-go 0.61.1, unchanged, without what asynchronous functions need; its licence is
// in ../LICENSE.
package wit_types
