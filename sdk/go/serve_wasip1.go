package tripline

import (
	"time"

	"github.com/tripline/tripline/sdk/go/internal/bindings/export_tripline_trigger_handler"
	types "github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_types"
	// What the host calls is in there.
	_ "github.com/tripline/tripline/sdk/go/internal/bindings/wit_exports"
	"github.com/tripline/tripline/sdk/go/internal/collect"
	"github.com/tripline/tripline/sdk/go/internal/text"
	wit "github.com/tripline/tripline/sdk/go/internal/wit/types"
)

var serving = &Plugin{handle: func(*Batch) error {
	return Rejectf("this component has no handler: call tripline.OnChange or tripline.OnBatch in a package's init")
}}

func init() {
	export_tripline_trigger_handler.Handler = answer
}

func serve(plugin *Plugin) *Plugin {
	serving = plugin
	return plugin
}

func answer(wire types.Batch) export_tripline_trigger_handler.Answer {
	defer collect.Maybe()
	failed, err := serving.Handle(lift(wire))
	if err != nil {
		return wit.Err[[]types.FailedChange](lower(Rejects(err), err.Error()))
	}
	answer := make([]types.FailedChange, 0, len(failed))
	for _, one := range failed {
		answer = append(answer, types.FailedChange{Index: uint32(one.Index), Failure: lower(one.Rejects, one.Reason)})
	}
	return wit.Ok[[]types.FailedChange, types.Failure](answer)
}

func lower(rejects bool, reason string) types.Failure {
	if rejects {
		return types.MakeFailureReject(text.Valid(reason))
	}
	return types.MakeFailureRetry(text.Valid(reason))
}

func lift(wire types.Batch) *Batch {
	batch := &Batch{
		Origin: Origin{
			Trigger:   wire.Trigger,
			Table:     wire.Table,
			Region:    wire.Region,
			StreamARN: wire.StreamArn,
			View:      View(wire.View),
			ShardID:   wire.ShardId,
			Attempt:   wire.Attempt,
		},
		Changes: make([]*Change, len(wire.Changes)),
	}
	all := make([]Change, len(wire.Changes))
	for at := range wire.Changes {
		one := &wire.Changes[at]
		all[at] = Change{
			EventID:        one.EventId,
			Event:          EventName(one.EventName),
			SequenceNumber: one.SequenceNumber,
			Created:        time.UnixMilli(int64(one.CreatedMs)).UTC(),
			SizeBytes:      one.SizeBytes,
			KeysJSON:       one.Keys,
			NewImageJSON:   one.NewImage.SomeOr(""),
			OldImageJSON:   one.OldImage.SomeOr(""),
		}
		if one.UserIdentity.IsSome() {
			identity := one.UserIdentity.Some()
			all[at].Identity = &Identity{Type: identity.F0, PrincipalID: identity.F1}
		}
		batch.Changes[at] = &all[at]
	}
	return batch
}
