// Package bucket is the way to S3 for what keeps or reads files there: a client, whole
// objects, listings, and what S3's answers mean.
//
// One attempt of a request ends within 30 s, and the SDK tries requests again by itself. An
// error says what S3 answered and what helps, and repeats nothing that was sent.
package bucket

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Limit bounds one attempt of a request: what is kept or read has some megabytes.
const Limit = 30 * time.Second

// Client reads the environment as every program on the SDK does. A custom endpoint is
// spoken to with the bucket in the path, because few of them own a wildcard host name.
func Client(ctx context.Context, e awslambda.Environment) (*s3.Client, error) {
	e.Limit = Limit
	cfg, err := awslambda.LoadConfig(ctx, e)
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }), nil
}

// Object is one that is there.
type Object struct{ Key, ETag string }

// List walks the objects whose keys begin with a prefix, in S3's order. It asks for each
// thousand when they are wanted, and ends with the first error.
func List(ctx context.Context, client *s3.Client, bucket, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page.Contents {
				if !yield(Object{aws.ToString(o.Key), aws.ToString(o.ETag)}, nil) {
					return
				}
			}
		}
	}
}

// attempts are the times that a body is asked for that breaks off.
const attempts = 3

// Get reads an object whole. Of one with more than so many bytes it reads one more, for the
// caller to see.
func Get(ctx context.Context, client *s3.Client, in *s3.GetObjectInput, limit int64) (data []byte, etag string, err error) {
	for try := 1; ; try++ {
		out, err := client.GetObject(ctx, in)
		if err != nil {
			return nil, "", err
		}
		data, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
		if err = errors.Join(err, out.Body.Close()); int64(len(data)) > limit || err == nil {
			return data, aws.ToString(out.ETag), nil
		}
		if try == attempts || ctx.Err() != nil {
			return nil, "", err
		}
	}
}

// Status is that of S3's answer, or 0 where there was none.
func Status(err error) int {
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		return status.HTTPStatusCode()
	}
	return 0
}

// Code is S3's error code, or "".
func Code(err error) string {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// ErrorOf says in words of this program what went wrong, and in the Hint what helps;
// allow is what to do where S3 answered that it is forbidden.
func ErrorOf(err error, allow string) *callerr.Error {
	call := reconcile.ErrorOf(awslambda.AsCallError("", err))
	call.Op, call.Subject = "", "" // the caller says what was done to what
	switch status := Status(err); {
	case status == http.StatusForbidden:
		call.Hint = allow
	case status == http.StatusMovedPermanently || status == http.StatusBadRequest:
		call.Hint = "set AWS_REGION to the bucket's region"
	case Code(err) == "NoSuchBucket":
		call.Hint = "there is no such bucket; make it, or check its name"
	case status == http.StatusNotFound:
		call.Hint = "there is no such object or version; check the name"
	default:
		call.Hint = cmp.Or(call.Hint, "check the network, AWS_REGION and the credentials")
	}
	return call
}
