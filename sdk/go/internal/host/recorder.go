//go:build !wasip1

package host

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/tripline/tripline/sdk/go"
)

// Recorder stands in for the host in plain Go: it answers as the contract says, and keeps what it was asked.
//
// What holds: what a failed change has done to counters, state and mail is gone once its run has ended, as in a host.
type Recorder struct {
	Values map[string]string
	// Nil grants all.
	Grants map[string]bool

	Added   []Added
	Entries map[string][]byte
	Mails   []Sent
	Writes  []TableWrite
	Items   map[string][]string
	Samples []Sample
	Lines   []Line
	Asked   []Request

	OnWrite func(TableWrite) *tripline.HostError
	OnHTTP  func(Request) (*Response, *tripline.HostError)

	undo []undo
}

// Added is one addition to a counter. Settled ones have the change -1.
type Added struct {
	Change int
	Name   string
	Labels []Label
	Delta  string
}

// Sent is a mail.
type Sent struct {
	Change      int
	Mailer, Key string
	Mail        Mail
}

// Sample is a metric's.
type Sample struct {
	Kind, Name string
	Labels     []Label
	Value      float64
}

// Line is one of the log.
type Line struct {
	Level            uint8
	Context, Message string
}

type undo struct {
	change int
	key    string
	before []byte
}

// Current is the recorder that functions talk to: one at a time.
var Current = &Recorder{}

// Settle ends a run: what the failed changes have done is taken back.
func (recorder *Recorder) Settle(failed map[int]bool) {
	recorder.Added = slices.DeleteFunc(recorder.Added, func(one Added) bool { return failed[one.Change] })
	recorder.Mails = slices.DeleteFunc(recorder.Mails, func(one Sent) bool { return failed[one.Change] })
	for at := range recorder.Added {
		recorder.Added[at].Change = -1
	}
	for at := range recorder.Mails {
		recorder.Mails[at].Change = -1
	}
	for _, one := range slices.Backward(recorder.undo) {
		if failed[one.change] {
			recorder.put(one.key, one.before)
		}
	}
	recorder.undo = nil
}

func (recorder *Recorder) put(key string, value []byte) {
	if value == nil {
		delete(recorder.Entries, key)
		return
	}
	if recorder.Entries == nil {
		recorder.Entries = map[string][]byte{}
	}
	recorder.Entries[key] = value
}

func (recorder *Recorder) wants(grant string) *tripline.HostError {
	if recorder.Grants == nil || recorder.Grants[grant] {
		return nil
	}
	return refused(grant, tripline.AccessDenied, "trigger `test` is not granted "+grant)
}

var nameWanted = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func AddCounter(change int, name string, labels []Label, delta string) *tripline.HostError {
	if err := Current.wants("counters"); err != nil {
		return err
	}
	if !nameWanted.MatchString(name) {
		return refused("counter `"+name+"`", tripline.Invalid, "use a to z, 0 to 9 and _, a letter first, at most 64")
	}
	if _, err := tripline.Number(delta).Rat(); err != nil {
		return refused("counter `"+name+"`", tripline.Invalid, err.Error())
	}
	Current.Added = append(Current.Added, Added{change, name, labels, delta})
	return nil
}

func GetState(reads []Read) ([][]byte, *tripline.HostError) {
	if err := Current.wants("state"); err != nil {
		return nil, err
	}
	values := make([][]byte, len(reads))
	for at, read := range reads {
		values[at] = slices.Clone(Current.Entries[read.Key])
	}
	return values, nil
}

func SetState(change int, key string, value []byte, _ *uint64) *tripline.HostError {
	if err := Current.wants("state"); err != nil {
		return err
	}
	if len(value) > 256<<10 {
		return refused("state `"+key+"`", tripline.Invalid, fmt.Sprintf("the value has %d bytes: at most 262144", len(value)))
	}
	Current.undo = append(Current.undo, undo{change, key, Current.Entries[key]})
	Current.put(key, append([]byte{}, value...))
	return nil
}

