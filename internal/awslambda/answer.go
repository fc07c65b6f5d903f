package awslambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxAnswer bounds a body. The largest legitimate one, 10,000 aliases, is near
// 4 MB.
const maxAnswer = 32 << 20

// answerReader reads each answer whole, turns whatever is not a good answer
// into a *failure, and keeps the decoded body in the metadata.
//
// It stands below the SDK's deserializer, which is then left with nothing to
// read: on success it sees an empty body, on failure an error.
type answerReader struct{ keys *keyring }

func addAnswerReader(keys *keyring) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Deserialize.Insert(answerReader{keys}, "OperationDeserializer", middleware.After)
	}
}

func (answerReader) ID() string { return "AnswerReader" }

func (a answerReader) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	out, md, err := next.HandleDeserialize(ctx, in)
	if err != nil {
		return out, md, sendFailure(err)
	}
	resp, ok := out.RawResponse.(*smithyhttp.Response)
	if !ok {
		return out, md, fmt.Errorf("the SDK answered with a %T, not with an HTTP response", out.RawResponse)
	}
	body, err := readBody(resp.Response)
	resp.Body = http.NoBody
	if err != nil {
		return out, md, brokenBody(resp.StatusCode, resp.Header, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Before a part of it is cut out, which could cut a secret in two.
		body = []byte(a.keys.secrets().scrub(string(body)))
		return out, md, refusal(resp.StatusCode, resp.Header, body)
	}
	op := middleware.GetOperationName(ctx)
	decoded, err := decode(op, body)
	if err != nil {
		return out, md, badAnswer(op, resp.StatusCode, resp.Header, err)
	}
	md.Set(answerKey{}, decoded)
	return out, md, nil
}

func readBody(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	var buf bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= maxAnswer {
		buf.Grow(int(n) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case n > maxAnswer:
		return nil, errors.New("the answer is longer than any that Lambda gives")
	case resp.ContentLength > n:
		return nil, io.ErrUnexpectedEOF // a transport without sockets does not notice by itself
	}
	return buf.Bytes(), nil
}

type answerKey struct{}

// answerIn is the decoded body that answerReader left for the caller.
func answerIn[T any](md middleware.Metadata) (T, error) {
	v, ok := md.Get(answerKey{}).(T)
	if !ok {
		return v, fmt.Errorf("the SDK lost the answer: it holds a %T", md.Get(answerKey{}))
	}
	return v, nil
}
