package host

import (
	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/bindings/tripline_trigger_tables"
	"github.com/tripline/tripline/sdk/go/internal/collect"
	"github.com/tripline/tripline/sdk/go/internal/text"
	wit "github.com/tripline/tripline/sdk/go/internal/wit/types"
)

func condition(write Write) tripline_trigger_tables.Condition {
	return tripline_trigger_tables.Condition{
		Expression: text.Valid(write.Condition),
		Names:      pairs(write.Names),
		Values:     maybe(write.Values),
	}
}

func maybeCondition(write Write) wit.Option[tripline_trigger_tables.Condition] {
	if write.Condition == "" {
		return wit.None[tripline_trigger_tables.Condition]()
	}
	return wit.Some(condition(write))
}

func put(write Write) tripline_trigger_tables.Put {
	return tripline_trigger_tables.Put{Item: write.Item, Condition: maybeCondition(write)}
}

func remove(write Write) tripline_trigger_tables.Delete {
	return tripline_trigger_tables.Delete{Key: write.Item, Condition: maybeCondition(write)}
}

func update(write Write) tripline_trigger_tables.Update {
	return tripline_trigger_tables.Update{
		Key:        write.Item,
		Expression: text.Valid(write.Expression),
		Condition:  maybe(write.Condition),
		Names:      pairs(write.Names),
		Values:     maybe(write.Values),
	}
}

func writeError(what string, err tripline_trigger_tables.WriteError) *tripline.HostError {
	switch err.Tag() {
	case tripline_trigger_tables.WriteErrorConditionFailed:
		return refused(what, tripline.ConditionFailed, "")
	case tripline_trigger_tables.WriteErrorInvalid:
		return refused(what, tripline.Invalid, err.Invalid())
	default:
		return refused(what, tripline.Unavailable, err.Unavailable())
	}
}

// WriteTable has for each write nil or why it was not made; none is a check.
func WriteTable(table string, writes []Write) ([]*tripline.HostError, *tripline.HostError) {
	defer collect.AfterImport()
	wire := make([]tripline_trigger_tables.TableWrite, len(writes))
	for at, write := range writes {
		switch write.Kind {
		case Put:
			wire[at] = tripline_trigger_tables.MakeTableWritePut(put(write))
		case Update:
			wire[at] = tripline_trigger_tables.MakeTableWriteUpdate(update(write))
		default:
			wire[at] = tripline_trigger_tables.MakeTableWriteDelete(remove(write))
		}
	}
	what := "table `" + table + "`"
	answer := tripline_trigger_tables.Write(text.Valid(table), wire)
	if answer.IsErr() {
		err := answer.Err()
		return nil, refused(what, tripline.AccessDenied, err.AccessDenied())
	}
	errors := make([]*tripline.HostError, len(writes))
	for at, one := range answer.Ok() {
		if one.IsErr() {
			errors[at] = writeError(what, one.Err())
		}
	}
	return errors, nil
}

func Transact(change int, writes []TableWrite) *tripline.HostError {
	defer collect.AfterImport()
	wire := make([]tripline_trigger_tables.TransactWrite, len(writes))
	for at, one := range writes {
		wire[at] = tripline_trigger_tables.TransactWrite{Table: text.Valid(one.Table), Action: action(one.Write)}
	}
	const what = "transaction"
	answer := tripline_trigger_tables.Transact(uint32(change), wire)
	if answer.IsOk() {
		return nil
	}
	switch err := answer.Err(); err.Tag() {
	case tripline_trigger_tables.TransactErrorAccessDenied:
		return refused(what, tripline.AccessDenied, err.AccessDenied())
	case tripline_trigger_tables.TransactErrorCancelled:
		cancelled := refused(what, tripline.Cancelled, "")
		for at, cause := range err.Cancelled() {
			var one *tripline.HostError
			if cause.IsSome() && at < len(writes) {
				one = writeError("table `"+writes[at].Table+"`", cause.Some())
			}
			cancelled.Causes = append(cancelled.Causes, one)
		}
		return cancelled
	case tripline_trigger_tables.TransactErrorInvalid:
		return refused(what, tripline.Invalid, err.Invalid())
	default:
		return refused(what, tripline.Unavailable, err.Unavailable())
	}
}

func action(write Write) tripline_trigger_tables.TransactAction {
	switch write.Kind {
	case Put:
		return tripline_trigger_tables.MakeTransactActionPut(put(write))
	case Update:
		return tripline_trigger_tables.MakeTransactActionUpdate(update(write))
	case Delete:
		return tripline_trigger_tables.MakeTransactActionDelete(remove(write))
	default:
		return tripline_trigger_tables.MakeTransactActionCheck(tripline_trigger_tables.Check{Key: write.Item, Condition: condition(write)})
	}
}

// GetItems has "" where there is none.
func GetItems(table string, keys []string, consistent bool) ([]string, *tripline.HostError) {
	defer collect.AfterImport()
	what := "table `" + table + "`"
	answer := tripline_trigger_tables.Get(text.Valid(table), keys, consistent)
	if answer.IsErr() {
		switch err := answer.Err(); err.Tag() {
		case tripline_trigger_tables.ReadErrorAccessDenied:
			return nil, refused(what, tripline.AccessDenied, err.AccessDenied())
		case tripline_trigger_tables.ReadErrorInvalid:
			return nil, refused(what, tripline.Invalid, err.Invalid())
		default:
			return nil, refused(what, tripline.Unavailable, err.Unavailable())
		}
	}
	items := make([]string, len(keys))
	for at, item := range answer.Ok() {
		items[at] = item.SomeOr("")
	}
	return items, nil
}
