//go:build !wasip1

package host

import (
	"fmt"
	"math"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// What the real host refuses, in its words, "" where it takes it. Grants come before.
const (
	labelsMax          = 8
	labelValueBytesMax = 1 << 10
	stateKeyBytesMax   = 2 << 10
	stateValueBytesMax = 256 << 10
	recipientsMax      = 50
	mailLineBytesMax   = 998
	mailBodyBytesMax   = 1 << 20
	mailKeyBytesMax    = 1 << 10
	transactWritesMax  = 100
	tableKeysMax       = 1000
	httpBodyBytesMax   = 8 << 20
	decimalTextMax     = 320
	decimalDigitsMax   = 300
	// Of places behind the point, and of zeros before it.
	decimalScaleMax = 168
)

var (
	nameWanted    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	decimalWanted = regexp.MustCompile(`^[+-]?([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$`)
	tokenWanted   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	// What Prometheus' families of one metric end in.
	metricEndings = []string{"_total", "_bucket", "_sum", "_count"}
	// They are the host's to write.
	forbiddenHeaders = []string{
		"connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "transfer-encoding", "upgrade",
	}
)

func atMost(what string, length, max int) string {
	if length > max {
		return fmt.Sprintf("%s: %d; at most %d", what, length, max)
	}
	return ""
}

// The first that is no "".
func firstOf(faults ...string) string {
	for _, fault := range faults {
		if fault != "" {
			return fault
		}
	}
	return ""
}

func badName(what, name string) string {
	if nameWanted.MatchString(name) {
		return ""
	}
	return fmt.Sprintf("the %s `%s`: use a to z, 0 to 9 and _, a letter first, at most 64", what, name)
}

// A counter's or a metric's. No label is there twice: they were a map.
func badSeries(kind, name string, labels []Label) string {
	fault := firstOf(badName(kind+"'s name", name), atMost("labels", len(labels), labelsMax))
	for _, label := range labels {
		fault = firstOf(fault, badName("label", label.Name),
			atMost("bytes of the value of label `"+label.Name+"`", len(label.Value), labelValueBytesMax))
	}
	return fault
}

func badMetric(name string, labels []Label, value float64) string {
	fault := badSeries("metric", name, labels)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		fault = firstOf(fault, fmt.Sprintf("the metric `%s`: %v is no finite number", name, value))
	}
	for _, ending := range metricEndings {
		if strings.HasSuffix(name, ending) {
			fault = firstOf(fault, fmt.Sprintf("the metric's name `%s`: leave out `%s`, which Prometheus adds where it belongs", name, ending))
		}
	}
	if slices.ContainsFunc(labels, func(label Label) bool { return label.Name == "le" }) {
		fault = firstOf(fault, "the label `le`: Prometheus keeps it for the buckets of histograms")
	}
	return fault
}

func badDelta(delta string) string {
	parts := decimalWanted.FindStringSubmatch(delta)
	if parts == nil || parts[1]+parts[2] == "" || len(delta) > decimalTextMax {
		return fmt.Sprintf("`%.64s` is not a decimal such as 1, -19.99 or 1E+3", delta)
	}
	exponent, err := strconv.Atoi("0" + strings.TrimLeft(parts[3], "+-"))
	if strings.HasPrefix(parts[3], "-") {
		exponent = -exponent
	}
	scale := len(parts[2]) - exponent
	if err != nil || scale > decimalScaleMax || scale < -decimalScaleMax || len(strings.TrimLeft(parts[1]+parts[2], "0")) > decimalDigitsMax {
		return fmt.Sprintf("`%.64s` is outside what DynamoDB stores: 38 digits between 1E-130 and 9.9E+125", delta)
	}
	return ""
}

func badStateKey(key string) string {
	return atMost("bytes of the key", len(key), stateKeyBytesMax)
}

func badMail(message Mail, key string) string {
	if len(message.To) == 0 || len(message.To) > recipientsMax {
		return fmt.Sprintf("%d recipients: a mail has one to %d", len(message.To), recipientsMax)
	}
	fault := ""
	for _, to := range message.To {
		fault = firstOf(fault, badAddress("to", to))
	}
	if message.ReplyTo != "" {
		fault = firstOf(fault, badAddress("reply-to", message.ReplyTo))
	}
	fault = firstOf(fault, badLine("subject", message.Subject))
	if message.Text == "" && message.HTML == "" {
		fault = firstOf(fault, "no body: set text, html or both")
	}
	return firstOf(fault,
		atMost("bytes of the text", len(message.Text), mailBodyBytesMax),
		atMost("bytes of the html", len(message.HTML), mailBodyBytesMax),
		atMost("bytes of the key", len(key), mailKeyBytesMax))
}

func badAddress(field, address string) string {
	if fault := badLine(field, address); fault != "" {
		return fault
	}
	if _, err := mail.ParseAddress(address); err != nil {
		return field + ": not an address such as a@b.example or Name <a@b.example>"
	}
	return ""
}

// What stands in a header stays in its line.
func badLine(field, text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return field + ": holds a control character; headers are one line of text"
	}
	return atMost("bytes of "+field, len(text), mailLineBytesMax)
}

func badRequest(request Request) string {
	fault := ""
	for _, header := range request.Headers {
		switch {
		case !tokenWanted.MatchString(header.Name) || strings.ContainsFunc(header.Value, isNoText):
			fault = firstOf(fault, fmt.Sprintf("a header that is none: %q", header.Name))
		case slices.Contains(forbiddenHeaders, strings.ToLower(header.Name)):
			fault = firstOf(fault, "the header `"+header.Name+"`, which the host writes itself")
		}
	}
	if HeadersBytes(request.Headers) > HeadersBytesMax {
		fault = firstOf(fault, fmt.Sprintf("headers of more than %d bytes", HeadersBytesMax))
	}
	if !tokenWanted.MatchString(request.Method) {
		fault = firstOf(fault, "no method")
	}
	if strings.ContainsFunc(request.Authority+request.Path, func(one rune) bool { return one == ' ' || isNoText(one) }) {
		fault = firstOf(fault, "the URL's host or path is none: encode spaces")
	}
	return firstOf(fault, atMost("bytes of the body", len(request.Body), httpBodyBytesMax))
}

func isNoText(one rune) bool {
	return one != '\t' && (one < ' ' || one == 0x7f)
}
