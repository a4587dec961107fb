// Package httpclient sends requests over http, to the places that the operator grants: `grants = { http = ["https://api.example.com"] }`.
//
// What holds: a request happens at once, whatever becomes of the change later: a change that is delivered again sends it again. Give the receiver the
// change's EventID, so that it can tell. Tokens stand in the operator's config and are added by the host: a plugin neither needs nor sees them.
// Redirects come back as they are; a whole answer is read, 8 MiB at most. There are no sockets: net/http works with
// package roundtrip's transport alone.
package httpclient

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Header is one of a request or an answer.
type Header struct{ Name, Value string }

// Request is sent by Send.
type Request struct {
	Method, URL string
	Headers     []Header
	Body        []byte
	// ConnectTimeout is until the connection is ready; 10 s at most, and where it is 0.
	ConnectTimeout time.Duration
	// AnswerTimeout is from then until the answer begins. Where it is 0 the trigger's time limit holds, which fails the whole batch.
	AnswerTimeout time.Duration
}

// Response is an answer of whatever status.
type Response struct {
	Status int
	// Names are in lower case.
	Headers []Header
	Body    []byte
}

// Send waits for the whole answer, which is no error whatever its status: see Response.Check. An error is a *tripline.HostError; where it is
// Unavailable, the request may have arrived.
func Send(request Request) (*Response, error) {
	wire, err := wire(request)
	if err != nil {
		return nil, err
	}
	answer, refused := host.SendHTTP(wire)
	if refused != nil {
		return nil, refused
	}
	response := &Response{Status: answer.Status, Body: answer.Body}
	for _, header := range answer.Headers {
		response.Headers = append(response.Headers, Header(header))
	}
	return response, nil
}

// Get asks for a URL.
func Get(url string, headers ...Header) (*Response, error) {
	return Send(Request{Method: "GET", URL: url, Headers: headers})
}

// PostJSON sends a value, which encoding/json writes, with its Content-Type unless the headers have one.
func PostJSON(url string, value any, headers ...Header) (*Response, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, tripline.Rejectf("the body cannot be written as JSON: %w", err)
	}
	if !slices.ContainsFunc(headers, func(header Header) bool { return strings.EqualFold(header.Name, "Content-Type") }) {
		headers = append([]Header{{"Content-Type", "application/json"}}, headers...)
	}
	return Send(Request{Method: "POST", URL: url, Headers: headers, Body: body})
}

// A fragment is the reader's own.
func wire(request Request) (host.Request, error) {
	scheme, rest, found := strings.Cut(request.URL, "://")
	rest, _, _ = strings.Cut(rest, "#")
	at := strings.IndexAny(rest, "/?")
	if at < 0 {
		at = len(rest)
	}
	authority, path := rest[:at], rest[at:]
	if !found || authority == "" || (scheme != "http" && scheme != "https") {
		return host.Request{}, tripline.Rejectf("http: a URL is https://HOST/PATH, or http://")
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	wire := host.Request{
		Method: request.Method, Scheme: scheme, Authority: authority, Path: path, Body: request.Body,
		ConnectTimeout: uint64(max(request.ConnectTimeout, 0)), AnswerTimeout: uint64(max(request.AnswerTimeout, 0)),
	}
	for _, header := range request.Headers {
		wire.Headers = append(wire.Headers, host.Header(header))
	}
	return wire, nil
}

// Header is the first of this name, or "".
func (response *Response) Header(name string) string {
	for _, header := range response.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Check is nil where the status is 2xx. Else an error: a retry for 408, 425, 429 and 5xx, a reject otherwise.
func (response *Response) Check() error {
	switch status := response.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == 408 || status == 425 || status == 429 || (status >= 500 && status < 600):
		return tripline.Retryf("the server answers %d", status)
	default:
		return tripline.Rejectf("the server answers %d", status)
	}
}
