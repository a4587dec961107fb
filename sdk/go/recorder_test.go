//go:build !wasip1

package tripline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/counters"
	"github.com/tripline/tripline/sdk/go/httpclient"
	"github.com/tripline/tripline/sdk/go/mailer"
	"github.com/tripline/tripline/sdk/go/metrics"
	"github.com/tripline/tripline/sdk/go/state"
	"github.com/tripline/tripline/sdk/go/tables"
	"github.com/tripline/tripline/sdk/go/triplinetest"
)

// What is called inside of a handler of one change; what comes of it.
func within(t *testing.T, call func(*tripline.Change) error) error {
	t.Helper()
	var err error
	triplinetest.Run(t, tripline.OnChange(func(change *tripline.Change) error {
		err = call(change)
		return err
	}), triplinetest.Insert(keys, keys))
	return err
}

// A change of the item `id` for each word: `name`, `name retry` or `name reject`, which writes its place into the state; `name reads` reads what is there
// before.
func TestWhatWaitsForAFailedChangeIsDroppedWithIt(t *testing.T) {
	for _, row := range []struct {
		steps  string
		held   []int
		stands string
		read   []string
	}{
		{"a, a, a reads", nil, "1", []string{"1"}},
		// What is written over a failed change's write stands, as does what was there before.
		{"a, b retry, c", nil, "2", nil},
		{"b retry", nil, "before", nil},
		{"a, b retry, b", []int{2}, "0", nil},
		{"a, b reject, b", nil, "2", nil},
		{"a reject, b reads, b, c", []int{1, 2}, "3", nil},
		{"a retry, a, b reads, b reads", []int{1, 2, 3}, "before", nil},
		{"a reads, b", nil, "1", []string{"before"}},
	} {
		host := triplinetest.NewHost(t, nil)
		host.SetState("k", "before")
		var changes []triplinetest.Change
		for _, step := range strings.Split(row.steps, ", ") {
			id, then, _ := strings.Cut(step, " ")
			changes = append(changes, triplinetest.Insert(tripline.Item{"id": id}, tripline.Item{"id": id, "then": then}))
		}
		triplinetest.Run(t, tripline.OnChange(func(change *tripline.Change) error {
			item, err := change.NewImage()
			if err != nil {
				return err
			}
			if item.Text("then") == "reads" {
				value, _, err := state.GetText(change, "k")
				return errors.Join(err, counters.Count(change, "read", counters.Labels{"value": value}))
			}
			if err := state.SetText(change, "k", fmt.Sprint(change.Index())); err != nil {
				return err
			}
			switch item.Text("then") {
			case "retry":
				return tripline.Retryf("later")
			case "reject":
				return tripline.Rejectf("never")
			}
			return nil
		}), changes...)
		stands, _ := host.State("k")
		same(t, []any{row.steps, host.Held(), stands}, []any{row.steps, row.held, row.stands})
		for _, value := range row.read {
			same(t, host.Counter("read", map[string]string{"value": value}), []string{"1"})
		}
		if len(row.read) == 0 {
			same(t, host.Counter("read", map[string]string{"value": "0"}), []string(nil))
		}
	}
}

func TestOfOneChangeAndKeyOneMailIsSent(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	twice := tripline.OnChange(func(change *tripline.Change) error {
		send := func(subject, key string) error {
			return mailer.Send(change, mailer.Message{To: []string{"a@b.example"}, Subject: subject, Text: "t", Key: key})
		}
		return errors.Join(send("first", "k"), send("again", "k"), send("other", "l"))
	})
	same(t, len(triplinetest.Run(t, twice, triplinetest.Insert(keys, keys), triplinetest.Insert(keys, keys))), 0)
	var subjects []string
	for _, mail := range host.Mails() {
		subjects = append(subjects, mail.Subject)
	}
	same(t, subjects, []string{"first", "other", "first", "other"})
	same(t, host.Logs(), slices.Repeat([]string{"warn mail not sent: the outbox has a mail of this change and key (`k`)"}, 2))
	// Another run is of other changes.
	triplinetest.Run(t, twice, triplinetest.Insert(keys, keys))
	same(t, len(host.Mails()), 6)
}

type ownError struct{ reason string }

func (err *ownError) Error() string { return err.reason }

