package tripline

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"

	"github.com/tripline/tripline/sdk/go/internal/text"
)

// MarshalItem writes an Item, a map with string keys or a struct as DynamoDB JSON, attributes in order of their names. A struct's fields have tags
// `dynamodb:"name"`; `dynamodb:"name,omitempty"` leaves out what is the zero value, `dynamodb:"-"` always. A nil pointer, map or slice is NULL. Floats are
// refused, since they are not exact, and times, which DynamoDB has not: write Number and string. Bytes are binary, whatever type of slice or array they are
// of. A set is a StringSet, NumberSet or BinarySet, or a struct's field of strings, Numbers or bytes with the tag `dynamodb:"name,set"`; any other slice is a
// list, one of a type that is made of a set's as well: Go cannot tell it from one that is not.
func MarshalItem(value any) (string, error) {
	fields, err := fieldsOf(reflect.ValueOf(value))
	if err != nil {
		return "", err
	}
	written, err := writeMap(nil, fields, "")
	return string(written), err
}

// An attribute's value as it is written, with its name.
type field struct {
	name  string
	value reflect.Value
}

func writeMap(to []byte, fields []field, path string) ([]byte, error) {
	to = append(to, '{')
	for at, one := range fields {
		if at > 0 {
			to = append(to, ',')
		}
		to = append(writeString(to, one.name), ':')
		inner := one.name
		if path != "" {
			inner = path + "." + one.name
		}
		var err error
		if to, err = writeValue(to, one.value, inner); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

func writeValue(to []byte, value reflect.Value, path string) ([]byte, error) {
	for value.IsValid() && (value.Kind() == reflect.Interface || value.Kind() == reflect.Pointer) {
		value = value.Elem()
	}
	if !value.IsValid() {
		return append(to, `{"NULL":true}`...), nil
	}
	switch one := value.Interface().(type) {
	case Number:
		to, err := writeNumber(append(to, `{"N":`...), one, path)
		return append(to, '}'), err
	case []byte:
		if one == nil {
			return append(to, `{"NULL":true}`...), nil
		}
		return append(writeString(append(to, `{"B":`...), base64.StdEncoding.EncodeToString(one)), '}'), nil
	case StringSet:
		return writeSet(to, "SS", one, path, func(to []byte, value string) ([]byte, error) { return writeString(to, value), nil })
	case NumberSet:
		return writeSet(to, "NS", one, path, func(to []byte, value Number) ([]byte, error) { return writeNumber(to, value, path) })
	case BinarySet:
		return writeSet(to, "BS", one, path, func(to []byte, value []byte) ([]byte, error) {
			return writeString(to, base64.StdEncoding.EncodeToString(value)), nil
		})
	}
	return writeKind(to, value, path)
}

func writeKind(to []byte, value reflect.Value, path string) ([]byte, error) {
	switch value.Kind() {
	case reflect.String:
		return append(writeString(append(to, `{"S":`...), value.String()), '}'), nil
	case reflect.Bool:
		return append(strconv.AppendBool(append(to, `{"BOOL":`...), value.Bool()), '}'), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return append(strconv.AppendInt(append(to, `{"N":"`...), value.Int(), 10), `"}`...), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return append(strconv.AppendUint(append(to, `{"N":"`...), value.Uint(), 10), `"}`...), nil
	case reflect.Float32, reflect.Float64:
		return nil, fmt.Errorf("`%s`: a float is not exact: write tripline.Number(\"%v\")", path, value)
	case reflect.Slice, reflect.Array:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return writeBytes(to, value), nil
		}
		return writeList(to, value, path)
	case reflect.Map, reflect.Struct:
		if value.Kind() == reflect.Map && value.IsNil() {
			return append(to, `{"NULL":true}`...), nil
		}
		fields, err := fieldsOf(value)
		if err != nil {
			return nil, fmt.Errorf("`%s`: %w", path, err)
		}
		to, err = writeMap(append(to, `{"M":`...), fields, path)
		return append(to, '}'), err
	default:
		return nil, fmt.Errorf("`%s`: a %s is no value of DynamoDB's", path, value.Type())
	}
}

func writeBytes(to []byte, value reflect.Value) []byte {
	if value.Kind() == reflect.Slice && value.IsNil() {
		return append(to, `{"NULL":true}`...)
	}
	bytes := make([]byte, value.Len())
	for at := range bytes {
		bytes[at] = byte(value.Index(at).Uint())
	}
	return append(writeString(append(to, `{"B":`...), base64.StdEncoding.EncodeToString(bytes)), '}')
}

func writeList(to []byte, value reflect.Value, path string) ([]byte, error) {
	if value.Kind() == reflect.Slice && value.IsNil() {
		return append(to, `{"NULL":true}`...), nil
	}
	to = append(to, `{"L":[`...)
	for at := range value.Len() {
		if at > 0 {
			to = append(to, ',')
		}
		var err error
		if to, err = writeValue(to, value.Index(at), fmt.Sprintf("%s[%d]", path, at)); err != nil {
			return nil, err
		}
	}
	return append(to, `]}`...), nil
}

func writeSet[T any](to []byte, kind string, set []T, path string, write func([]byte, T) ([]byte, error)) ([]byte, error) {
	if len(set) == 0 {
		return nil, fmt.Errorf("`%s`: a set of DynamoDB's has at least one element", path)
	}
	to = append(append(append(to, `{"`...), kind...), `":[`...)
	for at, value := range set {
		if at > 0 {
			to = append(to, ',')
		}
		var err error
		if to, err = write(to, value); err != nil {
			return nil, err
		}
	}
	return append(to, `]}`...), nil
}

func writeNumber(to []byte, number Number, path string) ([]byte, error) {
	if _, err := number.Rat(); err != nil {
		return nil, fmt.Errorf("`%s`: %w", path, err)
	}
	return writeString(to, string(number)), nil
}

func writeString(to []byte, given string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	valid := text.Valid(given)
	begin := 0
	for at := range len(valid) {
		one := valid[at]
		if one >= ' ' && one != '"' && one != '\\' {
			continue
		}
		to = append(to, valid[begin:at]...)
		begin = at + 1
		if one < ' ' {
			to = append(to, '\\', 'u', '0', '0', hex[one>>4], hex[one&15])
		} else {
			to = append(to, '\\', one)
		}
	}
	return append(append(to, valid[begin:]...), '"')
}
