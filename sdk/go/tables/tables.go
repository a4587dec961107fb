// Package tables writes into DynamoDB tables that the trigger is granted, `grants = { tables = ["orders-copy"] }`, and reads them, `reads`.
//
// What holds: writes happen at once, whatever becomes of the change; make them such that a second time does no harm. Items and keys are whatever
// tripline.MarshalItem takes: tripline.Item, maps and structs.
package tables

import (
	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Condition is a condition expression and its placeholders: Condition{"#v < :v", Names{"#v": "version"}, tripline.Item{":v": 2}}.
type Condition struct {
	Expression string
	Names      Names
	// Values are what MarshalItem takes, or nil.
	Values any
}

// Names are `#name` to attribute name.
type Names map[string]string

// Write is one of PutItem, UpdateItem, DeleteItem and, in transactions, CheckItem.
type Write interface {
	wire() (host.Write, error)
}

// PutItem writes a whole item.
type PutItem struct {
	Item      any
	Condition *Condition
}

// DeleteItem is no error where there is none.
type DeleteItem struct {
	Key       any
	Condition *Condition
}

// UpdateItem makes the item where there is none. The expressions share the placeholders.
type UpdateItem struct {
	Key        any
	Expression string
	// Condition is an expression, or empty.
	Condition string
	Names     Names
	// Values are what MarshalItem takes, or nil.
	Values any
}

// CheckItem writes nothing: the condition must hold for the transaction to be made.
type CheckItem struct {
	Key       any
	Condition Condition
}

func (write PutItem) wire() (host.Write, error) {
	return conditional(host.Put, write.Item, write.Condition)
}

func (write DeleteItem) wire() (host.Write, error) {
	return conditional(host.Delete, write.Key, write.Condition)
}

func (write CheckItem) wire() (host.Write, error) {
	return conditional(host.Check, write.Key, &write.Condition)
}

func (write UpdateItem) wire() (host.Write, error) {
	condition := &Condition{write.Condition, write.Names, write.Values}
	wire, err := conditional(host.Update, write.Key, condition)
	wire.Expression = write.Expression
	return wire, err
}

func conditional(kind host.Kind, item any, condition *Condition) (host.Write, error) {
	wire := host.Write{Kind: kind}
	var err error
	if wire.Item, err = tripline.MarshalItem(item); err != nil {
		return wire, tripline.Reject(err)
	}
	if condition != nil {
		wire.Condition, wire.Names = condition.Expression, host.Labels(condition.Names)
		if condition.Values != nil {
			if wire.Values, err = tripline.MarshalItem(condition.Values); err != nil {
				return wire, tripline.Reject(err)
			}
		}
	}
	return wire, nil
}

// Make makes many writes at once. For each, in order, its error or nil: one that fails stops no other. The second is set where none was tried.
func Make(table string, writes ...Write) ([]error, error) {
	wire := make([]host.Write, len(writes))
	for at, write := range writes {
		if _, is := write.(CheckItem); is {
			return nil, tripline.Rejectf("table `%s`: a check stands in transactions only", table)
		}
		var err error
		if wire[at], err = write.wire(); err != nil {
			return nil, err
		}
	}
	answers, err := host.WriteTable(table, wire)
	if err != nil {
		return nil, err
	}
	errors := make([]error, len(answers))
	for at, one := range answers {
		errors[at] = host.Error(one)
	}
	return errors, nil
}

func makeOne(table string, write Write) error {
	errors, err := Make(table, write)
	if err != nil {
		return err
	}
	return errors[0]
}

// Put writes an item. With a condition that does not hold, tripline.IsCode(err, tripline.ConditionFailed).
func Put(table string, item any, condition *Condition) error {
	return makeOne(table, PutItem{item, condition})
}

// Update updates an item.
func Update(table string, update UpdateItem) error {
	return makeOne(table, update)
}

// Delete deletes an item.
func Delete(table string, key any, condition *Condition) error {
	return makeOne(table, DeleteItem{key, condition})
}

// InTable is a write of a transaction.
type InTable struct {
	Table string
	Write Write
}

// Transact makes all of at most 100 writes, or none. Made again for the same change within ten minutes, it is made once.
func Transact(change *tripline.Change, writes ...InTable) error {
	wire := make([]host.TableWrite, len(writes))
	for at, one := range writes {
		write, err := one.Write.wire()
		if err != nil {
			return err
		}
		wire[at] = host.TableWrite{Table: one.Table, Write: write}
	}
	return host.Error(host.Transact(change.Index(), wire))
}

// Get is the item with this key, or nil. `consistent`: it sees every write that has ended before; costs twice as much.
func Get(table string, key any, consistent bool) (tripline.Item, error) {
	items, err := GetMany(table, []any{key}, consistent)
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

// GetMany are the items with these keys, in their order, nil where there is none.
func GetMany(table string, keys []any, consistent bool) ([]tripline.Item, error) {
	wire := make([]string, len(keys))
	for at, key := range keys {
		var err error
		if wire[at], err = tripline.MarshalItem(key); err != nil {
			return nil, tripline.Reject(err)
		}
	}
	found, refused := host.GetItems(table, wire, consistent)
	if refused != nil {
		return nil, refused
	}
	items := make([]tripline.Item, len(keys))
	for at, text := range found {
		if text != "" {
			var err error
			if items[at], err = tripline.ParseItem(text); err != nil {
				return nil, tripline.Rejectf("table `%s`: %w", table, err)
			}
		}
	}
	return items, nil
}
