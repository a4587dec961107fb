// Package text is text as the host takes it: UTF-8, or the call is a trap.
package text

import (
	"strings"
	"unicode/utf8"
)

// Valid is the text with whatever is no UTF-8 replaced.
func Valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
