package tripline

import (
	"errors"
	"fmt"
	"reflect"
)

func decodeInto(item Item, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return errors.New("an item is decoded into a pointer that is not nil")
	}
	return decodeValue(item, target.Elem(), "")
}

func decodeValue(value any, into reflect.Value, path string) error {
	if into.Kind() == reflect.Interface && into.NumMethod() == 0 {
		if value != nil {
			into.Set(reflect.ValueOf(value))
		}
		return nil
	}
	if value == nil {
		into.SetZero()
		return nil
	}
	if into.Kind() == reflect.Pointer {
		made := reflect.New(into.Type().Elem())
		if err := decodeValue(value, made.Elem(), path); err != nil {
			return err
		}
		into.Set(made)
		return nil
	}
	given := reflect.ValueOf(value)
	// Sets, bytes, numbers and items as they are; a number is no string.
	if given.Type().AssignableTo(into.Type()) {
		into.Set(given)
		return nil
	}
	switch value := value.(type) {
	case Number:
		return decodeNumber(value, into, path)
	case string:
		if into.Kind() == reflect.String && into.Type() != reflect.TypeFor[Number]() {
			into.SetString(value)
			return nil
		}
	case bool:
		if into.Kind() == reflect.Bool {
			into.SetBool(value)
			return nil
		}
	case []byte:
		if decodeBytes(value, into) {
			return nil
		}
	case Item:
		return decodeItem(value, into, path)
	default:
		if into.Kind() == reflect.Slice && given.Kind() == reflect.Slice {
			return decodeSlice(given, into, path)
		}
	}
	return unfit(value, into, path)
}

// Into an array of that length, or a slice of a type that is made of bytes.
func decodeBytes(bytes []byte, into reflect.Value) bool {
	switch {
	case into.Kind() == reflect.Array && into.Type().Elem().Kind() == reflect.Uint8 && into.Len() == len(bytes):
	case into.Kind() == reflect.Slice && into.Type().Elem().Kind() == reflect.Uint8:
		into.Set(reflect.MakeSlice(into.Type(), len(bytes), len(bytes)))
	default:
		return false
	}
	for at, one := range bytes {
		into.Index(at).SetUint(uint64(one))
	}
	return true
}

func unfit(value any, into reflect.Value, path string) error {
	return fmt.Errorf("attribute `%s`: %s, and a %s is wanted", path, kindOf(value), into.Type())
}

func kindOf(value any) string {
	switch value := value.(type) {
	case string:
		return "an S"
	case Number:
		return "the N " + string(value)
	case []byte:
		return "a B"
	case bool:
		return "a BOOL"
	case Item:
		return "an M"
	case []any:
		return "an L"
	default:
		return "a set"
	}
}

func decodeNumber(number Number, into reflect.Value, path string) error {
	switch {
	case into.CanInt():
		if value, err := number.Int64(); err == nil && !into.OverflowInt(value) {
			into.SetInt(value)
			return nil
		}
	case into.CanUint():
		exact, err := number.Rat()
		if err == nil && exact.IsInt() && exact.Num().IsUint64() && !into.OverflowUint(exact.Num().Uint64()) {
			into.SetUint(exact.Num().Uint64())
			return nil
		}
	case into.CanFloat():
		if value, err := number.Float64(); err == nil && !into.OverflowFloat(value) {
			into.SetFloat(value)
			return nil
		}
	}
	return unfit(number, into, path)
}

func decodeSlice(given, into reflect.Value, path string) error {
	made := reflect.MakeSlice(into.Type(), given.Len(), given.Len())
	for at := range given.Len() {
		if err := decodeValue(given.Index(at).Interface(), made.Index(at), fmt.Sprintf("%s[%d]", path, at)); err != nil {
			return err
		}
	}
	into.Set(made)
	return nil
}

func decodeItem(item Item, into reflect.Value, path string) error {
	inner := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	switch into.Kind() {
	case reflect.Map:
		if into.Type().Key().Kind() != reflect.String {
			return unfit(item, into, path)
		}
		made := reflect.MakeMapWithSize(into.Type(), len(item))
		for name, value := range item {
			element := reflect.New(into.Type().Elem()).Elem()
			if err := decodeValue(value, element, inner(name)); err != nil {
				return err
			}
			made.SetMapIndex(reflect.ValueOf(name).Convert(into.Type().Key()), element)
		}
		into.Set(made)
		return nil
	case reflect.Struct:
		for _, one := range columnsOf(into.Type()) {
			value, has := item[one.name]
			if !has {
				if one.required {
					return fmt.Errorf("attribute `%s` is missing", inner(one.name))
				}
				continue
			}
			target, err := into.FieldByIndexErr(one.index)
			if err != nil {
				return fmt.Errorf("attribute `%s`: its field is in an embedded pointer that is nil", inner(one.name))
			}
			if err := decodeValue(value, target, inner(one.name)); err != nil {
				return err
			}
		}
		return nil
	}
	return unfit(item, into, path)
}
