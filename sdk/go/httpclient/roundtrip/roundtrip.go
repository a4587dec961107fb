// Package roundtrip is package httpclient for clients that want net/http: `client := roundtrip.Client()`.
//
// What holds: what httpclient's requests may, no more: places that the operator grants, whole bodies, no cookies of its own. It makes a component eight
// megabytes larger: httpclient alone does not.
package roundtrip

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/tripline/tripline/sdk/go/httpclient"
)

// Transport sends requests through the host. Its zero value is ready.
type Transport struct{}

// Client is one that sends through the host, and follows redirects, each of which must be granted. A Timeout of its own has no clock to be measured by
// while the host waits: the trigger's time limit holds.
func Client() *http.Client {
	return &http.Client{Transport: Transport{}}
}

// What the host writes itself, and refuses.
var hostsOwn = map[string]bool{"Host": true, "Content-Length": true, "Connection": true, "Transfer-Encoding": true}

// RoundTrip sends the whole request and waits for the whole answer.
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	wire := httpclient.Request{Method: request.Method, URL: request.URL.String()}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		request.Body.Close()
		if err != nil {
			return nil, err
		}
		wire.Body = body
	}
	for name, values := range request.Header {
		for _, value := range values {
			if !hostsOwn[name] {
				wire.Headers = append(wire.Headers, httpclient.Header{Name: name, Value: value})
			}
		}
	}
	answer, err := httpclient.Send(wire)
	if err != nil {
		return nil, err
	}
	response := &http.Response{
		Status:        strings.TrimSpace(strconv.Itoa(answer.Status) + " " + http.StatusText(answer.Status)),
		StatusCode:    answer.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{},
		Body:          io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)),
		Request:       request,
	}
	for _, header := range answer.Headers {
		response.Header.Add(header.Name, header.Value)
	}
	return response, nil
}
