// Package export_tripline_trigger_handler is what the host calls: the generated export hands it over to whoever has set Handler.
//
// Written by hand: the bindings want a package of this name.
package export_tripline_trigger_handler

import (
	types "github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_types"
	wit "github.com/tripline/tripline/sdk/go/internal/wit/types"
)

// Answer is the contract's: changes that failed, or why all did.
type Answer = wit.Result[[]types.FailedChange, types.Failure]

// Handler answers every call; it is set before the first.
var Handler func(types.Batch) Answer

// Handle is called by the generated export.
func Handle(batch types.Batch) Answer {
	return Handler(batch)
}