func TestNoErrorStaysNoneAndOneThatPanicsFailsItsChangeAlone(t *testing.T) {
	same(t, []any{tripline.Retry(nil), tripline.Reject(nil)}, []any{nil, nil})
	host := triplinetest.NewHost(t, nil)
	failing := func(change *tripline.Change) error {
		if err := counters.Count(change, "seen", nil); err != nil {
			return err
		}
		switch change.Index() {
		case 0:
			return tripline.Retry(nil)
		case 1:
			return (*ownError)(nil)
		default:
			return (*tripline.HostError)(nil)
		}
	}
	var changes []triplinetest.Change
	for _, id := range []string{"a", "b", "c"} {
		changes = append(changes, triplinetest.Insert(tripline.Item{"id": id}, keys))
	}
	batch := func(batch *tripline.Batch) error {
		for _, change := range batch.Changes {
			batch.Fail(change, failing(change))
		}
		return nil
	}
	for _, plugin := range []*tripline.Plugin{tripline.OnChange(failing), tripline.OnBatch(batch)} {
		failed := triplinetest.Run(t, plugin, changes...)
		if len(failed) != 2 || failed[0].Index != 1 || !strings.HasPrefix(failed[0].Reason, "panic: ") || failed[0].Rejects || failed[1].Index != 2 {
			t.Errorf("%+v", failed)
		}
	}
	same(t, host.Counter("seen", nil), []string{"1", "1"})
	whole := tripline.OnBatch(func(*tripline.Batch) error { return (*ownError)(nil) }).WithProbe(func(*tripline.Origin) error { return (*ownError)(nil) })
	same(t, len(triplinetest.Run(t, whole, changes...)), 3)
	fails(t, triplinetest.Probe(t, whole, tripline.NewImage), "panic: ")
}

func TestBytesAreBinaryAndSetsAreSetsOfWhateverTypeAStructHasThem(t *testing.T) {
	type blob []byte
	type octet uint8
	type tags tripline.StringSet
	type binary struct {
		Blob  blob               `dynamodb:"a"`
		ID    [4]byte            `dynamodb:"b"`
		JSON  json.RawMessage    `dynamodb:"c"`
		Own   []octet            `dynamodb:"d"`
		Empty blob               `dynamodb:"e"`
		Tags  tags               `dynamodb:"f,set"`
		Names []string           `dynamodb:"g,set,omitempty"`
		Few   *[]tripline.Number `dynamodb:"h,set,omitempty"`
		Keys  [][]byte           `dynamodb:"i,set"`
		List  []string           `dynamodb:"j"`
	}
	given := binary{
		Blob: blob{1, 2}, ID: [4]byte{1, 2, 3, 4}, JSON: json.RawMessage(`{}`), Own: []octet{255}, Empty: blob{},
		Tags: tags{"x"}, Few: &[]tripline.Number{"1"}, Keys: [][]byte{{1}}, List: []string{"y"},
	}
	text, err := tripline.MarshalItem(given)
	same(t, []any{text, err}, []any{`{"a":{"B":"AQI="},"b":{"B":"AQIDBA=="},"c":{"B":"e30="},"d":{"B":"/w=="},"e":{"B":""},` +
		`"f":{"SS":["x"]},"h":{"NS":["1"]},"i":{"BS":["AQ=="]},"j":{"L":[{"S":"y"}]}}`, nil})
	item, err := tripline.ParseItem(text)
	if err != nil {
		t.Fatal(err)
	}
	var again binary
	same(t, item.Decode(&again), nil)
	same(t, again, given)
	text, err = tripline.MarshalItem(map[string]any{"nil": blob(nil), "array": [2]octet{1, 2}})
	same(t, []any{text, err}, []any{`{"array":{"B":"AQI="},"nil":{"NULL":true}}`, nil})
	fails(t, (tripline.Item{"b": []byte{1}}).Decode(&again), "attribute `b`: a B, and a [4]uint8 is wanted")
	_, err = tripline.MarshalItem(struct {
		A []int `dynamodb:"a,set"`
	}{[]int{1}})
	fails(t, err, "`a`: a []int is no set of DynamoDB's")
	_, err = tripline.MarshalItem(struct {
		A []string `dynamodb:"a,set"`
	}{})
	fails(t, err, "`a`: a set of DynamoDB's has at least one element")
}

