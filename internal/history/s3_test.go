package history

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/bucket"
	"github.com/eventinvoke/eventinvoke/internal/shard"
)

// wire is the way to the S3 server, with one fault on it: only the nth request
// of a method meets it.
type wire struct {
	method string
	nth    int
	fault  func(r *http.Request) (*http.Response, error)

	mu   sync.Mutex
	seen int
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	hit := false
	if r.Method == w.method {
		w.seen++
		hit = w.seen == w.nth
	}
	w.mu.Unlock()
	if hit {
		return w.fault(r)
	}
	return http.DefaultClient.Do(r)
}

// lostAnswer lets the server do its work and drops what it says.
func lostAnswer(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF
}

func answering(status int, code, message string) func(r *http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		body := `<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error>`
		return &http.Response{
			StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/xml"}, "X-Amz-Request-Id": {"REQ1"}},
			Body:   io.NopCloser(strings.NewReader(body)),
		}, nil
	}
}

// onWire is a store behind a wire.
func onWire(t *testing.T, w *wire) Store {
	t.Helper()
	client, bucket := newBucket(t)
	options := client.Options()
	options.HTTPClient = w
	return S3(s3.New(options), bucket, "p")
}

func TestS3WriteWhoseAnswerWasLostIsDoneOnce(t *testing.T) {
	rows := []struct {
		why   string
		write func(t *testing.T, s Store) error
	}{
		{"Create", func(t *testing.T, s Store) error {
			_, err := s.Write(t.Context(), "a.json", []byte("x"), "")
			return err
		}},
		{"Append", func(t *testing.T, s Store) error { return s.Append(t.Context(), "a.json", 0, []byte("x")) }},
	}
	for _, row := range rows {
		s := onWire(t, &wire{method: http.MethodPut, nth: 1, fault: lostAnswer})
		if err := row.write(t, s); err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
	}
	s := onWire(t, &wire{method: http.MethodPut, nth: 2, fault: lostAnswer})
	tag, err := s.Write(t.Context(), "a.json", []byte("x"), "")
	if err == nil {
		tag, err = s.Write(t.Context(), "a.json", []byte("y"), tag)
	}
	if err != nil {
		t.Fatalf("Replace: %v", err)
	}
	if err := s.Delete(t.Context(), "a.json", tag); err != nil {
		t.Errorf("Delete with the tag of that Replace: %v", err)
	}
}

func TestS3AsksAgainWhileAKeyIsBusy(t *testing.T) {
	s := onWire(t, &wire{method: http.MethodPut, nth: 1, fault: answering(http.StatusConflict, "ConditionalRequestConflict", "busy")})
	if _, err := s.Write(t.Context(), "a.json", []byte("x"), ""); err != nil {
		t.Error(err)
	}
}

