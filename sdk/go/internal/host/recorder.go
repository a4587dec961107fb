//go:build !wasip1

package host

import (
	"maps"
	"slices"

	"github.com/tripline/tripline/sdk/go"
)

// Recorder stands in for the host in plain Go: it answers as the contract says, and keeps what it was asked.
//
// What holds: what a failed change has done to counters, state and mail is gone once its run has ended, as in a host, and so is what those have done
// that are held back with it. What a host refuses is refused.
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

	// Held are the changes of the last run that did not fail and yet are not done, in order.
	Held []int

	run *run
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

// Current is the recorder that functions talk to: one at a time.
var Current = &Recorder{}

func (recorder *Recorder) wants(grant string) *tripline.HostError {
	if recorder.Grants == nil || recorder.Grants[grant] {
		return nil
	}
	return refused(grant, tripline.AccessDenied, "trigger `test` is not granted "+grant)
}

// Nil where there is no fault.
func invalid(what, fault string) *tripline.HostError {
	if fault == "" {
		return nil
	}
	return refused(what, tripline.Invalid, fault)
}

func AddCounter(change int, name string, labels []Label, delta string) *tripline.HostError {
	if err := Current.wants("counters"); err != nil {
		return err
	}
	if err := invalid("counter `"+name+"`", firstOf(badSeries("counter", name, labels), badDelta(delta))); err != nil {
		return err
	}
	Current.Added = append(Current.Added, Added{Current.of(change), name, labels, delta})
	return nil
}

func GetState(reads []Read) ([][]byte, *tripline.HostError) {
	if err := Current.wants("state"); err != nil {
		return nil, err
	}
	values := make([][]byte, len(reads))
	for at, read := range reads {
		if err := invalid("state", badStateKey(read.Key)); err != nil {
			return nil, err
		}
		values[at] = slices.Clone(Current.read(read.Change, read.Key))
	}
	return values, nil
}

func SetState(change int, key string, value []byte, _ *uint64) *tripline.HostError {
	if err := Current.wants("state"); err != nil {
		return err
	}
	fault := firstOf(badStateKey(key), atMost("bytes of the value", len(value), stateValueBytesMax))
	if err := invalid("state `"+key+"`", fault); err != nil {
		return err
	}
	Current.set(change, key, append([]byte{}, value...))
	return nil
}

func DeleteState(change int, key string) *tripline.HostError {
	if err := Current.wants("state"); err != nil {
		return err
	}
	if err := invalid("state `"+key+"`", badStateKey(key)); err != nil {
		return err
	}
	Current.set(change, key, nil)
	return nil
}

func Send(change int, mailer string, mail Mail, key string) *tripline.HostError {
	if err := Current.wants("mailers"); err != nil {
		return err
	}
	if err := invalid("mail", badMail(mail, key)); err != nil {
		return err
	}
	if Current.hasMail(change, key) {
		Log(levelWarn, "", "mail not sent: the outbox has a mail of this change and key (`"+key+"`)")
		return nil
	}
	Current.Mails = append(Current.Mails, Sent{Current.of(change), mailer, key, mail})
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
	if err := invalid("transaction", atMost("writes in one transaction", len(writes), transactWritesMax)); err != nil {
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
	if err := Current.wants("reads"); err != nil {
		return nil, err
	}
	if err := invalid("table `"+table+"`", atMost("keys in one read", len(keys), tableKeysMax)); err != nil {
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
	if err := invalid("metric `"+name+"`", badMetric(name, labels, value)); err != nil {
		return err
	}
	if slices.ContainsFunc(Current.Samples, func(one Sample) bool { return one.Name == name && one.Kind != kind }) {
		return refused("metric `"+name+"`", tripline.Invalid, "it is of another kind already: give one of them another name")
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

const levelWarn = 3

func Log(level uint8, context, message string) {
	Current.Lines = append(Current.Lines, Line{level, context, message})
}

func SendHTTP(request Request) (*Response, *tripline.HostError) {
	if err := Current.wants("http"); err != nil {
		return nil, err
	}
	if err := invalid("http", badRequest(request)); err != nil {
		return nil, err
	}
	Current.Asked = append(Current.Asked, request)
	if Current.OnHTTP == nil {
		return &Response{Status: 200}, nil
	}
	return Current.OnHTTP(request)
}
