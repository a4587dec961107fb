//go:build !wasip1

package host

import (
	"testing"

	"github.com/tripline/tripline/sdk/go"
	http "github.com/tripline/tripline/sdk/go/internal/bindings/wasi_http_types"
	wit "github.com/tripline/tripline/sdk/go/internal/wit/types"
)

func TestWhatWouldBeTheSameAgainIsInvalid(t *testing.T) {
	rows := []struct {
		code http.ErrorCode
		kind tripline.Code
		want string
	}{
		{http.MakeErrorCodeHttpRequestBodySize(wit.Some[uint64](8 << 20)), tripline.Invalid, "a body of more than 8388608 bytes"},
		{http.MakeErrorCodeHttpRequestBodySize(wit.None[uint64]()), tripline.Invalid, "the request's body is not as long as its Content-Length says, or too large"},
		{http.MakeErrorCodeHttpRequestHeaderSectionSize(wit.None[uint32]()), tripline.Invalid, "the request's headers are too large"},
		{http.MakeErrorCodeHttpRequestHeaderSize(wit.None[http.FieldSizePayload]()), tripline.Invalid, "the request's headers are too large"},
		{http.MakeErrorCodeHttpResponseBodySize(wit.Some[uint64](8 << 20)), tripline.Invalid, "an answer of more than 8388608 bytes"},
		{http.MakeErrorCodeHttpResponseBodySize(wit.None[uint64]()), tripline.Invalid, "the answer is too large"},
		{http.MakeErrorCodeHttpResponseHeaderSectionSize(wit.Some[uint32](64 << 10)), tripline.Invalid, "an answer whose headers have more than 65536 bytes"},
		{http.MakeErrorCodeHttpResponseHeaderSectionSize(wit.None[uint32]()), tripline.Invalid, "an answer whose headers are too large"},
		{http.MakeErrorCodeHttpResponseHeaderSize(http.FieldSizePayload{}), tripline.Invalid, "an answer with a header that is too large"},
		{http.MakeErrorCodeHttpResponseTimeout(), tripline.Unavailable, "no answer in time"},
	}
	for _, row := range rows {
		if err := httpError(row.code); err.Code != row.kind || err.Reason != row.want {
			t.Errorf("%v %q, and %v %q is wanted", err.Code, err.Reason, row.kind, row.want)
		}
	}
}
