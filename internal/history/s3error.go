package history

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

var (
	errCondition = errors.New("the condition of the write does not hold")
	errBusy      = errors.New("another conditional write is under way")
)

// codeOf is S3's error code, or "".
func codeOf(err error) string {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// fail says where, what S3 answered, and what helps. Of an answer it repeats
// the code, S3's message and the request's id, and nothing that was sent.
func (b *bucketStore) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &StoreError{Op: op, Name: "s3://" + b.bucket + "/" + *b.key(name), Err: err}
	if errors.Is(err, ErrExists) || errors.Is(err, ErrChanged) || errors.Is(err, ErrAbsent) {
		return e
	}
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) {
		if !errors.Is(err, context.Canceled) {
			e.Hint = "check the network, AWS_REGION and the credentials, or choose another place with --history"
		}
		return e
	}
	e.Err = answer{err, status.HTTPStatusCode()}
	switch {
	case codeOf(err) == "NoSuchBucket":
		e.Hint = "make the bucket, or correct --history"
	case status.HTTPStatusCode() == http.StatusForbidden:
		e.Hint = fmt.Sprintf("allow s3:ListBucket on %s, and s3:GetObject, s3:PutObject and s3:DeleteObject on %s/*", b.bucket, b)
	case status.HTTPStatusCode() == http.StatusMovedPermanently, status.HTTPStatusCode() == http.StatusBadRequest:
		e.Hint = "set AWS_REGION to the bucket's region"
	default:
		e.Hint = "try again, or choose another place with --history"
	}
	return e
}

// answer is an error that S3 sent, reduced to what a person needs.
type answer struct {
	err    error
	status int
}

func (a answer) Error() string {
	text := fmt.Sprintf("S3 answered %d", a.status)
	if code := codeOf(a.err); code != "" {
		text += " " + code
	}
	var api interface{ ErrorMessage() string }
	if errors.As(a.err, &api) && api.ErrorMessage() != "" {
		text += ": " + api.ErrorMessage()
	}
	var request interface{ ServiceRequestID() string }
	if errors.As(a.err, &request) && request.ServiceRequestID() != "" {
		text += " [request " + request.ServiceRequestID() + "]"
	}
	return text
}

func (a answer) Unwrap() error { return a.err }
