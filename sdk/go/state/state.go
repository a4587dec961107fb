// Package state is the trigger's own key-value state: writes commit with the change that they belong to, or not at all. It wants
// `grants = { state = true }`.
package state

import (
	"time"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Read is a key that a change wants to know: it fails with the change whose write it read.
type Read struct {
	Change *tripline.Change
	Key    string
}

// Get is the value, or nil where there is none. It sees what this batch has written.
func Get(change *tripline.Change, key string) ([]byte, error) {
	values, err := GetMany(Read{change, key})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// GetText is the value as text, and whether there is one.
func GetText(change *tripline.Change, key string) (string, bool, error) {
	value, err := Get(change, key)
	return string(value), value != nil, err
}

// GetMany is quicker than one after the other; in their order.
func GetMany(reads ...Read) ([][]byte, error) {
	wire := make([]host.Read, len(reads))
	for at, read := range reads {
		wire[at] = host.Read{Change: read.Change.Index(), Key: read.Key}
	}
	values, err := host.GetState(wire)
	return values, host.Error(err)
}

// Set writes an entry. `key`: at most 2 KiB. `value`: at most 256 KiB.
func Set(change *tripline.Change, key string, value []byte) error {
	return host.Error(host.SetState(change.Index(), key, value, nil))
}

// SetText is Set of a text.
func SetText(change *tripline.Change, key, value string) error {
	return Set(change, key, []byte(value))
}

// SetUntil writes an entry that is as good as deleted after that time, by the host's clock.
func SetUntil(change *tripline.Change, key string, value []byte, expires time.Time) error {
	until := uint64(max(expires.UnixMilli(), 0))
	return host.Error(host.SetState(change.Index(), key, value, &until))
}

// Delete is no error where there is none.
func Delete(change *tripline.Change, key string) error {
	return host.Error(host.DeleteState(change.Index(), key))
}