func TestWhatTheHostRefusesTheRecorderRefuses(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	long := strings.Repeat("x", 1<<20+1)
	nines := strings.Repeat("9", 301)
	add := func(name string, labels counters.Labels, delta tripline.Number) func(*tripline.Change) error {
		return func(change *tripline.Change) error { return counters.Add(change, name, labels, delta) }
	}
	for _, good := range []tripline.Number{"1", "-19.99", "+.5", "5.", "1E+168", "1e-168", tripline.Number(nines[1:])} {
		same(t, within(t, add("n", nil, good)), nil)
	}
	for _, bad := range []tripline.Number{"", ".", "1_000", "1 ", "0x10", "inf", "1/2", "1e"} {
		fails(t, within(t, add("n", nil, bad)), "is not a decimal")
	}
	for _, bad := range []tripline.Number{"1E500", "1E+169", "1e-169", "0.5e-168", "1e99999999999999999999", tripline.Number(nines)} {
		fails(t, within(t, add("n", nil, bad)), "is outside what DynamoDB stores")
	}
	nine := counters.Labels{}
	for at := range 9 {
		nine[fmt.Sprintf("l%d", at)] = ""
	}
	for part, labels := range map[string]counters.Labels{
		"the label `Bad Label`: use":       {"Bad Label": ""},
		"bytes of the value of label `a`:": {"a": long[:1025]},
		"labels: 9; at most 8":             nine,
	} {
		fails(t, within(t, add("n", labels, "1")), part)
		fails(t, metrics.Count("n", metrics.Labels(labels), 1), part)
	}
	fails(t, within(t, add("Bad-Name", nil, "1")), "the counter's name `Bad-Name`: use")
	fails(t, metrics.Observe("Bad-Name", nil, 1), "the metric's name `Bad-Name`: use")
	fails(t, metrics.Observe("n_total", nil, 1), "leave out `_total`")
	fails(t, metrics.Observe("n", metrics.Labels{"le": ""}, 1), "the label `le`")
	fails(t, metrics.Observe("n", nil, math.Inf(1)), "no finite number")
	fails(t, metrics.SetGauge("n", nil, math.NaN()), "no finite number")
	same(t, metrics.Count("n", nil, 1), nil)
	fails(t, metrics.SetGauge("n", nil, 1), "of another kind already")

	for _, call := range []func(*tripline.Change) error{
		func(change *tripline.Change) error { return state.SetText(change, long[:2049], "") },
		func(change *tripline.Change) error { return state.Delete(change, long[:2049]) },
		func(change *tripline.Change) error { _, err := state.Get(change, long[:2049]); return err },
		func(change *tripline.Change) error { return state.SetText(change, "k", long[:256<<10+1]) },
		func(change *tripline.Change) error {
			return tables.Transact(change, slices.Repeat([]tables.InTable{{Table: "t", Write: tables.DeleteItem{Key: keys}}}, 101)...)
		},
		func(*tripline.Change) error {
			_, err := tables.GetMany("t", slices.Repeat([]any{keys}, 1001), false)
			return err
		},
	} {
		err := within(t, call)
		fails(t, err, "; at most ")
		same(t, tripline.IsCode(err, tripline.Invalid), true)
	}
	same(t, []int{len(host.Writes()), len(host.Counter("n", nil))}, []int{0, 7})
}

func TestAMailIsWhatAMailerTakes(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	send := func(mail mailer.Message) error {
		if mail.Text == "" && mail.HTML == "" {
			mail.Text = "t"
		}
		return within(t, func(change *tripline.Change) error { return mailer.Send(change, mail) })
	}
	for address, part := range map[string]string{
		"a@b.example":                    "",
		"Name <a@b.example>":             "",
		"\"Last, First\" <a@b.example>":  "",
		"Zoë <zoe@b.example>":            "",
		"o'neill+tag@b.example":          "",
		"":                               "to: not an address",
		"a":                              "to: not an address",
		"a@":                             "to: not an address",
		"a b@c.example":                  "to: not an address",
		"a@b.example, c@d.example":       "to: not an address",
		"<a@b.example> <c@d.example>":    "to: not an address",
		"Name <a@b.example":              "to: not an address",
		"a@b@c.example":                  "to: not an address",
		"a@b..example":                   "to: not an address",
		"a@b.example RCPT TO:<c@d.test>": "to: not an address",
		"a@b.example\r\nBcc: x@y.test":   "to: holds a control character",
	} {
		err := send(mailer.Message{To: []string{address}, Subject: "s"})
		if part == "" {
			same(t, err, nil)
			continue
		}
		fails(t, err, part)
	}
	same(t, len(host.Mails()), 5)
	to, long := []string{"a@b.example"}, strings.Repeat("x", 1<<20+1)
	for part, mail := range map[string]mailer.Message{
		"0 recipients":                  {Subject: "s"},
		"51 recipients":                 {To: slices.Repeat(to, 51), Subject: "s"},
		"reply-to: not an address":      {To: to, ReplyTo: "nobody", Subject: "s"},
		"subject: holds a control":      {To: to, Subject: "a\nb"},
		"bytes of subject: 999":         {To: to, Subject: long[:999]},
		"bytes of the text: 1048577":    {To: to, Subject: "s", Text: long},
		"bytes of the html: 1048577":    {To: to, Subject: "s", HTML: long},
		"bytes of the key: 1025; at mo": {To: to, Subject: "s", Key: long[:1025]},
	} {
		fails(t, send(mail), part)
	}
	fails(t, within(t, func(change *tripline.Change) error { return mailer.Send(change, mailer.Message{To: to, Subject: "s"}) }), "no body")
	same(t, len(host.Mails()), 5)
}

