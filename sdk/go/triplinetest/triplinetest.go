//go:build !wasip1

// Package triplinetest is for unit tests of a handler, in plain Go.
//
//	host := triplinetest.NewHost(t, map[string]string{"limit": "10"})
//	failed := triplinetest.Run(t, plugin, triplinetest.Insert(tripline.Item{"id": "o-1"}, tripline.Item{"total": 12}))
//	if got := host.Counter("orders", nil); !slices.Equal(got, []string{"1"}) { … }
//
// It refuses what a real host refuses, and drops what that drops: see Host.Held.
//
// What holds: the host is a recorder, one at a time: tests that use it are not parallel.
package triplinetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// Response is an answer. Where Status is 0 it is 200.
type Response struct {
	Status  int
	Headers map[string]string
	Body    []byte
}

// NewHost makes a host with these settings, and makes it the one that the SDK talks to until the test ends. It grants what is named ("counters",
// "state", "tables" to write, "reads", "mailers", "metrics", "http"), all where nothing is.
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
	value, _ := test.recorder.State(key)
	return string(value), value != nil
}

// SetState makes an entry.
func (test *Host) SetState(key, value string) {
	test.recorder.Put(key, []byte(value))
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

// OnHTTP answers requests. An error is a request without an answer: a *tripline.HostError as it is, any other as Unavailable, a server that is away.
// Where nothing is set, or the response is nil, the answer is an empty 200.
func (test *Host) OnHTTP(answer func(Request) (*Response, error)) {
	test.recorder.OnHTTP = func(request host.Request) (*host.Response, *tripline.HostError) {
		response, err := answer(liftRequest(request))
		var refused *tripline.HostError
		if errors.As(err, &refused) && refused != nil {
			return nil, refused
		}
		if err != nil && refused == nil {
			return nil, &tripline.HostError{What: "http", Code: tripline.Unavailable, Reason: err.Error()}
		}
		return lower(response), nil
	}
}

// As a host has it: names in lower case.
func lower(response *Response) *host.Response {
	answer := &host.Response{Status: 200}
	if response == nil {
		return answer
	}
	if response.Status != 0 {
		answer.Status = response.Status
	}
	for _, header := range host.Labels(response.Headers) {
		answer.Headers = append(answer.Headers, host.Header{Name: strings.ToLower(header.Name), Value: header.Value})
	}
	answer.Body = append(answer.Body, response.Body...)
	return answer
}

// Held are the changes of the last Run that did not fail and yet are not done, in order, by their index: later changes of an item whose change is
// delivered again, and those that have read the state that such a change or a failed one had written. They are delivered again too; what they have
// added, set and mailed is dropped.
func (test *Host) Held() []int {
	return slices.Clone(test.recorder.Held)
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

// Run hands the changes to the plugin as one batch, and returns what failed, all of them where the batch failed as a whole. What those have added, set and
// mailed is dropped, and what those have that are held back with them: see Host.Held. Event IDs are event-1 and so on, sequence numbers count from 1.
func Run(t testing.TB, plugin *tripline.Plugin, changes ...Change) []tripline.FailedChange {
	t.Helper()
	batch := &tripline.Batch{Origin: origin}
	var keys []string
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
		keys = append(keys, change.KeysJSON)
	}
	current := host.Current
	current.Begin(keys)
	failed, err := plugin.Handle(batch)
	if err != nil {
		for at := range changes {
			failed = append(failed, tripline.FailedChange{Index: at, Rejects: tripline.Rejects(err), Reason: err.Error()})
		}
	}
	retried := map[int]bool{}
	for _, one := range failed {
		retried[one.Index] = !one.Rejects
	}
	current.Settle(retried)
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