func TestS3RefusalSaysWhatToDo(t *testing.T) {
	s := onWire(t, &wire{method: http.MethodPut, nth: 1, fault: answering(http.StatusForbidden, "AccessDenied", "Access Denied")})
	_, err := s.Write(t.Context(), "a.json", []byte("x"), "")
	var failed *StoreError
	if !errors.As(err, &failed) {
		t.Fatalf("Create: %v, want a StoreError", err)
	}
	for _, want := range []string{"create s3://bucket-", "/p/a.json: AccessDenied (403): Access Denied [request REQ1]", "allow s3:ListBucket", "s3:DeleteObject"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestS3LogWithAHoleIsNoLog(t *testing.T) {
	client, bucket := newBucket(t)
	s := S3(client, bucket, "")
	for _, offset := range []int64{0, 4, 8} {
		if err := s.Append(t.Context(), "j/log.jsonl", offset, []byte("abc\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: new(partName("j/log.jsonl", 4))}); err != nil {
		t.Fatal(err)
	}
	if left, err := s.ReadLog(t.Context(), "j/log.jsonl"); err == nil || !strings.Contains(err.Error(), "the part that begins at byte 4 is missing") || string(left) != "abc\n" {
		t.Errorf("ReadLog: %q, %v, want what is before the hole, and where it is", left, err)
	}
}

// TestS3JournalWithAHole: what is before the hole can be had by who asks for it, and the
// later parts are not taken for a part of it.
func TestS3JournalWithAHole(t *testing.T) {
	for _, row := range []struct {
		why  string
		part func(parts []string) string
	}{
		{"a part in the middle", func(parts []string) string { return parts[2] }},
		{"the last part", func(parts []string) string { return parts[len(parts)-1] }},
		{"the first part", func(parts []string) string { return parts[0] }},
	} {
		client, bucket := newBucket(t)
		s := S3(client, bucket, "p")
		run := recorded(t, s, "holed", shard.Shard{}, 0, 4)
		parts, err := s.(*bucketStore).keys(t.Context(), run.attempt.journal())
		if err != nil || len(parts) < 4 {
			t.Fatalf("parts %v, %v, want one for each intent", parts, err)
		}
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: s.(*bucketStore).key(row.part(parts))}); err != nil {
			t.Fatal(err)
		}
		var broken *BrokenError
		undos, err := New(s).Traces(t.Context(), "holed")
		if !errors.As(err, &broken) || !broken.Lost() || len(undos) > 4 {
			t.Errorf("%s: %d undos, %v, want a BrokenError that is Lost", row.why, len(undos), err)
		}
	}
}

func TestS3WithoutAPrefix(t *testing.T) {
	client, bucket := newBucket(t)
	s := S3(client, bucket, "")
	var want []string
	for _, name := range []string{"runs/a/1.json", "runs/b/1.json"} {
		if _, err := s.Write(t.Context(), name, []byte(name), ""); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: new("runs/made-by-a-console/"), Body: bytes.NewReader(nil)}); err != nil {
		t.Fatal(err)
	}
	got, err := s.List(t.Context(), "runs/")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("List: %v (-want +got)\n%s", err, diff)
	}
}

// TestS3IsReachedInWords: a request that brings no answer ends, and says which host
// or file it was about, in words of this program.
func TestS3IsReachedInWords(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": gone.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA111111111111", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	client, err := bucket.Client(t.Context(), awslambda.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	if limit := client.Options().HTTPClient.(interface{ GetTimeout() time.Duration }).GetTimeout(); limit != bucket.Limit {
		t.Errorf("one attempt has the limit %v", limit)
	}
	_, _, err = S3(client, "bucket", "p").Read(t.Context(), "a")
	var e *StoreError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), gone.URL+" cannot be reached: connection refused") || strings.Contains(err.Error(), "operation error") || !strings.Contains(e.Hint, "AWS_ENDPOINT_URL") {
		t.Errorf("%v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "localhost:4566")
	if _, err := OpenStore(t.Context(), "s3://bucket"); err == nil || !strings.Contains(err.Error(), "does not begin with http:// or https://") {
		t.Errorf("an endpoint without its scheme: %v", err)
	}
	for _, location := range []string{"https://jane:geheim@host/x", "s3://jane:geheim@bucket/x", "s3:/jane:geheim@bucket", "s3:jane:geheim@bucket/x"} {
		if _, err := OpenStore(t.Context(), location); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// What is stopped says who stopped it, as in a folder, and nothing of the SDK's: the
// exit code of a verb that reads the history is made of it.
func TestS3SaysWhoStoppedIt(t *testing.T) {
	stopped := errors.New("stopped by a test")
	for _, row := range []struct {
		method string
		call   func(context.Context, Store) error
	}{
		{http.MethodGet, func(ctx context.Context, s Store) error { _, err := s.List(ctx, "runs"); return err }},
		{http.MethodGet, func(ctx context.Context, s Store) error { _, _, err := s.Read(ctx, "a.json"); return err }},
		{http.MethodPut, func(ctx context.Context, s Store) error {
			_, err := s.Write(ctx, "a.json", []byte("x"), "")
			return err
		}},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		s := onWire(t, &wire{method: row.method, nth: 1, fault: func(r *http.Request) (*http.Response, error) {
			cancel(stopped)
			return nil, context.Canceled
		}})
		if err := row.call(ctx, s); !errors.Is(err, stopped) || !strings.HasSuffix(err.Error(), ": stopped by a test") {
			t.Errorf("%s: %v, want what stopped it", row.method, err)
		}
	}
}
