// Package settings has the trigger's `[settings]`. A TOML string arrives as it is, anything else as JSON.
//
// They are there in a handler and in a probe; while packages are initialised, too.
package settings

import (
	"strconv"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Get says whether there is one.
func Get(key string) (string, bool, error) {
	value, has, err := host.Setting(key)
	return value, has, host.Error(err)
}

// Require rejects the change where there is none.
func Require(key string) (string, error) {
	value, has, err := Get(key)
	if err == nil && !has {
		err = tripline.Rejectf("setting `%s` is missing: add it to the trigger's settings", key)
	}
	return value, err
}

// Int is a setting that is a whole number, or `otherwise` where there is none.
func Int(key string, otherwise int64) (int64, error) {
	text, has, err := Get(key)
	if err != nil || !has {
		return otherwise, err
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, tripline.Rejectf("setting `%s` is `%s`, and a whole number is wanted", key, text)
	}
	return value, nil
}

// All are those that there are; those that are no strings, as JSON.
func All() (map[string]string, error) {
	all, err := host.Settings()
	return all, host.Error(err)
}
