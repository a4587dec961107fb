// Command webhook posts each change as JSON, signed, so that the receiver knows the sender: an insertion to URL/insert, and so on.
//
// What holds: a request that is made again has the same Idempotency-Key and the same body, and so the same signature; what the receiver refuses
// becomes a dead letter, and what it has no time for is sent again. The secret stands in no message and no log.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/counters"
	"github.com/tripline/tripline/sdk/go/httpclient"
	_ "github.com/tripline/tripline/sdk/go/logs"
	"github.com/tripline/tripline/sdk/go/settings"
)

const (
	secretBytesMin = 16
	answerTimeout  = 5 * time.Second
	connectTimeout = 3 * time.Second
)

var plugin = tripline.OnChange(handle).WithProbe(check)

// The host calls the handler.
func main() {}

// What is sent. Images are DynamoDB's own JSON, in which no number loses a digit.
type hook struct {
	ID       string    `json:"id"`
	Event    string    `json:"event"`
	Table    string    `json:"table"`
	Created  time.Time `json:"created"`
	Keys     image     `json:"keys"`
	NewImage image     `json:"new,omitempty"`
	OldImage image     `json:"old,omitempty"`
	Expired  bool      `json:"expired,omitempty"`
}

// An item as DynamoDB's JSON, in one form: read again, it may have its attributes and the elements of its sets in another order, and the body, which is
// signed, would be another one.
type image string

func (i image) MarshalJSON() ([]byte, error) {
	var value any
	if err := json.Unmarshal([]byte(i), &value); err != nil {
		return nil, err
	}
	sortSets(value)
	// It sorts the names.
	return json.Marshal(value)
}

// Every array is a set, but for lists.
func sortSets(value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			sortSets(element)
		}
	case map[string]any:
		for kind, inner := range value {
			if set, ok := inner.([]any); ok && kind != "L" {
				slices.SortFunc(set, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			sortSets(inner)
		}
	}
}

func check(*tripline.Origin) error {
	_, _, err := receiver()
	return err
}

func receiver() (url, secret string, err error) {
	if url, err = settings.Require("url"); err != nil {
		return "", "", err
	}
	if secret, err = settings.Require("secret"); err != nil {
		return "", "", err
	}
	// An editor ends a file with a line break.
	secret = strings.TrimSpace(secret)
	if !strings.HasPrefix(url, "https://") {
		return "", "", tripline.Rejectf("setting `url`: a webhook is sent to https:// alone")
	}
	if len(secret) < secretBytesMin {
		return "", "", tripline.Rejectf("setting `secret`: at least %d characters", secretBytesMin)
	}
	return url, secret, nil
}

func handle(change *tripline.Change) error {
	url, secret, err := receiver()
	if err != nil {
		return err
	}
	body, err := json.Marshal(hook{
		ID:       change.EventID,
		Event:    change.Event.String(),
		Table:    change.Origin().Table,
		Created:  change.Created,
		Keys:     image(change.KeysJSON),
		NewImage: image(change.NewImageJSON),
		OldImage: image(change.OldImageJSON),
		Expired:  change.IsExpiry(),
	})
	if err != nil {
		return tripline.Rejectf("the change is no JSON: %w", err)
	}
	answer, err := httpclient.Send(httpclient.Request{
		Method: "POST",
		URL:    strings.TrimSuffix(url, "/") + "/" + strings.ToLower(change.Event.String()),
		Headers: []httpclient.Header{
			{Name: "Content-Type", Value: "application/json"},
			{Name: "Idempotency-Key", Value: change.EventID},
			{Name: "X-Signature", Value: "sha256=" + sign(secret, body)},
		},
		Body:           body,
		ConnectTimeout: connectTimeout,
		AnswerTimeout:  answerTimeout,
	})
	if err != nil {
		return err
	}
	// 408, 425, 429 and 5xx may pass: sent again. All else but 2xx will not.
	if err := answer.Check(); err != nil {
		slog.Warn("refused", "change", change.EventID, "status", answer.Status)
		return err
	}
	return counters.Count(change, "delivered", counters.Labels{"event": change.Event.String()})
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
