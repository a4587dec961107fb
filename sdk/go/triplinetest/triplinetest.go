//go:build !wasip1

// Package triplinetest is for unit tests of a handler, in plain Go.
//
//	host := triplinetest.NewHost(t, map[string]string{"limit": "10"})
//	failed := triplinetest.Run(t, plugin, triplinetest.Insert(tripline.Item{"id": "o-1"}, tripline.Item{"total": 12}))
//	if got := host.Counter("orders", nil); !slices.Equal(got, []string{"1"}) { … }
//
// What holds: the host is a recorder, one at a time: tests that use it are not parallel.
package triplinetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Host is a host of nothing but memory.
type Host struct {
	recorder *host.Recorder
}

// Write is one that was made.
type Write struct {
	// Kind is put, update, delete or check.
	Table, Kind string
	// Item is a put's, or else the key.
	Item                  tripline.Item
	Expression, Condition string
	Values                tripline.Item
}

// Mail is one that was accepted.
type Mail struct {
	To                                        []string
	Subject, Text, HTML, ReplyTo, Mailer, Key string
}

// Request is one that was sent.
type Request struct {
	Method, URL string
	Headers     map[string]string
	Body        []byte
}

// NewHost makes a host with these settings, and makes it the one that the SDK talks to until the test ends. It grants what is named ("counters",
// "state", "tables", "mailers", "metrics", "http"), all where nothing is.
func NewHost(t testing.TB, settings map[string]string, grants ...string) *Host {
	t.Helper()
	recorder := &host.Recorder{Values: settings}
	for _, grant := range grants {
		if recorder.Grants == nil {
			recorder.Grants = map[string]bool{}
		}
		recorder.Grants[grant] = true
	}
	before := host.Current
	host.Current = recorder
	t.Cleanup(func() { host.Current = before })
	return &Host{recorder}
}

// Counter is what was added to the counter of this name and these labels, in order.
func (test *Host) Counter(name string, labels map[string]string) []string {
	var deltas []string
	wanted := fmt.Sprint(host.Labels(labels))
	for _, one := range test.recorder.Added {
		if one.Name == name && fmt.Sprint(one.Labels) == wanted {
			deltas = append(deltas, one.Delta)
		}
	}
	return deltas
}

// State is an entry of the state as text, and whether there is one.
func (test *Host) State(key string) (string, bool) {
	value, has := test.recorder.Entries[key]
	return string(value), has
}

// SetState makes an entry.
func (test *Host) SetState(key, value string) {
	if test.recorder.Entries == nil {
		test.recorder.Entries = map[string][]byte{}
	}
	test.recorder.Entries[key] = []byte(value)
}

// PutItem puts an item into a table that the plugin reads.
func (test *Host) PutItem(t testing.TB, table string, item any) {
	t.Helper()
	if test.recorder.Items == nil {
		test.recorder.Items = map[string][]string{}
	}
	test.recorder.Items[table] = append(test.recorder.Items[table], marshal(t, item))
}

// OnWrite answers writes into tables: nil lets one be made.
func (test *Host) OnWrite(answer func(Write) *tripline.HostError) {
	test.recorder.OnWrite = func(one host.TableWrite) *tripline.HostError { return answer(lift(one)) }
}

// OnHTTP answers requests with a status, headers and a body. Without it they are denied.
func (test *Host) OnHTTP(answer func(Request) (status int, body string)) {
	test.recorder.OnHTTP = func(request host.Request) (*host.Response, *tripline.HostError) {
		status, body := answer(liftRequest(request))
		return &host.Response{Status: status, Body: []byte(body)}, nil
	}
}

// Writes are those that were made, in order.
func (test *Host) Writes() []Write {
	var writes []Write
	for _, one := range test.recorder.Writes {
		writes = append(writes, lift(one))
	}
	return writes
}

// Requests are those that were sent, in order.
func (test *Host) Requests() []Request {
	var requests []Request
	for _, one := range test.recorder.Asked {
		requests = append(requests, liftRequest(one))
	}
	return requests
}

// Mails are those that were accepted, in order.
func (test *Host) Mails() []Mail {
	var mails []Mail
	for _, one := range test.recorder.Mails {
		mail := one.Mail
		mails = append(mails, Mail{mail.To, mail.Subject, mail.Text, mail.HTML, mail.ReplyTo, one.Mailer, one.Key})
	}
	return mails
}

