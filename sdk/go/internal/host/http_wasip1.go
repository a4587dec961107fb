package host

import (
	"strconv"
	"strings"

	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/bindings/wasi_http_outgoing_handler"
	http "github.com/tripline/tripline/sdk/go/internal/bindings/wasi_http_types"
	streams "github.com/tripline/tripline/sdk/go/internal/bindings/wasi_io_streams"
	"github.com/tripline/tripline/sdk/go/internal/collect"
	"github.com/tripline/tripline/sdk/go/internal/text"
	wit "github.com/tripline/tripline/sdk/go/internal/wit/types"
)

const readBytes = 64 << 10

// SendHTTP waits for the whole answer. Every handle is dropped here: what the collector would drop later, it might drop where no import may be called.
func SendHTTP(request Request) (*Response, *tripline.HostError) {
	defer collect.AfterImport()
	outgoing, err := outgoing(request)
	if err != nil {
		return nil, err
	}
	body := outgoing.Body()
	if body.IsErr() {
		outgoing.Drop()
		return nil, refused(what, tripline.Invalid, "the request's Content-Length is no number")
	}
	options := http.MakeRequestOptions()
	// A host that does not know one of them goes on without.
	if request.ConnectTimeout > 0 {
		options.SetConnectTimeout(wit.Some(request.ConnectTimeout))
	}
	if request.AnswerTimeout > 0 {
		options.SetFirstByteTimeout(wit.Some(request.AnswerTimeout))
	}
	sent := wasi_http_outgoing_handler.Handle(outgoing, wit.Some(options))
	if sent.IsErr() {
		body.Ok().Drop()
		return nil, httpError(sent.Err())
	}
	write(body.Ok(), request.Body)
	pending := sent.Ok()
	defer pending.Drop()
	return await(pending)
}

func outgoing(request Request) (*http.OutgoingRequest, *tripline.HostError) {
	entries := make([]wit.Tuple2[string, []byte], len(request.Headers))
	for at, header := range request.Headers {
		entries[at] = wit.Tuple2[string, []byte]{F0: text.Valid(header.Name), F1: []byte(header.Value)}
	}
	if HeadersBytes(request.Headers) > HeadersBytesMax {
		return nil, refused(what, tripline.Invalid, "headers of more than "+strconv.Itoa(HeadersBytesMax)+" bytes")
	}
	headers := http.FieldsFromList(entries)
	if headers.IsErr() {
		return nil, refused(what, tripline.Invalid, "a header that is none, or that the host writes itself")
	}
	outgoing := http.MakeOutgoingRequest(headers.Ok())
	scheme := http.MakeSchemeHttps()
	if request.Scheme == "http" {
		scheme = http.MakeSchemeHttp()
	}
	fault := ""
	switch {
	case outgoing.SetMethod(method(request.Method)).IsErr():
		fault = "no method"
	case outgoing.SetScheme(wit.Some(scheme)).IsErr():
		fault = "no scheme"
	case outgoing.SetAuthority(wit.Some(text.Valid(request.Authority))).IsErr():
		fault = "the URL's host is none"
	case outgoing.SetPathWithQuery(wit.Some(text.Valid(request.Path))).IsErr():
		fault = "the URL's path is none: encode what is not ASCII"
	default:
		return outgoing, nil
	}
	outgoing.Drop()
	return nil, refused(what, tripline.Invalid, fault)
}

func method(name string) http.Method {
	switch name {
	case "GET":
		return http.MakeMethodGet()
	case "HEAD":
		return http.MakeMethodHead()
	case "POST":
		return http.MakeMethodPost()
	case "PUT":
		return http.MakeMethodPut()
	case "DELETE":
		return http.MakeMethodDelete()
	case "OPTIONS":
		return http.MakeMethodOptions()
	case "PATCH":
		return http.MakeMethodPatch()
	default:
		return http.MakeMethodOther(text.Valid(name))
	}
}

// As much as the host takes: where it stops, the answer says why.
func write(body *http.OutgoingBody, bytes []byte) {
	if opened := body.Write(); opened.IsOk() {
		stream := opened.Ok()
		ready := stream.Subscribe()
		for len(bytes) > 0 {
			room := stream.CheckWrite()
			if room.IsErr() {
				drop(room.Err())
				break
			}
			if room.Ok() == 0 {
				ready.Block()
				continue
			}
			now := bytes[:min(uint64(len(bytes)), room.Ok())]
			if written := stream.Write(now); written.IsErr() {
				drop(written.Err())
				break
			}
			bytes = bytes[len(now):]
		}
		ready.Drop()
		stream.Drop()
	}
	http.OutgoingBodyFinish(body, wit.None[*http.Fields]())
}

func drop(err streams.StreamError) {
	if err.Tag() == streams.StreamErrorLastOperationFailed {
		err.LastOperationFailed().Drop()
	}
}

func await(pending *http.FutureIncomingResponse) (*Response, *tripline.HostError) {
	ready := pending.Subscribe()
	defer ready.Drop()
	for {
		if answer := pending.Get(); answer.IsSome() {
			taken := answer.Some()
			if taken.IsErr() {
				return nil, refused(what, tripline.Invalid, "the answer was taken before")
			}
			if come := taken.Ok(); come.IsErr() {
				return nil, httpError(come.Err())
			} else {
				return read(come.Ok())
			}
		}
		ready.Block()
	}
}

func read(answer *http.IncomingResponse) (*Response, *tripline.HostError) {
	defer answer.Drop()
	fields := answer.Headers()
	response := &Response{Status: int(answer.Status())}
	for _, one := range fields.Entries() {
		response.Headers = append(response.Headers, Header{Name: strings.Clone(one.F0), Value: string(one.F1)})
	}
	fields.Drop()
	consumed := answer.Consume()
	if consumed.IsErr() {
		return nil, refused(what, tripline.Unavailable, "the answer has no body to read")
	}
	incoming := consumed.Ok()
	defer incoming.Drop()
	opened := incoming.Stream()
	if opened.IsErr() {
		return nil, refused(what, tripline.Unavailable, "the answer has no body to read")
	}
	stream := opened.Ok()
	defer stream.Drop()
	for {
		bytes := stream.BlockingRead(readBytes)
		if bytes.IsErr() {
			if err := bytes.Err(); err.Tag() != streams.StreamErrorClosed {
				drop(err)
				return nil, refused(what, tripline.Unavailable, "the answer ends too early")
			}
			return response, nil
		}
		response.Body = append(response.Body, bytes.Ok()...)
		collect.AfterImport()
	}
}
