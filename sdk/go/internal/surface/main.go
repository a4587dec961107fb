// Command surface calls every import once, for a test that compares what the host has understood (e2e `go`): a change each, by its key.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/counters"
	"github.com/tripline/tripline/sdk/go/httpclient"
	"github.com/tripline/tripline/sdk/go/logs"
	"github.com/tripline/tripline/sdk/go/mailer"
	"github.com/tripline/tripline/sdk/go/metrics"
	"github.com/tripline/tripline/sdk/go/settings"
	"github.com/tripline/tripline/sdk/go/state"
	"github.com/tripline/tripline/sdk/go/tables"
)

var plugin = tripline.OnChange(handle)

func main() {}

type row struct {
	ID    string          `dynamodb:"id"`
	Count tripline.Number `dynamodb:"count,omitempty"`
}

var steps = map[string]func(*tripline.Change) error{
	"counters": func(change *tripline.Change) error {
		return counters.Add(change, "sum", counters.Labels{"b": "2", "a": "\xff"}, "-12345678901234567890.5")
	},
	"state":    stateAndBack,
	"tables":   rows,
	"transact": transact,
	"mailer": func(change *tripline.Change) error {
		return mailer.Send(change, mailer.Message{To: []string{"a@example.com"}, Subject: "s", Text: "t", HTML: "<p>h</p>", ReplyTo: "b@example.com", Key: "k"})
	},
	"metrics": func(*tripline.Change) error {
		return errors.Join(metrics.Count("made", nil, 3), metrics.SetGauge("depth", metrics.Labels{"q": "a"}, 1.5), metrics.Observe("took_seconds", nil, 0.25))
	},
	"settings": func(*tripline.Change) error {
		all, err := settings.All()
		number, err2 := settings.Int("number", 0)
		_, has, err3 := settings.Get("none")
		slog.New(logs.New("part")).Debug("settings", "all", all, "number", number, "none", has)
		return errors.Join(err, err2, err3)
	},
	"prints": func(change *tripline.Change) error {
		fmt.Println("printed at", change.Created.Format(time.RFC3339), "by", change.Origin().Trigger)
		fmt.Fprintln(os.Stderr, "and said")
		return nil
	},
	"denied": func(*tripline.Change) error {
		_, err := httpclient.Get("https://example.com")
		return err
	},
	"panics": func(*tripline.Change) error {
		var none *row
		none.ID = "x"
		return nil
	},
	"retries": func(*tripline.Change) error { return errors.New("not now: \xff") },
}

func handle(change *tripline.Change) error {
	keys, err := change.Keys()
	if err != nil {
		return err
	}
	return steps[keys.Text("id")](change)
}

func stateAndBack(change *tripline.Change) error {
	err := errors.Join(state.SetText(change, "a", "one"), state.Set(change, "empty", nil), state.SetUntil(change, "b", []byte{0, 255}, change.Created.Add(48*time.Hour)))
	if err != nil {
		return err
	}
	values, err := state.GetMany(state.Read{Change: change, Key: "a"}, state.Read{Change: change, Key: "empty"}, state.Read{Change: change, Key: "none"})
	if err != nil {
		return err
	}
	slog.Info("state", "a", string(values[0]), "empty", values[1] != nil, "none", values[2] != nil)
	return state.Delete(change, "a")
}

func rows(*tripline.Change) error {
	made, err := tables.Make("copy",
		tables.PutItem{Item: row{ID: "x", Count: "1E+3"}, Condition: &tables.Condition{Expression: "attribute_not_exists(#i)", Names: tables.Names{"#i": "id"}}},
		tables.DeleteItem{Key: row{ID: "y"}},
		tables.UpdateItem{Key: row{ID: "z"}, Expression: "ADD #c :one", Condition: "attribute_exists(id)", Names: tables.Names{"#c": "count"}, Values: tripline.Item{":one": 1}})
	if err != nil {
		return err
	}
	item, err := tables.Get("copy", row{ID: "x"}, true)
	if err != nil {
		return err
	}
	missing, err := tables.Get("copy", row{ID: "w"}, false)
	slog.Info("tables", "made", len(made), "x", item.Text("id"), "missing", missing == nil)
	return errors.Join(append(made, err)...)
}

func transact(change *tripline.Change) error {
	return tables.Transact(change,
		tables.InTable{Table: "copy", Write: tables.PutItem{Item: row{ID: "t"}}},
		tables.InTable{Table: "copy", Write: tables.UpdateItem{Key: row{ID: "u"}, Expression: "REMOVE #c", Names: tables.Names{"#c": "count"}}},
		tables.InTable{Table: "copy", Write: tables.DeleteItem{Key: row{ID: "v"}}},
		tables.InTable{Table: "copy", Write: tables.CheckItem{Key: row{ID: "w"}, Condition: tables.Condition{Expression: "#c > :n", Names: tables.Names{"#c": "count"}, Values: tripline.Item{":n": 2}}}})
}
