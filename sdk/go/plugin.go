package tripline

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/tripline/tripline/sdk/go/internal/collect"
)

// Plugin is what the host calls: a handler, and what answers when a version is asked whether it can serve.
type Plugin struct {
	handle func(*Batch) error
	probe  func(*Origin) error
}

// OnChange makes the plugin of a handler of one change at a time, in order. An error fails the change alone; so does a panic. Call it once, where
// a package's variables or its init are: the component serves what was made last.
func OnChange(handle func(*Change) error) *Plugin {
	return serve(&Plugin{handle: func(batch *Batch) error {
		for _, change := range batch.Changes {
			batch.Fail(change, guarded(func() error { return handle(change) }))
			collect.Maybe()
		}
		return nil
	}})
}

// OnBatch makes the plugin of a handler of whole batches. Batch.Fail fails one change, an error all of them.
func OnBatch(handle func(*Batch) error) *Plugin {
	return serve(&Plugin{handle: handle})
}

// WithProbe is asked before a new version serves: it returns an error where that cannot, as with wrong settings.
func (plugin *Plugin) WithProbe(probe func(*Origin) error) *Plugin {
	plugin.probe = probe
	return plugin
}

// FailedChange is a change that failed, by its place in the batch.
type FailedChange struct {
	Index   int
	Rejects bool
	Reason  string
}

// Handle answers a batch as the host would have it answered: changes that failed, in order, or why all did. An empty batch is the probe.
func (plugin *Plugin) Handle(batch *Batch) ([]FailedChange, error) {
	for index, change := range batch.Changes {
		change.index, change.origin = index, &batch.Origin
	}
	if len(batch.Changes) == 0 {
		if plugin.probe == nil {
			return nil, nil
		}
		return nil, guarded(func() error { return plugin.probe(&batch.Origin) })
	}
	if err := guarded(func() error { return plugin.handle(batch) }); err != nil {
		return nil, err
	}
	var failed []FailedChange
	for index := range batch.Changes {
		if err := guarded(func() error { return batch.failed[index] }); err != nil {
			failed = append(failed, FailedChange{Index: index, Rejects: Rejects(err), Reason: err.Error()})
		}
	}
	return failed, nil
}

// A panic is a retry; where the bug is, the dead letter has no room for. What an error says has been asked for once where it is returned: an error type of
// the plugin's may panic there, as a nil pointer in an error does.
func guarded(call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", cause, debug.Stack())
			err = Retryf("panic: %v", cause)
		}
	}()
	if err = call(); err != nil {
		_, _ = Rejects(err), err.Error()
	}
	return err
}