// Samples are those of a metric, in order.
func (test *Host) Samples(name string) []float64 {
	var values []float64
	for _, one := range test.recorder.Samples {
		if one.Name == name {
			values = append(values, one.Value)
		}
	}
	return values
}

// Logs are lines as "level message".
func (test *Host) Logs() []string {
	var lines []string
	for _, line := range test.recorder.Lines {
		level := [...]string{"trace", "debug", "info", "warn", "error", "critical"}[line.Level]
		lines = append(lines, level+" "+line.Message)
	}
	return lines
}

func lift(one host.TableWrite) Write {
	write := Write{Table: one.Table, Kind: string(one.Write.Kind), Expression: one.Write.Expression, Condition: one.Write.Condition}
	// Both were written by this SDK just now.
	write.Item, _ = tripline.ParseItem(one.Write.Item)
	write.Values, _ = tripline.ParseItem(one.Write.Values)
	return write
}

func liftRequest(one host.Request) Request {
	request := Request{Method: one.Method, URL: one.Scheme + "://" + one.Authority + one.Path, Headers: map[string]string{}, Body: one.Body}
	for _, header := range one.Headers {
		request.Headers[header.Name] = header.Value
	}
	return request
}

func marshal(t testing.TB, item any) string {
	t.Helper()
	text, err := tripline.MarshalItem(item)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A change is made when it is run: what cannot be written fails the test there.
type Change struct {
	event          tripline.EventName
	keys, new, old any
	identity       *tripline.Identity
}

// Insert is a change that makes an item. Images are whole items, with their keys.
func Insert(keys, new any) Change { return Change{event: tripline.Insert, keys: keys, new: new} }

// Modify is a change of an item.
func Modify(keys, old, new any) Change {
	return Change{event: tripline.Modify, keys: keys, new: new, old: old}
}

// Remove is a change that deletes an item.
func Remove(keys, old any) Change { return Change{event: tripline.Remove, keys: keys, old: old} }

// Expire is as DynamoDB deletes what its time to live has passed.
func Expire(keys, old any) Change {
	change := Remove(keys, old)
	change.identity = &tripline.Identity{Type: "Service", PrincipalID: "dynamodb.amazonaws.com"}
	return change
}

var origin = tripline.Origin{
	Trigger: "test", Table: "test", Region: "us-east-1", View: tripline.NewAndOldImages, ShardID: "shardId-1", Attempt: 1,
	StreamARN: "arn:aws:dynamodb:us-east-1:123456789012:table/test/stream/2026-01-01T00:00:00.000",
}

// Run hands the changes to the plugin as one batch, and returns what failed, all of them where the batch failed as a whole. Event IDs are event-1 and so
// on, sequence numbers count from 1.
func Run(t testing.TB, plugin *tripline.Plugin, changes ...Change) []tripline.FailedChange {
	t.Helper()
	batch := &tripline.Batch{Origin: origin}
	for at, one := range changes {
		change := &tripline.Change{
			EventID: fmt.Sprintf("event-%d", at+1), Event: one.event, SequenceNumber: fmt.Sprint(at + 1), Identity: one.identity,
			Created: time.UnixMilli(1_767_225_600_000).UTC(), SizeBytes: 100, KeysJSON: marshal(t, one.keys),
		}
		if one.new != nil {
			change.NewImageJSON = marshal(t, one.new)
		}
		if one.old != nil {
			change.OldImageJSON = marshal(t, one.old)
		}
		batch.Changes = append(batch.Changes, change)
	}
	failed, err := plugin.Handle(batch)
	if err != nil {
		for at := range changes {
			failed = append(failed, tripline.FailedChange{Index: at, Rejects: tripline.Rejects(err), Reason: err.Error()})
		}
	}
	places := map[int]bool{}
	for _, one := range failed {
		places[one.Index] = true
	}
	host.Current.Settle(places)
	return failed
}

// Probe asks as the host does before a version serves: why it would not, or nil.
func Probe(t testing.TB, plugin *tripline.Plugin, view tripline.View) error {
	t.Helper()
	asked := origin
	asked.View = view
	_, err := plugin.Handle(&tripline.Batch{Origin: asked})
	return err
}
