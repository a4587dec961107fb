package host

import (
	"strconv"

	"github.com/tripline/tripline/sdk/go"
	http "github.com/tripline/tripline/sdk/go/internal/bindings/wasi_http_types"
)

const what = "http"

// What would be the same again is no error that may pass.
func httpError(code http.ErrorCode) *tripline.HostError {
	switch code.Tag() {
	case http.ErrorCodeHttpRequestDenied:
		return refused(what, tripline.AccessDenied, "the host denies the request: its log says why")
	case http.ErrorCodeDestinationIpProhibited:
		return refused(what, tripline.AccessDenied, "the host denies the address that the name leads to: its log says why")
	case http.ErrorCodeHttpRequestUriInvalid:
		return refused(what, tripline.Invalid, "the URL is none that the host takes: its log says why")
	case http.ErrorCodeHttpRequestBodySize:
		if size := code.HttpRequestBodySize(); size.IsSome() {
			return refused(what, tripline.Invalid, "a body of more than "+strconv.FormatUint(size.Some(), 10)+" bytes")
		}
		return refused(what, tripline.Invalid, "the request's body is not as long as its Content-Length says, or too large")
	case http.ErrorCodeHttpRequestHeaderSectionSize, http.ErrorCodeHttpRequestHeaderSize:
		return refused(what, tripline.Invalid, "the request's headers are too large")
	case http.ErrorCodeHttpResponseBodySize:
		if size := code.HttpResponseBodySize(); size.IsSome() {
			return refused(what, tripline.Invalid, "an answer of more than "+strconv.FormatUint(size.Some(), 10)+" bytes")
		}
		return refused(what, tripline.Invalid, "the answer is too large")
	// Larger than the host takes them, and so the next time.
	case http.ErrorCodeHttpResponseHeaderSectionSize:
		if size := code.HttpResponseHeaderSectionSize(); size.IsSome() {
			return refused(what, tripline.Invalid, "an answer whose headers have more than "+strconv.FormatUint(uint64(size.Some()), 10)+" bytes")
		}
		return refused(what, tripline.Invalid, "an answer whose headers are too large")
	case http.ErrorCodeHttpResponseHeaderSize:
		return refused(what, tripline.Invalid, "an answer with a header that is too large")
	case http.ErrorCodeHttpRequestMethodInvalid:
		return refused(what, tripline.Invalid, "no method")
	case http.ErrorCodeDnsTimeout, http.ErrorCodeDnsError, http.ErrorCodeDestinationNotFound:
		return refused(what, tripline.Unavailable, "the server's name cannot be resolved")
	case http.ErrorCodeConnectionTimeout, http.ErrorCodeHttpResponseTimeout, http.ErrorCodeConnectionReadTimeout:
		return refused(what, tripline.Unavailable, "no answer in time")
	case http.ErrorCodeConnectionRefused:
		return refused(what, tripline.Unavailable, "the server refuses the connection")
	case http.ErrorCodeTlsProtocolError, http.ErrorCodeTlsCertificateError, http.ErrorCodeTlsAlertReceived:
		return refused(what, tripline.Unavailable, "no TLS with the server: its certificate is not trusted, or it speaks another version")
	default:
		return refused(what, tripline.Unavailable, "no answer (wasi:http error "+strconv.Itoa(int(code.Tag()))+")")
	}
}
