// Package host is the host: the real one in a component, a recorder elsewhere. No part of the API.
//
// What holds: both have the same functions, of plain values; what they answer with is nil or a *tripline.HostError, and what they are given may be any bytes.
package host

import (
	"sort"

	"github.com/tripline/tripline/sdk/go"
)

// Label is one of a counter's or a metric's.
type Label struct{ Name, Value string }

// Read is a key of the state, for a change.
type Read struct {
	Change int
	Key    string
}

// Kind is what a write does.
type Kind string

const (
	Put    Kind = "put"
	Update Kind = "update"
	Delete Kind = "delete"
	Check  Kind = "check"
)

// Write is one of any kind.
type Write struct {
	Kind Kind
	// Item is a put's, or else the key, as DynamoDB JSON.
	Item string
	// Expression is an update's.
	Expression string
	// Condition is an expression, or empty.
	Condition string
	Names     []Label
	// Values are DynamoDB JSON, or empty.
	Values string
}

// TableWrite is one of a transaction.
type TableWrite struct {
	Table string
	Write Write
}

// Mail is a message.
type Mail struct {
	To                           []string
	ReplyTo, Subject, Text, HTML string
}

// Header is one of a request or an answer.
type Header struct{ Name, Value string }

// Request is sent whole.
type Request struct {
	Method, Scheme, Authority, Path string
	Headers                         []Header
	Body                            []byte
	// In nanoseconds; 0: the host's own.
	ConnectTimeout, AnswerTimeout uint64
}

// Response is read whole.
type Response struct {
	Status  int
	Headers []Header
	Body    []byte
}

// HeadersBytesMax is for less than the host's bound of 32 KiB, beyond which the call would be a trap.
const HeadersBytesMax = 16 << 10

// HeadersBytes are what headers count for: something is added for each.
func HeadersBytes(headers []Header) int {
	bytes := 0
	for _, header := range headers {
		bytes += len(header.Name) + len(header.Value) + 32
	}
	return bytes
}

func refused(what string, code tripline.Code, reason string) *tripline.HostError {
	return &tripline.HostError{What: what, Code: code, Reason: reason}
}

// Error is nil where there is none: a nil pointer in an error is not nil.
func Error(err *tripline.HostError) error {
	if err == nil {
		return nil
	}
	return err
}

// Labels in order of their names.
func Labels[M ~map[string]string](given M) []Label {
	labels := make([]Label, 0, len(given))
	for name, value := range given {
		labels = append(labels, Label{name, value})
	}
	sort.Slice(labels, func(one, other int) bool { return labels[one].Name < labels[other].Name })
	return labels
}
