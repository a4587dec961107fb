package tripline

import (
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"
)

// Number is a number as DynamoDB has it: its decimal text, with all 38 digits. The zero value is no number.
type Number string

// Int is the number that an integer is.
func Int(value int64) Number {
	return Number(strconv.FormatInt(value, 10))
}

// Int64 is the number where it is whole and fits.
func (number Number) Int64() (int64, error) {
	if value, err := strconv.ParseInt(string(number), 10, 64); err == nil {
		return value, nil
	}
	exact, err := number.Rat()
	if err != nil {
		return 0, err
	}
	if !exact.IsInt() || !exact.Num().IsInt64() {
		return 0, fmt.Errorf("%s is no integer of 64 bits", string(number))
	}
	return exact.Num().Int64(), nil
}

// Float64 is the nearest one: 15 digits of 38.
func (number Number) Float64() (float64, error) {
	return strconv.ParseFloat(string(number), 64)
}

// Rat is the number, exactly, to compute with.
func (number Number) Rat() (*big.Rat, error) {
	// DynamoDB's exponents end at 126: a longer one would be a way to take all memory.
	if text := strings.ToLower(string(number)); isDecimal(text) {
		if _, exponent, has := strings.Cut(text, "e"); !has || len(strings.TrimLeft(exponent, "+-0")) <= 3 {
			if value, is := new(big.Rat).SetString(text); is {
				return value, nil
			}
		}
	}
	return nil, fmt.Errorf("%q is no number", string(number))
}

// A fraction or a hexadecimal would pass as well.
func isDecimal(text string) bool {
	return text != "" && strings.Trim(text, "0123456789+-.e") == ""
}

// Sign is -1, 0 or 1; 0 as well for what is no number.
func (number Number) Sign() int {
	digits := strings.TrimLeft(string(number), "+-")
	mantissa, _, _ := strings.Cut(strings.ToLower(digits), "e")
	switch {
	case strings.Trim(mantissa, "0.") == "":
		return 0
	case strings.HasPrefix(string(number), "-"):
		return -1
	default:
		return 1
	}
}

// Cmp is -1, 0 or 1: less, equal, more, by value. What is no number is compared as text.
func (number Number) Cmp(other Number) int {
	if number == other {
		return 0
	}
	one, err := number.Rat()
	two, err2 := other.Rat()
	if err != nil || err2 != nil {
		return strings.Compare(string(number), string(other))
	}
	return one.Cmp(two)
}

// One text for each value.
func (number Number) normal() string {
	if exact, err := number.Rat(); err == nil {
		return exact.RatString()
	}
	return string(number)
}

func names(items ...Item) []string {
	var all []string
	seen := map[string]bool{}
	for _, item := range items {
		for name := range item {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	sort.Strings(all)
	return all
}
