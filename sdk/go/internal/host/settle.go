//go:build !wasip1

package host

import "slices"

// Instead of a change's place: what is of it stands.
const settled = -1

// One write of the state, of a change of the run under way.
type set struct {
	change int
	key    string
	// Nil deletes.
	value []byte
}

// A run is a batch under way. What the recorder is asked outside of one stands at once.
type run struct {
	// The items' keys, by the changes' places.
	keys []string
	sets []set
	// Reader and writer: places of two changes.
	reads map[[2]int]bool
}

// Begin begins a run of changes of these items, which Settle ends.
func (recorder *Recorder) Begin(keys []string) {
	// Of a run that never ended.
	recorder.Added = slices.DeleteFunc(recorder.Added, func(one Added) bool { return one.Change != settled })
	recorder.Mails = slices.DeleteFunc(recorder.Mails, func(one Sent) bool { return one.Change != settled })
	recorder.run = &run{keys: keys, reads: map[[2]int]bool{}}
	recorder.Held = nil
}

// The change that an effect is of, until it stands.
func (recorder *Recorder) of(change int) int {
	if recorder.run == nil {
		return settled
	}
	return change
}

// Settle ends a run. What the failed changes have done to counters, state and mail is dropped, and what those have that are held back with them.
// `retried`: of each that failed, whether it is delivered again.
func (recorder *Recorder) Settle(retried map[int]bool) {
	run := recorder.run
	recorder.run = nil
	held := run.heldBack(retried)
	undone := func(change int) bool {
		_, failed := retried[change]
		return failed || held[change]
	}
	for change := range run.keys {
		if held[change] {
			recorder.Held = append(recorder.Held, change)
		}
	}
	recorder.Added = slices.DeleteFunc(recorder.Added, func(one Added) bool { return undone(one.Change) })
	recorder.Mails = slices.DeleteFunc(recorder.Mails, func(one Sent) bool { return undone(one.Change) })
	for at := range recorder.Added {
		recorder.Added[at].Change = settled
	}
	for at := range recorder.Mails {
		recorder.Mails[at].Change = settled
	}
	for _, one := range run.sets {
		if !undone(one.change) {
			recorder.Put(one.key, one.value)
		}
	}
}

// The host's own rule: a later change of an item whose change is delivered again is not done either, nor is one that has read the state that a change
// which is not done had written. A handler may go through its batch in any order, so it goes on until nothing more is held.
func (run *run) heldBack(retried map[int]bool) map[int]bool {
	held := map[int]bool{}
	for before := -1; before != len(held); {
		before = len(held)
		hold := func(change int) {
			if _, failed := retried[change]; !failed {
				held[change] = true
			}
		}
		for read := range run.reads {
			if _, failed := retried[read[1]]; failed || held[read[1]] {
				hold(read[0])
			}
		}
		waiting := map[string]bool{}
		for change, key := range run.keys {
			if waiting[key] {
				hold(change)
			}
			waiting[key] = waiting[key] || retried[change] || held[change]
		}
	}
	return held
}

// What a change reads depends from now on on the change that has written it in this run.
func (recorder *Recorder) read(reader int, key string) []byte {
	value, writer := recorder.State(key)
	if writer != settled && writer != reader {
		recorder.run.reads[[2]int{reader, writer}] = true
	}
	return value
}

// State is an entry, nil where there is none, and the change of the run under way that has written it.
func (recorder *Recorder) State(key string) ([]byte, int) {
	if recorder.run != nil {
		for _, one := range slices.Backward(recorder.run.sets) {
			if one.key == key {
				return one.value, one.change
			}
		}
	}
	return recorder.Entries[key], settled
}

func (recorder *Recorder) set(change int, key string, value []byte) {
	if recorder.run == nil {
		recorder.Put(key, value)
		return
	}
	recorder.run.sets = append(recorder.run.sets, set{change, key, value})
}

// Put makes an entry that stands; nil takes it away.
func (recorder *Recorder) Put(key string, value []byte) {
	if value == nil {
		delete(recorder.Entries, key)
		return
	}
	if recorder.Entries == nil {
		recorder.Entries = map[string][]byte{}
	}
	recorder.Entries[key] = value
}

// Whether the run under way has such a mail: of one change and key the outbox takes one.
func (recorder *Recorder) hasMail(change int, key string) bool {
	return recorder.run != nil && slices.ContainsFunc(recorder.Mails, func(one Sent) bool { return one.Change == change && one.Key == key })
}
