package awssim

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answer is a response before it is written to a socket or handed back.
type answer struct {
	status int
	code   string // of the error, "" for success
	header http.Header
	body   []byte
	fault  fault
}

// answer is one of a type of content.
func (q *request) answer(status int, code, contentType string, body []byte) *answer {
	return &answer{status: status, code: code, body: body, header: http.Header{"Content-Type": {contentType}, "X-Amzn-Requestid": {q.requestID}}}
}

const (
	typeJSON   = "application/json"
	typeJSON11 = "application/x-amz-json-1.1"
	typeXML    = "text/xml"
)

// succeed is the answer of a call that went well. A nil result has no body.
func (q *request) succeed(result any) *answer {
	switch {
	case queryOperations[q.service] != nil:
		return q.answer(q.op.status, "", typeXML, encodeXML(result))
	case q.json11():
		return q.answer(q.op.status, "", typeJSON11, encode(result))
	case result == nil:
		return q.answer(q.op.status, "", typeJSON, nil)
	}
	return q.answer(q.op.status, "", typeJSON, encode(result))
}

// refuse is the answer of a call that was refused, in the style of its service.
func (q *request) refuse(e *apiError) *answer {
	switch {
	case q.service == "s3": // HEAD has no body
		return q.answer(e.status, e.code, typeXML, nil)
	case queryOperations[q.service] != nil:
		return q.answer(e.status, e.code, typeXML, encodeXML(stsError(e, q.requestID)))
	case q.json11():
		// JSON 1.1 answers 400 to every fault of the caller, and names it in the body.
		status := e.status
		if status < 500 {
			status = 400
		}
		return q.answer(status, e.code, typeJSON11, encode(struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{e.code, e.message}))
	}
	a := q.answer(e.status, e.code, typeJSON, bytes.Replace([]byte(e.lambda), []byte("%"), encode(e.message), 1))
	if e.code != "" {
		a.header.Set("X-Amzn-Errortype", e.code)
	}
	return a
}

// encode writes JSON as AWS does: < > & as they are, no newline at the end.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	must(e.Encode(v))
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func encodeXML(v any) []byte {
	b, err := xml.MarshalIndent(v, "", "  ")
	must(err)
	return append(b, '\n')
}

func must(err error) {
	if err != nil {
		panic("awssim: cannot encode its own answer: " + err.Error())
	}
}

// epoch is a time as Lambda writes it in a config record: Unix seconds with
// milliseconds, in E-notation, as 1.789313524486E9.
type epoch time.Time

