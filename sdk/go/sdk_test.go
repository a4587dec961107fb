//go:build !wasip1

package tripline_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/counters"
	"github.com/tripline/tripline/sdk/go/httpclient"
	"github.com/tripline/tripline/sdk/go/httpclient/roundtrip"
	_ "github.com/tripline/tripline/sdk/go/logs"
	"github.com/tripline/tripline/sdk/go/mailer"
	"github.com/tripline/tripline/sdk/go/metrics"
	"github.com/tripline/tripline/sdk/go/settings"
	"github.com/tripline/tripline/sdk/go/state"
	"github.com/tripline/tripline/sdk/go/tables"
	"github.com/tripline/tripline/sdk/go/triplinetest"
)

func fails(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%v, and `%s` is wanted", err, part)
	}
}

func same(t *testing.T, got, wanted any) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%#v, and %#v is wanted", got, wanted)
	}
}

var keys = tripline.Item{"id": "a"}

func TestItemsComeBackAsTheyWere(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"a":{"S":"ä"},"n":{"N":"12345678901234567890.123456789"},"t":{"BOOL":false},"z":{"NULL":true}}`,
		`{"e":{"M":{}},"l":{"L":[{"S":"a"},{"N":"1"},{"M":{"x":{"S":"y"}}}]}}`,
		`{"b":{"B":""},"bs":{"BS":["AAEC","/w=="]},"ns":{"NS":["1","2.50"]},"ss":{"SS":["a","b"]}}`,
		`{"q":{"S":"\"\\\u0000\u001f/"}}`,
	} {
		item, err := tripline.ParseItem(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := tripline.MarshalItem(item)
		if err != nil || again != text {
			t.Errorf("%s became %s (%v)", text, again, err)
		}
	}
}

func TestStringsAreWhatJSONSaysTheyAre(t *testing.T) {
	for text, wanted := range map[string]string{
		`\n\t\/\b\f\r`: "\n\t/\b\f\r",
		`ä😀`:           "ä😀",
		`\u00e4\u00E4`: "ää",
		`\ud83d\ude00`: "😀",
		`a\ud83d`:      "a\uFFFD",
		`\ud83d\u0041`: "\uFFFDA",
	} {
		item, err := tripline.ParseItem(` { "a" : { "S" : "` + text + `" } } `)
		if err != nil || item["a"] != wanted {
			t.Errorf("%s is %q (%v)", text, item["a"], err)
		}
	}
}

func TestWhatIsNoItemIsRefusedWithItsPlace(t *testing.T) {
	deep := strings.Repeat(`{"L":[`, 100)
	for text, part := range map[string]string{
		``:                          "`{` is wanted at byte 0",
		`[]`:                        "`{` is wanted at byte 0",
		`{}x`:                       "nothing more is wanted at byte 2",
		`{"a":{"S":"b"}`:            "`,` is wanted at byte 14",
		`{"a":{"S":"b","N":"1"}}`:   "`}` is wanted at byte 13",
		`{"a":{"X":1}}`:             "not `X`, is wanted",
		`{"a":{"N":1}}`:             "`\"` is wanted at byte 10",
		`{"a":{"B":"*"}}`:           "base64 is wanted",
		`{"a":{"BOOL":tru}}`:        "`true` or `false` is wanted at byte 13",
		`{"a":{"S":"b`:              "an end of the string is wanted",
		`{"a":{"S":"\x"}}`:          "an escape is wanted",
		`{"a":{"S":"\u00g0"}}`:      "a hexadecimal digit is wanted",
		`{"a":{"S":"\u00`:           "a digit is wanted",
		"{\"a\":{\"S\":\"\n\"}}":    "an escape is wanted",
		`{"a":` + deep:              "an end of the nesting is wanted",
		`{"a":{"M":{"b":{"S":1}}}}`: "`\"` is wanted at byte 20",
		`{"a":{"SS":["a",]}}`:       "`\"` is wanted at byte 16",
	} {
		_, err := tripline.ParseItem(text)
		fails(t, err, part)
	}
}

type order struct {
	ID      string          `dynamodb:"id,required"`
	Total   tripline.Number `dynamodb:"total"`
	Pieces  uint8           `dynamodb:"pieces,omitempty"`
	Share   float64         `dynamodb:"share,omitempty"`
	Paid    *bool           `dynamodb:"paid,omitempty"`
	Tags    tripline.StringSet
	Lines   []line `dynamodb:"lines"`
	Notes   map[string]string
	Raw     []byte
	Secret  string `dynamodb:"-"`
	Nothing any
}

type line struct {
	Count int32 `dynamodb:"count"`
}

func TestStructsAreItems(t *testing.T) {
	paid := true
	text := `{"Notes":{"M":{"k":{"S":"v"}}},"Nothing":{"NULL":true},"Raw":{"B":"AQI="},"Tags":{"SS":["x"]},"id":{"S":"a"},` +
		`"lines":{"L":[{"M":{"count":{"N":"-3"}}}]},"paid":{"BOOL":true},"pieces":{"N":"255"},"total":{"N":"19.99"}}`
	wanted := order{
		ID: "a", Total: "19.99", Pieces: 255, Paid: &paid, Tags: tripline.StringSet{"x"}, Lines: []line{{-3}},
		Notes: map[string]string{"k": "v"}, Raw: []byte{1, 2},
	}
	item, err := tripline.ParseItem(text)
	if err != nil {
		t.Fatal(err)
	}
	var got order
	if err := item.Decode(&got); err != nil {
		t.Fatal(err)
	}
	same(t, got, wanted)
	again, err := tripline.MarshalItem(got)
	if err != nil || again != text {
		t.Errorf("%s (%v)", again, err)
	}
	if err := (tripline.Item{"id": "a", "share": tripline.Number("0.5"), "pieces": tripline.Number("2E+1")}).Decode(&got); err != nil || got.Share != 0.5 || got.Pieces != 20 {
		t.Errorf("%v %v", got, err)
	}
}

func TestWhatDoesNotFitAStructIsRefusedWithItsPlace(t *testing.T) {
	for text, part := range map[string]string{
		`{}`:                                    "attribute `id` is missing",
		`{"id":{"N":"1"}}`:                      "attribute `id`: the N 1, and a string is wanted",
		`{"id":{"S":"a"},"total":{"S":"1"}}`:    "attribute `total`: an S, and a tripline.Number is wanted",
		`{"id":{"S":"a"},"pieces":{"N":"256"}}`: "attribute `pieces`: the N 256, and a uint8 is wanted",
		`{"id":{"S":"a"},"pieces":{"N":"1.5"}}`: "attribute `pieces`: the N 1.5",
		`{"id":{"S":"a"},"lines":{"L":[{"M":{}},{"M":{"count":{"N":"2147483648"}}}]}}`: "attribute `lines[1].count`: the N 2147483648",
		`{"id":{"S":"a"},"lines":{"S":"a"}}`:                                           "attribute `lines`: an S",
		`{"id":{"S":"a"},"Notes":{"M":{"k":{"BOOL":true}}}}`:                           "attribute `Notes.k`: a BOOL, and a string is wanted",
	} {
		item, err := tripline.ParseItem(text)
		if err != nil {
			t.Fatal(err)
		}
		fails(t, item.Decode(&order{}), part)
	}
	fails(t, (tripline.Item{}).Decode(order{}), "into a pointer")
}

func TestWhatDynamoDBCannotHoldIsRefusedWithItsPlace(t *testing.T) {
	for part, value := range map[string]any{
		"`a.b[0]`: a float is not exact":            tripline.Item{"a": tripline.Item{"b": []any{1.5}}},
		"`a`: \"NaN\" is no number":                 tripline.Item{"a": tripline.Number("NaN")},
		"`a`: \"1e9999\" is no number":              tripline.Item{"a": tripline.Number("1e9999")},
		"`a`: a set of DynamoDB's has at least one": tripline.Item{"a": tripline.StringSet{}},
		"`a`: a chan int is no value":               map[string]any{"a": make(chan int)},
		"`a`: a time.Time has no fields":            map[string]any{"a": time.Now()},
		"a string is no item":                       "a",
		"there is nil":                              nil,
	} {
		_, err := tripline.MarshalItem(value)
		fails(t, err, part)
	}
	text, err := tripline.MarshalItem(map[string]any{"a": 1, "b": []string{"x"}, "c": uint64(1 << 63), "d": "\xff", "e": []int(nil)})
	if wanted := `{"a":{"N":"1"},"b":{"L":[{"S":"x"}]},"c":{"N":"9223372036854775808"},"d":{"S":"` + "\uFFFD" + `"},"e":{"NULL":true}}`; err != nil || text != wanted {
		t.Errorf("%s (%v)", text, err)
	}
}

func TestWhatAStructDoesNotWantIsPassedOver(t *testing.T) {
	type narrow struct {
		ID string `dynamodb:"id"`
	}
	for text, part := range map[string]string{
		`{"a":{"M":{"x":{"L":[{"S":"}]\"\\"}]}}},"id":{"S":"b"},"z":{"NULL":true}}`: "",
		`{"id":{"S":"b"},"z":{"anything":[1,{}]}}`:                                  "",
		`{"id":{"S":"b"},"z":1}`:                                                    "`{` is wanted at byte 20",
		`{"z":{"S":"`:                                                               "an end of the string is wanted",
		`{"z":{"S":[`:                                                               "an end of the value is wanted",
	} {
		change := tripline.Change{NewImageJSON: text}
		var got narrow
		there, err := change.DecodeNewImage(&got)
		if part != "" {
			fails(t, err, part)
			continue
		}
		same(t, []any{there, err, got.ID}, []any{true, nil, "b"})
	}
}

func BenchmarkDecode(b *testing.B) {
	text := `{"id":{"S":"o-1"},"total":{"N":"19.99"}`
	for at := range 8 {
		text += fmt.Sprintf(`,"other-%d":{"S":"%s"}`, at, strings.Repeat("x", 40))
	}
	change := tripline.Change{NewImageJSON: text + "}"}
	for b.Loop() {
		var order order
		if _, err := change.DecodeNewImage(&order); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNumbersAreComparedByValue(t *testing.T) {
	for _, row := range []struct {
		one, other tripline.Number
		order      int
	}{{"1", "1.0", 0}, {"1E+2", "100", 0}, {"-2", "1", -1}, {"12345678901234567890.1", "12345678901234567890.01", 1}, {"x", "y", -1}} {
		same(t, row.one.Cmp(row.other), row.order)
	}
	for number, sign := range map[tripline.Number]int{"0": 0, "-0.00": 0, "0e5": 0, "-0.1": -1, "7E-3": 1} {
		same(t, number.Sign(), sign)
	}
	whole, err := tripline.Number("1.5E+1").Int64()
	same(t, whole, int64(15))
	same(t, err, nil)
	_, err = tripline.Number("9223372036854775808").Int64()
	fails(t, err, "no integer of 64 bits")
	same(t, tripline.Equal(tripline.NumberSet{"1", "2"}, tripline.NumberSet{"2.0", "1"}), true)
	same(t, tripline.Equal(tripline.Item{"a": []any{nil}}, tripline.Item{"a": []any{false}}), false)
}

func TestDifferencesAreByValue(t *testing.T) {
	var found []string
	plugin := tripline.OnChange(func(change *tripline.Change) error {
		all, err := change.Differences()
		for _, one := range all {
			found = append(found, fmt.Sprint(one))
		}
		return err
	})
	old := tripline.Item{"id": "a", "n": tripline.Number("1"), "gone": nil, "s": "x"}
	new := tripline.Item{"id": "a", "n": tripline.Number("1.0"), "new": true, "s": "y"}
	same(t, len(triplinetest.Run(t, plugin, triplinetest.Modify(keys, old, new))), 0)
	same(t, found, []string{"{gone <nil> <nil> true false}", "{new <nil> true false true}", "{s x y true true}"})
}

func TestAFailedChangeStopsNoOtherAndLeavesNothingBehind(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	plugin := tripline.OnChange(func(change *tripline.Change) error {
		item, err := change.NewImage()
		if err != nil {
			return err
		}
		id := item.Text("id")
		err = errors.Join(
			counters.Count(change, "seen", counters.Labels{"kind": change.Event.String()}),
			state.SetText(change, id, "1"),
			mailer.Send(change, mailer.Message{To: []string{"a@example.com"}, Subject: id, Text: "hi"}),
		)
		if err != nil {
			return err
		}
		slog.Info("seen", "id", id)
		switch id {
		case "retry":
			return tripline.Retryf("later")
		case "reject":
			return fmt.Errorf("order: %w", tripline.Rejectf("never"))
		case "plain":
			return errors.New("oops")
		case "bug":
			panic("a bug")
		}
		return nil
	})
	var changes []triplinetest.Change
	for _, id := range []string{"a", "retry", "reject", "plain", "bug"} {
		changes = append(changes, triplinetest.Insert(tripline.Item{"id": id}, tripline.Item{"id": id}))
	}
	same(t, triplinetest.Run(t, plugin, changes...), []tripline.FailedChange{
		{Index: 1, Reason: "later"},
		{Index: 2, Rejects: true, Reason: "order: never"},
		{Index: 3, Reason: "oops"},
		{Index: 4, Reason: "panic: a bug"},
	})
	same(t, host.Counter("seen", map[string]string{"kind": "INSERT"}), []string{"1"})
	_, has := host.State("retry")
	same(t, has, false)
	kept, _ := host.State("a")
	same(t, kept, "1")
	same(t, len(host.Mails()), 1)
	// Logs are no state: they stay.
	same(t, host.Logs()[0], "info seen id=a")
	same(t, len(host.Logs()), 5)
}

func TestABatchFailsInPartOrAsAWhole(t *testing.T) {
	part := tripline.OnBatch(func(batch *tripline.Batch) error {
		batch.Fail(batch.Changes[1], tripline.Rejectf("x"))
		batch.Fail(batch.Changes[1], tripline.Retryf("not this"))
		batch.Fail(batch.Changes[0], nil)
		return nil
	})
	whole := tripline.OnBatch(func(*tripline.Batch) error { return errors.New("all") })
	two := []triplinetest.Change{triplinetest.Insert(keys, keys), triplinetest.Remove(keys, keys)}
	same(t, triplinetest.Run(t, part, two...), []tripline.FailedChange{{Index: 1, Rejects: true, Reason: "x"}})
	same(t, triplinetest.Run(t, whole, two...), []tripline.FailedChange{{Index: 0, Reason: "all"}, {Index: 1, Reason: "all"}})
}

func TestAProbeIsAnsweredAndHandlesNothing(t *testing.T) {
	triplinetest.NewHost(t, map[string]string{"limit": "3"})
	plugin := tripline.OnChange(func(*tripline.Change) error {
		t.Error("an empty batch reached the handler")
		return nil
	}).WithProbe(func(origin *tripline.Origin) error {
		if origin.View == tripline.KeysOnly {
			return tripline.Rejectf("%s has no image", origin.View)
		}
		limit, err := settings.Int("limit", 0)
		same(t, limit, int64(3))
		if err == nil {
			_, err = settings.Require("to")
		}
		return err
	})
	fails(t, triplinetest.Probe(t, plugin, tripline.KeysOnly), "keys-only has no image")
	fails(t, triplinetest.Probe(t, plugin, tripline.NewImage), "setting `to` is missing")
}

func TestWhatTheHostRefusesIsRetriedOrRejectedByItsKind(t *testing.T) {
	host := triplinetest.NewHost(t, nil, "tables")
	put := tripline.OnChange(func(*tripline.Change) error { return tables.Put("copy", keys, nil) })
	for code, rejects := range map[tripline.Code]bool{tripline.ConditionFailed: true, tripline.Invalid: true, tripline.Unavailable: false} {
		host.OnWrite(func(triplinetest.Write) *tripline.HostError {
			return &tripline.HostError{What: "table", Code: code, Reason: "no"}
		})
		failed := triplinetest.Run(t, put, triplinetest.Insert(keys, keys))
		same(t, []bool{failed[0].Rejects}, []bool{rejects})
	}
	denied := tripline.OnChange(func(change *tripline.Change) error { return counters.Count(change, "seen", nil) })
	same(t, triplinetest.Run(t, denied, triplinetest.Insert(keys, keys)), []tripline.FailedChange{
		{Rejects: true, Reason: "counters: trigger `test` is not granted counters"},
	})
}

func TestTablesStateAndMetricsByName(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	host.PutItem(t, "prices", tripline.Item{"id": "a", "price": 7})
	host.SetState("k", "before")
	plugin := tripline.OnChange(func(change *tripline.Change) error {
		price, err := tables.Get("prices", keys, true)
		if err != nil {
			return err
		}
		number, _ := price.Number("price")
		values, err := state.GetMany(state.Read{Change: change, Key: "k"}, state.Read{Change: change, Key: "none"})
		same(t, values, [][]byte{[]byte("before"), nil})
		_, err2 := tables.Make("copy",
			tables.UpdateItem{Key: keys, Expression: "SET #p = :p", Names: tables.Names{"#p": "price"}, Values: tripline.Item{":p": number}},
			tables.DeleteItem{Key: keys, Condition: &tables.Condition{Expression: "attribute_exists(id)"}})
		return errors.Join(err, err2, state.Delete(change, "k"), metrics.Observe("took_seconds", nil, 0.5), metrics.Count("made", metrics.Labels{"a": "b"}, 2))
	})
	same(t, len(triplinetest.Run(t, plugin, triplinetest.Insert(keys, keys))), 0)
	same(t, host.Writes(), []triplinetest.Write{
		{Table: "copy", Kind: "update", Item: keys, Expression: "SET #p = :p", Values: tripline.Item{":p": tripline.Number("7")}},
		{Table: "copy", Kind: "delete", Item: keys, Condition: "attribute_exists(id)"},
	})
	_, has := host.State("k")
	same(t, has, false)
	same(t, host.Samples("made"), []float64{2})
}

func TestACancelledTransactionSaysWhichWriteStoppedIt(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	host.OnWrite(func(write triplinetest.Write) *tripline.HostError {
		if write.Kind == "check" {
			return &tripline.HostError{What: "table", Code: tripline.ConditionFailed}
		}
		return nil
	})
	plugin := tripline.OnChange(func(change *tripline.Change) error {
		return tables.Transact(change,
			tables.InTable{Table: "t", Write: tables.PutItem{Item: keys}},
			tables.InTable{Table: "t", Write: tables.CheckItem{Key: keys, Condition: tables.Condition{Expression: "attribute_exists(id)"}}})
	})
	failed := triplinetest.Run(t, plugin, triplinetest.Insert(keys, keys))
	same(t, failed[0].Rejects, true)
	fails(t, errors.New(failed[0].Reason), "write 2: table: the condition did not hold")
	same(t, len(host.Writes()), 0)
}

func TestAnAnswerIsJudgedByItsStatus(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	for status, part := range map[int]string{201: "", 302: "302", 404: "404", 408: "408", 429: "429", 503: "503", 599: "599", 600: "600"} {
		host.OnHTTP(func(triplinetest.Request) (*triplinetest.Response, error) {
			return &triplinetest.Response{Status: status, Headers: map[string]string{"Retry-After": "7"}, Body: []byte("{}")}, nil
		})
		answer, err := httpclient.PostJSON("https://api.example.com?x=1#y", map[string]int{"a": 1}, httpclient.Header{Name: "X", Value: "y"})
		if err != nil {
			t.Fatal(err)
		}
		same(t, []string{answer.Header("Retry-After"), string(answer.Body)}, []string{"7", "{}"})
		if err := answer.Check(); part != "" {
			fails(t, err, part)
			same(t, tripline.Rejects(err), status == 302 || status == 404 || status == 600)
		} else {
			same(t, err, nil)
		}
	}
	sent := host.Requests()[0]
	same(t, sent, triplinetest.Request{
		Method: "POST", URL: "https://api.example.com/?x=1", Headers: map[string]string{"Content-Type": "application/json", "X": "y"}, Body: []byte(`{"a":1}`),
	})
	if _, err := httpclient.PostJSON("https://api.example.com", 1, httpclient.Header{Name: "content-type", Value: "application/vnd.api+json"}); err != nil {
		t.Fatal(err)
	}
	requests := host.Requests()
	same(t, requests[len(requests)-1].Headers, map[string]string{"content-type": "application/vnd.api+json"})
	for _, url := range []string{"", "api.example.com", "ftp://a/b", "https:///b"} {
		_, err := httpclient.Get(url)
		fails(t, err, "a URL is https://HOST/PATH")
	}
}

func TestNetHTTPGoesThroughTheHost(t *testing.T) {
	host := triplinetest.NewHost(t, nil)
	host.OnHTTP(func(request triplinetest.Request) (*triplinetest.Response, error) {
		return &triplinetest.Response{Body: []byte(request.Method + " " + string(request.Body))}, nil
	})
	answer, err := roundtrip.Client().Post("https://api.example.com/a?b", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	same(t, []any{answer.Status, string(body), err}, []any{"200 OK", "POST body", nil})
	same(t, host.Requests()[0].Headers, map[string]string{"Content-Type": "text/plain"})
}

func TestAChangeTellsWhatHappened(t *testing.T) {
	var told []string
	plugin := tripline.OnChange(func(change *tripline.Change) error {
		image, err := change.NewImage()
		there, err2 := change.DecodeOldImage(&struct{}{})
		told = append(told, fmt.Sprintf("%v %s %v %v %v %d %s",
			change.Event, change.EventID, change.IsExpiry(), image == nil, there, change.Created.Year(), change.Origin().Table))
		return errors.Join(err, err2)
	})
	triplinetest.Run(t, plugin, triplinetest.Insert(keys, keys), triplinetest.Expire(keys, keys), triplinetest.Remove(keys, keys))
	if !slices.Equal(told, []string{"INSERT event-1 false false false 2026 test", "REMOVE event-2 true true true 2026 test", "REMOVE event-3 false true true 2026 test"}) {
		t.Error(told)
	}
}
