package main

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/triplinetest"
)

var sound = map[string]string{"url": "https://hooks.example.com/orders", "secret": "correct horse battery staple"}

func TestAChangeIsSignedAndSentOnce(t *testing.T) {
	host := triplinetest.NewHost(t, sound)
	host.OnHTTP(func(triplinetest.Request) (*triplinetest.Response, error) {
		return &triplinetest.Response{Status: 202}, nil
	})
	item := tripline.Item{"id": "o-1", "total": tripline.Number("12345678901234567890.5")}
	if failed := triplinetest.Run(t, plugin, triplinetest.Insert(tripline.Item{"id": "o-1"}, item)); len(failed) != 0 {
		t.Fatal(failed)
	}
	sent := host.Requests()[0]
	if want := "sha256=" + sign(sound["secret"], sent.Body); sent.Headers["X-Signature"] != want || sent.Headers["Idempotency-Key"] != "event-1" {
		t.Error(sent.Headers)
	}
	if got := host.Counter("delivered", map[string]string{"event": "INSERT"}); !slices.Equal(got, []string{"1"}) {
		t.Error(got)
	}
}

func TestWhatTheReceiverAnswersDecides(t *testing.T) {
	host := triplinetest.NewHost(t, sound)
	for status, rejects := range map[int]bool{400: true, 410: true, 429: false, 500: false, 503: false} {
		host.OnHTTP(func(triplinetest.Request) (*triplinetest.Response, error) {
			return &triplinetest.Response{Status: status}, nil
		})
		failed := triplinetest.Run(t, plugin, triplinetest.Insert(tripline.Item{"id": "o-1"}, tripline.Item{"id": "o-1"}))
		if len(failed) != 1 || failed[0].Rejects != rejects {
			t.Error(status, failed)
		}
	}
}

func TestWrongSettingsAreNoVersionToServe(t *testing.T) {
	for _, wrong := range []map[string]string{{}, {"url": sound["url"]}, {"url": "http://a", "secret": sound["secret"]}, {"url": sound["url"], "secret": "short"}} {
		triplinetest.NewHost(t, wrong)
		if triplinetest.Probe(t, plugin, tripline.NewImage) == nil {
			t.Error(wrong, "serves")
		}
	}
}

func TestTheBodyHasOneForm(t *testing.T) {
	want := `{"a":{"SS":["x","y"]},"b":{"L":[{"N":"2"},{"N":"1"}]},"c":{"M":{"d":{"NULL":true},"e":{"B":"AA=="}}}}`
	for _, order := range []string{want, `{"c":{"M":{"e":{"B":"AA=="},"d":{"NULL":true}}}, "b":{"L":[{"N":"2"},{"N":"1"}]}, "a":{"SS":["y","x"]}}`} {
		if got, err := json.Marshal(image(order)); err != nil || string(got) != want {
			t.Error(string(got), err)
		}
	}
}
