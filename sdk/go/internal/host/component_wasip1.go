package host

import (
	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_counters"
	"github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_mailer"
	"github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_metrics"
	"github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_state"
	"github.com/tripline/tripline/sdk/go/internal/bindings/wasi_config_store"
	"github.com/tripline/tripline/sdk/go/internal/bindings/wasi_logging_logging"
	"github.com/tripline/tripline/sdk/go/internal/collect"
	"github.com/tripline/tripline/sdk/go/internal/text"
	wit "github.com/tripline/tripline/sdk/go/internal/wit/types"
)

type (
	pair = wit.Tuple2[string, string]
	unit = wit.Unit
)

func pairs(labels []Label) []pair {
	given := make([]pair, len(labels))
	for at, label := range labels {
		given[at] = pair{F0: text.Valid(label.Name), F1: text.Valid(label.Value)}
	}
	return given
}

// An empty text is none.
func maybe(given string) wit.Option[string] {
	if given == "" {
		return wit.None[string]()
	}
	return wit.Some(text.Valid(given))
}

func AddCounter(change int, name string, labels []Label, delta string) *tripline.HostError {
	defer collect.AfterImport()
	answer := tripline_trigger_counters.Add(uint32(change), text.Valid(name), pairs(labels), text.Valid(delta))
	if answer.IsOk() {
		return nil
	}
	err, what := answer.Err(), "counter `"+name+"`"
	if err.Tag() == tripline_trigger_counters.CounterErrorAccessDenied {
		return refused(what, tripline.AccessDenied, err.AccessDenied())
	}
	return refused(what, tripline.Invalid, err.Invalid())
}

func stateError(what string, err tripline_trigger_state.StateError) *tripline.HostError {
	switch err.Tag() {
	case tripline_trigger_state.StateErrorAccessDenied:
		return refused(what, tripline.AccessDenied, err.AccessDenied())
	case tripline_trigger_state.StateErrorInvalid:
		return refused(what, tripline.Invalid, err.Invalid())
	default:
		return refused(what, tripline.Unavailable, err.Unavailable())
	}
}

// GetState has nil where there is none.
func GetState(reads []Read) ([][]byte, *tripline.HostError) {
	defer collect.AfterImport()
	wire := make([]tripline_trigger_state.Read, len(reads))
	for at, read := range reads {
		wire[at] = tripline_trigger_state.Read{Change: uint32(read.Change), Key: text.Valid(read.Key)}
	}
	answer := tripline_trigger_state.Get(wire)
	if answer.IsErr() {
		return nil, stateError("state", answer.Err())
	}
	values := make([][]byte, len(reads))
	for at, value := range answer.Ok() {
		if value.IsSome() {
			// Where it is empty there is one all the same.
			values[at] = append([]byte{}, value.Some()...)
		}
	}
	return values, nil
}

// SetState keeps it for ever where `expires` is nil.
func SetState(change int, key string, value []byte, expires *uint64) *tripline.HostError {
	defer collect.AfterImport()
	until := wit.None[uint64]()
	if expires != nil {
		until = wit.Some(*expires)
	}
	return stateAnswer(key, tripline_trigger_state.Set(uint32(change), text.Valid(key), value, until))
}

func DeleteState(change int, key string) *tripline.HostError {
	defer collect.AfterImport()
	return stateAnswer(key, tripline_trigger_state.Delete(uint32(change), text.Valid(key)))
}

func stateAnswer(key string, answer wit.Result[unit, tripline_trigger_state.StateError]) *tripline.HostError {
	if answer.IsErr() {
		return stateError("state `"+key+"`", answer.Err())
	}
	return nil
}

func Send(change int, mailer string, mail Mail, key string) *tripline.HostError {
	defer collect.AfterImport()
	to := make([]string, len(mail.To))
	for at, one := range mail.To {
		to[at] = text.Valid(one)
	}
	answer := tripline_trigger_mailer.Send(uint32(change), maybe(mailer), tripline_trigger_mailer.Message{
		To: to, ReplyTo: maybe(mail.ReplyTo), Subject: text.Valid(mail.Subject), Text: maybe(mail.Text), Html: maybe(mail.HTML),
	}, text.Valid(key))
	if answer.IsOk() {
		return nil
	}
	err := answer.Err()
	if err.Tag() == tripline_trigger_mailer.MailErrorAccessDenied {
		return refused("mail", tripline.AccessDenied, err.AccessDenied())
	}
	return refused("mail", tripline.Invalid, err.Invalid())
}

func metricAnswer(name string, answer wit.Result[unit, tripline_trigger_metrics.MetricError]) *tripline.HostError {
	collect.AfterImport()
	if answer.IsOk() {
		return nil
	}
	err, what := answer.Err(), "metric `"+name+"`"
	if err.Tag() == tripline_trigger_metrics.MetricErrorAccessDenied {
		return refused(what, tripline.AccessDenied, err.AccessDenied())
	}
	return refused(what, tripline.Invalid, err.Invalid())
}

func Count(name string, labels []Label, delta uint64) *tripline.HostError {
	return metricAnswer(name, tripline_trigger_metrics.Count(text.Valid(name), pairs(labels), delta))
}

func SetGauge(name string, labels []Label, value float64) *tripline.HostError {
	return metricAnswer(name, tripline_trigger_metrics.SetGauge(text.Valid(name), pairs(labels), value))
}

func Observe(name string, labels []Label, value float64) *tripline.HostError {
	return metricAnswer(name, tripline_trigger_metrics.Observe(text.Valid(name), pairs(labels), value))
}

// Setting says whether there is one.
func Setting(key string) (string, bool, *tripline.HostError) {
	defer collect.AfterImport()
	answer := wasi_config_store.Get(text.Valid(key))
	if answer.IsErr() {
		return "", false, settingsError(answer.Err())
	}
	value := answer.Ok()
	return value.SomeOr(""), value.IsSome(), nil
}

func Settings() (map[string]string, *tripline.HostError) {
	defer collect.AfterImport()
	answer := wasi_config_store.GetAll()
	if answer.IsErr() {
		return nil, settingsError(answer.Err())
	}
	all := map[string]string{}
	for _, one := range answer.Ok() {
		all[one.F0] = one.F1
	}
	return all, nil
}

func settingsError(err wasi_config_store.Error) *tripline.HostError {
	reason := ""
	if err.Tag() == wasi_config_store.ErrorUpstream {
		reason = err.Upstream()
	} else {
		reason = err.Io()
	}
	return refused("settings", tripline.Unavailable, reason)
}

// Log takes levels from 0, trace, to 5, critical.
func Log(level uint8, context, message string) {
	defer collect.AfterImport()
	wasi_logging_logging.Log(level, text.Valid(context), text.Valid(message))
}