func DeleteState(change int, key string) *tripline.HostError {
	if err := Current.wants("state"); err != nil {
		return err
	}
	Current.undo = append(Current.undo, undo{change, key, Current.Entries[key]})
	Current.put(key, nil)
	return nil
}

func Send(change int, mailer string, mail Mail, key string) *tripline.HostError {
	if err := Current.wants("mailers"); err != nil {
		return err
	}
	if len(mail.To) == 0 || (mail.Text == "" && mail.HTML == "") {
		return refused("mail", tripline.Invalid, "no recipient, or neither text nor html")
	}
	Current.Mails = append(Current.Mails, Sent{change, mailer, key, mail})
	return nil
}

func WriteTable(table string, writes []Write) ([]*tripline.HostError, *tripline.HostError) {
	if err := Current.wants("tables"); err != nil {
		return nil, err
	}
	answers := make([]*tripline.HostError, len(writes))
	for at, write := range writes {
		answers[at] = Current.write(TableWrite{table, write})
	}
	return answers, nil
}

func (recorder *Recorder) write(one TableWrite) *tripline.HostError {
	if recorder.OnWrite != nil {
		if err := recorder.OnWrite(one); err != nil {
			return err
		}
	}
	recorder.Writes = append(recorder.Writes, one)
	return nil
}

func Transact(_ int, writes []TableWrite) *tripline.HostError {
	if err := Current.wants("tables"); err != nil {
		return err
	}
	before, stopped := len(Current.Writes), false
	cancelled := refused("transaction", tripline.Cancelled, "")
	for _, write := range writes {
		cause := Current.write(write)
		cancelled.Causes = append(cancelled.Causes, cause)
		stopped = stopped || cause != nil
	}
	if !stopped {
		return nil
	}
	Current.Writes = Current.Writes[:before]
	return cancelled
}

func GetItems(table string, keys []string, _ bool) ([]string, *tripline.HostError) {
	if err := Current.wants("tables"); err != nil {
		return nil, err
	}
	found := make([]string, len(keys))
	for at, key := range keys {
		wanted, err := tripline.ParseItem(key)
		if err != nil {
			return nil, refused("table `"+table+"`", tripline.Invalid, err.Error())
		}
		for _, text := range Current.Items[table] {
			if item, err := tripline.ParseItem(text); err == nil && has(item, wanted) {
				found[at] = text
			}
		}
	}
	return found, nil
}

func has(item, key tripline.Item) bool {
	for name, value := range key {
		if !tripline.Equal(item[name], value) {
			return false
		}
	}
	return true
}

func sample(kind, name string, labels []Label, value float64) *tripline.HostError {
	if err := Current.wants("metrics"); err != nil {
		return err
	}
	Current.Samples = append(Current.Samples, Sample{kind, name, labels, value})
	return nil
}

func Count(name string, labels []Label, delta uint64) *tripline.HostError {
	return sample("count", name, labels, float64(delta))
}

func SetGauge(name string, labels []Label, value float64) *tripline.HostError {
	return sample("gauge", name, labels, value)
}

func Observe(name string, labels []Label, value float64) *tripline.HostError {
	return sample("histogram", name, labels, value)
}

func Setting(key string) (string, bool, *tripline.HostError) {
	value, has := Current.Values[key]
	return value, has, nil
}

func Settings() (map[string]string, *tripline.HostError) {
	return maps.Clone(Current.Values), nil
}

func Log(level uint8, context, message string) {
	Current.Lines = append(Current.Lines, Line{level, context, message})
}

func SendHTTP(request Request) (*Response, *tripline.HostError) {
	if err := Current.wants("http"); err != nil {
		return nil, err
	}
	Current.Asked = append(Current.Asked, request)
	if Current.OnHTTP == nil {
		return nil, refused("http", tripline.AccessDenied, "the test has no answer: set OnHTTP")
	}
	return Current.OnHTTP(request)
}