func TestARequestIsRecordedWhereTheHostWouldSendIt(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	answer, err := httpclient.Get("https://h.example")
	same(t, []any{answer.Status, err}, []any{200, nil})
	host.OnHTTP(func(triplinetest.Request) (*triplinetest.Response, error) { return nil, nil })
	answer, err = httpclient.Get("https://h.example")
	same(t, []any{answer.Status, err}, []any{200, nil})
	for given, code := range map[error]tripline.Code{
		errors.New("no route"): tripline.Unavailable,
		fmt.Errorf("as it is: %w", &tripline.HostError{What: "http", Code: tripline.AccessDenied}): tripline.AccessDenied,
	} {
		host.OnHTTP(func(triplinetest.Request) (*triplinetest.Response, error) { return nil, given })
		_, err = httpclient.Get("https://h.example")
		same(t, tripline.IsCode(err, code), true)
	}
	same(t, len(host.Requests()), 4)

	long := strings.Repeat("x", 16<<10)
	for _, name := range []string{
		"Host", "connection", "HTTP2-Settings", "keep-alive", "proxy-authenticate", "Proxy-Authorization", "proxy-connection", "Transfer-Encoding", "upgrade",
	} {
		_, err := httpclient.Get("https://h.example", httpclient.Header{Name: name, Value: "x"})
		fails(t, err, "which the host writes itself")
	}
	for part, request := range map[string]httpclient.Request{
		"headers of more than 16384 bytes":    {Method: "GET", URL: "https://h", Headers: []httpclient.Header{{Name: "X", Value: long[:len(long)-32]}}},
		"a header that is none: \"Bad Name\"": {Method: "GET", URL: "https://h", Headers: []httpclient.Header{{Name: "Bad Name"}}},
		"a header that is none: \"X\"":        {Method: "GET", URL: "https://h", Headers: []httpclient.Header{{Name: "X", Value: "a\nb"}}},
		"no method":                           {URL: "https://h"},
		"the URL's host or path is none":      {Method: "GET", URL: "https://h/a b"},
		"bytes of the body: 8388609":          {Method: "PUT", URL: "https://h", Body: make([]byte, 8<<20+1)},
	} {
		_, err := httpclient.Send(request)
		fails(t, err, part)
		same(t, tripline.IsCode(err, tripline.Invalid), true)
	}
	_, err = httpclient.Get("https://h.example", httpclient.Header{Name: "X", Value: long[:len(long)-33]})
	same(t, tripline.IsCode(err, tripline.AccessDenied) || tripline.IsCode(err, tripline.Unavailable), true)
	same(t, len(host.Requests()), 5)

	host = triplinetest.NewHost(t, nil, "counters")
	_, err = httpclient.Get("https://h.example")
	same(t, []any{tripline.IsCode(err, tripline.AccessDenied), len(host.Requests())}, []any{true, 0})
}

func TestATableIsReadWithTheGrantOfReads(t *testing.T) {
	read := func(*tripline.Change) error { _, err := tables.Get("t", keys, false); return err }
	write := func(*tripline.Change) error { return tables.Put("t", keys, nil) }
	triplinetest.NewHost(t, nil, "tables")
	same(t, within(t, write), nil)
	fails(t, within(t, read), "not granted reads")
	triplinetest.NewHost(t, nil, "reads")
	same(t, within(t, read), nil)
	fails(t, within(t, write), "not granted tables")
}