func (e epoch) MarshalJSON() ([]byte, error) {
	seconds := float64(time.Time(e).UnixMilli()) / 1000
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(seconds, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, err := strconv.Atoi(exponent)
	return []byte(mantissa + "E" + strconv.Itoa(n)), err
}

// apiError is an error answer, before it is written in the way of its service.
type apiError struct {
	status  int
	code    string
	message string
	lambda  string // Lambda's body, with % for the message
}

// Lambda spells the body by the shape of the error.
const (
	bodyLower   = `{"Type":"User","message":%}`
	bodyUpper   = `{"Type":"User","Message":%}`
	bodyService = `{"Type":"Service","Message":%}`
	bodyBare    = `{"message":%}`
	bodyBareUp  = `{"Message":%}`
	bodyReason  = `{"Reason":"CallerRateLimitExceeded","Type":"User","message":%}`
	bodyNull    = `{"Message":null}`
)

var (
	tooManyRequests     = &apiError{429, "TooManyRequestsException", "Rate exceeded", bodyReason}
	throttling          = &apiError{400, "ThrottlingException", "Rate exceeded", bodyBare}
	throttledTagging    = &apiError{400, "ThrottledException", "Rate exceeded", bodyBare}
	serviceFault        = &apiError{500, "ServiceException", "An error occurred and the request cannot be processed.", bodyService}
	otherAccount        = &apiError{403, "AccessDeniedException", "", bodyNull} // AWS says nothing more
	missingToken        = &apiError{403, "MissingAuthenticationTokenException", "Missing Authentication Token", bodyBare}
	incompleteSignature = &apiError{403, "IncompleteSignatureException", "Authorization header requires 'Credential' parameter.", bodyBare}
	unrecognizedClient  = &apiError{403, "UnrecognizedClientException", "The security token included in the request is invalid.", bodyBare}
	expiredToken        = &apiError{403, "ExpiredTokenException", "The security token included in the request is expired", bodyBare}
	noFunction          = notFound("The function doesn't exist.")
)

func badRequest(code, message string) *apiError { return &apiError{400, code, message, bodyBare} }

func invalidParameter(message string) *apiError {
	return &apiError{400, "InvalidParameterValueException", message, bodyLower}
}

func notFound(message string) *apiError {
	return &apiError{404, "ResourceNotFoundException", message, bodyUpper}
}

func conflict(message string) *apiError {
	return &apiError{409, "ResourceConflictException", message, bodyLower}
}

func unparsable(err error) *apiError {
	return &apiError{400, "SerializationException", "The request body is not what this operation takes: " + err.Error(), bodyBareUp}
}

func accessDenied(message string) *apiError {
	return &apiError{403, "AccessDeniedException", message, bodyBareUp}
}

// Do answers a request without a socket, as an aws.HTTPClient would. A broken
// connection is an error of the kind that net/http gives. It starts no goroutine
// and keeps no connection, so it may be used in a testing/synctest bubble.
func (w *World) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	a, err := w.exchange(r.Context(), r)
	if err != nil {
		return nil, err
	}
	if a.fault == faultReset || a.fault == faultResetAfter {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return a.respond(r), nil
}

// ServeHTTP answers on a socket. Resets, lost and truncated answers are real there.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	a, err := w.exchange(r.Context(), r)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller is gone, or sent half a request
	}
	switch a.fault {
	case faultReset, faultResetAfter:
		reset(rw)
		return
	case faultTruncate:
		a.writeHead(rw)
		rw.Write(a.body[:len(a.body)/2])
		http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	}
	a.writeHead(rw)
	rw.Write(a.body)
}

func (a *answer) writeHead(rw http.ResponseWriter) {
	maps.Copy(rw.Header(), a.header)
	if a.status != http.StatusNoContent {
		rw.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	rw.WriteHeader(a.status)
}

// reset closes the connection so that the other side sees a reset, not an end.
func reset(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 resets the stream instead
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// respond turns an answer into the response of a RoundTripper.
func (a *answer) respond(r *http.Request) *http.Response {
	res := &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Request: r,
		ContentLength: int64(len(a.body)), Body: io.NopCloser(bytes.NewReader(a.body)),
	}
	if a.fault == faultTruncate {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{}))
	}
	return res
}

// broken is a body whose rest does not come.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// maxBody is more than any operation here reads.
const maxBody = 1 << 20

// lostFor is how long an answer that never comes is waited for when the caller
// has no deadline of its own.
const lostFor = 60 * time.Second

// exchange carries a request out and returns its answer. It waits only on
// timers and on ctx. Half of the latency passes before the call reaches the API;
// once it has, it is carried out even if the caller gives up, as AWS would.
func (w *World) exchange(ctx context.Context, r *http.Request) (*answer, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, fmt.Errorf("awssim: read the request body: %w", err)
		}
	}
	if err := pause(ctx, w.latency/2); err != nil {
		return nil, err
	}
	a, release := w.serve(r, body)
	err := pause(ctx, w.latency-w.latency/2)
	if release != nil {
		release()
	}
	if err != nil {
		return nil, err
	}
	if a.fault == faultLost {
		if err := pause(ctx, lostFor); err != nil {
			return nil, err
		}
		a.fault = faultReset
	}
	return a, nil
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
