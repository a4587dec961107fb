package tripline

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// What a struct's field says of its attribute.
type column struct {
	name      string
	index     []int
	omitEmpty bool
	required  bool
	isSet     bool
}

// By type: reading tags is dear.
var columnsByType sync.Map

func columnsOf(of reflect.Type) []column {
	if known, has := columnsByType.Load(of); has {
		return known.([]column)
	}
	var columns []column
	for _, one := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(one.Tag.Get("dynamodb"), ",")
		if !one.IsExported() || one.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			name = one.Name
		}
		options = "," + options + ","
		columns = append(columns, column{
			name:      name,
			index:     one.Index,
			omitEmpty: strings.Contains(options, ",omitempty,"),
			required:  strings.Contains(options, ",required,"),
			isSet:     strings.Contains(options, ",set,"),
		})
	}
	sort.Slice(columns, func(one, other int) bool { return columns[one].name < columns[other].name })
	columnsByType.Store(of, columns)
	return columns
}

// The attributes that a struct has fields for; nil where it is none, and takes all.
func wantedBy(into any) func(string) bool {
	of := reflect.TypeOf(into)
	if of == nil || of.Kind() != reflect.Pointer || of.Elem().Kind() != reflect.Struct {
		return nil
	}
	columns := columnsOf(of.Elem())
	return func(name string) bool {
		for at := range columns {
			if columns[at].name == name {
				return true
			}
		}
		return false
	}
}

var sets = []reflect.Type{reflect.TypeFor[StringSet](), reflect.TypeFor[NumberSet](), reflect.TypeFor[BinarySet]()}

// The set that a field is meant to be.
func setOf(value reflect.Value) (reflect.Value, error) {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return value, nil
		}
		value = value.Elem()
	}
	for _, set := range sets {
		if value.Type().ConvertibleTo(set) {
			return value.Convert(set), nil
		}
	}
	return value, fmt.Errorf("a %s is no set of DynamoDB's: []string, []tripline.Number and [][]byte are", value.Type())
}

// The attributes of a map or a struct, by name.
func fieldsOf(value reflect.Value) ([]field, error) {
	for value.IsValid() && (value.Kind() == reflect.Interface || value.Kind() == reflect.Pointer) {
		value = value.Elem()
	}
	if !value.IsValid() {
		return nil, errors.New("an item is wanted, and there is nil")
	}
	var fields []field
	switch value.Kind() {
	case reflect.Map:
		if value.Type().Key().Kind() != reflect.String {
			return nil, fmt.Errorf("a %s has keys that are no strings", value.Type())
		}
		for _, key := range value.MapKeys() {
			fields = append(fields, field{key.String(), value.MapIndex(key)})
		}
		sort.Slice(fields, func(one, other int) bool { return fields[one].name < fields[other].name })
	case reflect.Struct:
		columns := columnsOf(value.Type())
		if len(columns) == 0 {
			return nil, fmt.Errorf("a %s has no fields that could be attributes: DynamoDB knows strings, numbers, binary, booleans, lists, maps and sets", value.Type())
		}
		for _, one := range columns {
			inner, err := value.FieldByIndexErr(one.index)
			// Of an embedded pointer that is nil.
			if err != nil || (one.omitEmpty && inner.IsZero()) {
				continue
			}
			if one.isSet {
				if inner, err = setOf(inner); err != nil {
					return nil, fmt.Errorf("`%s`: %w", one.name, err)
				}
			}
			fields = append(fields, field{one.name, inner})
		}
	default:
		return nil, fmt.Errorf("a %s is no item: a map or a struct is one", value.Type())
	}
	return fields, nil
}
