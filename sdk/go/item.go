package tripline

import "fmt"

// Item is attributes by name. A value is one of string, Number, []byte, bool, nil (NULL), []any, Item, StringSet, NumberSet and BinarySet. One that is
// written may have Go's integers, slices, maps and structs too: see MarshalItem.
type Item map[string]any

// Sets have at least one element.
type (
	StringSet []string
	NumberSet []Number
	BinarySet [][]byte
)

// Text is the attribute where it is a string, else "".
func (item Item) Text(name string) string {
	text, _ := item[name].(string)
	return text
}

// Number is the attribute, and whether it is a number.
func (item Item) Number(name string) (Number, bool) {
	number, is := item[name].(Number)
	return number, is
}

// Difference is a top-level attribute in which two images differ.
type Difference struct {
	Name          string
	Before, After any
	// NULL is a value too, and nil.
	WasThere, IsThere bool
}

// Differences are the attributes in which the images differ, in order of their names. It wants both images.
func (change *Change) Differences() ([]Difference, error) {
	old, err := change.OldImage()
	if err != nil {
		return nil, err
	}
	new, err := change.NewImage()
	if err != nil {
		return nil, err
	}
	var found []Difference
	for _, name := range names(old, new) {
		one := Difference{Name: name}
		one.Before, one.WasThere = old[name]
		one.After, one.IsThere = new[name]
		if one.WasThere != one.IsThere || !Equal(one.Before, one.After) {
			found = append(found, one)
		}
	}
	return found, nil
}

// Equal compares two values as DynamoDB does: numbers by their value, sets without order.
func Equal(one, other any) bool {
	switch one := one.(type) {
	case Number:
		other, is := other.(Number)
		return is && one.Cmp(other) == 0
	case []any:
		other, is := other.([]any)
		if !is || len(one) != len(other) {
			return false
		}
		for at := range one {
			if !Equal(one[at], other[at]) {
				return false
			}
		}
		return true
	case Item:
		other, is := other.(Item)
		if !is || len(one) != len(other) {
			return false
		}
		for name, value := range one {
			if there, has := other[name]; !has || !Equal(value, there) {
				return false
			}
		}
		return true
	case StringSet:
		other, is := other.(StringSet)
		return is && sameSet(one, other, func(value string) string { return value })
	case NumberSet:
		other, is := other.(NumberSet)
		return is && sameSet(one, other, func(value Number) string { return value.normal() })
	case BinarySet:
		other, is := other.(BinarySet)
		return is && sameSet(one, other, func(value []byte) string { return string(value) })
	case []byte:
		other, is := other.([]byte)
		return is && string(one) == string(other)
	default:
		return one == other
	}
}

func sameSet[T any](one, other []T, key func(T) string) bool {
	seen := map[string]bool{}
	for _, value := range one {
		seen[key(value)] = true
	}
	for _, value := range other {
		if !seen[key(value)] {
			return false
		}
	}
	return len(one) == len(other)
}

// Decode puts the item into a struct, by tags `dynamodb:"name"`, or the field's name; `dynamodb:"-"` leaves a field out, and
// `dynamodb:"name,required"` refuses an item without the attribute. Others keep what they have where there is none. Numbers that do
// not fit a field are refused, never cut: Number and float64 take all.
func (item Item) Decode(into any) error {
	return decodeInto(item, into)
}

// ParseItem reads DynamoDB JSON: {"pk":{"S":"a"}}.
func ParseItem(text string) (Item, error) {
	return parse(parser{text: text})
}

func parse(parser parser) (Item, error) {
	item, err := parser.item(0)
	if err == nil && parser.peek() != 0 {
		err = parser.wrong("nothing more")
	}
	if err != nil {
		return nil, fmt.Errorf("no item of DynamoDB JSON: %w", err)
	}
	return item, nil
}
