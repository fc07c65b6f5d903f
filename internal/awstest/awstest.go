// Package awstest starts servers that stand in for AWS and that somebody else wrote,
// for tests: a server of our own would share our mistakes.
//
// The first test of a process that asks for a server starts it, and it ends with the
// process, however that ends. A test whose server cannot be had is skipped, and says why.
package awstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// The credentials that every server takes. The key is that of the simulator's account
// 111111111111 as well.
const (
	AccessKeyID     = "AKIA111111111111"
	SecretAccessKey = "simulated"
)

// Moto is an AWS of many services, in memory.
func Moto(t testing.TB) (endpoint string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server; run without -short")
	}
	endpoint, err := moto()
	if err != nil {
		t.Skip(err)
	}
	return endpoint
}

var moto = sync.OnceValues(func() (string, error) {
	return start("moto_server", "pip install 'moto[server]'", func(host, port string) []string { return []string{"-H", host, "-p", port} })
})

// minio keeps objects in a folder that stays behind: nobody is there to remove it when
// the process has ended.
var minio = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "minio-")
	if err != nil {
		return "", err
	}
	return start("minio", "make minio builds it and runs these tests", func(host, port string) []string {
		return []string{"server", "--quiet", "--address", host + ":" + port, folder}
	}, "MINIO_ROOT_USER="+AccessKeyID, "MINIO_ROOT_PASSWORD="+SecretAccessKey, "MINIO_BROWSER=off", "MINIO_UPDATE=off")
})

var pipes sync.Map

// start runs a program as a server on a free port until this process ends.
func start(program, hint string, args func(host, port string) []string, env ...string) (endpoint string, err error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not on the PATH: %s", program, hint)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	// The end of this process closes the pipe, which ends the shell's read.
	server := exec.Command("sh", append([]string{"-c", `"$@" & read -r _; kill -9 $!`, "sh", path}, args(host, port)...)...)
	server.Env = append(os.Environ(), env...)
	stdin, err := server.StdinPipe()
	if err != nil {
		return "", err
	}
	pipes.Store(program, stdin) // or the garbage collector closes it
	if err := server.Start(); err != nil {
		return "", fmt.Errorf("%s does not start: %w", program, err)
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get("http://" + address)
		if err != nil {
			continue
		}
		if err := answer.Body.Close(); err == nil && answer.StatusCode < http.StatusInternalServerError {
			return "http://" + address, nil
		}
	}
	return "", fmt.Errorf("%s does not answer within a minute", program)
}

// S3 is one S3 server.
type S3 struct{ Name, Endpoint string }

// EachS3 runs a test against every S3 server.
func EachS3(t *testing.T, test func(t *testing.T, s S3)) {
	for _, server := range []struct {
		name  string
		start func() (string, error)
	}{{"gofakes3", gofake}, {"moto", motoInTurn}, {"minio", minio}} {
		t.Run(server.name, func(t *testing.T) {
			endpoint, err := server.start()
			if err != nil {
				t.Skip(err)
			}
			test(t, S3{server.name, endpoint})
		})
	}
}

// AnyS3 is an S3 server that is always there.
func AnyS3(t testing.TB) S3 {
	t.Helper()
	endpoint, err := gofake()
	if err != nil {
		t.Fatal(err)
	}
	return S3{"gofakes3", endpoint}
}

var gofake = sync.OnceValues(func() (string, error) {
	return httptest.NewServer(gofakes3.New(s3mem.New()).Server()).URL, nil
})

// motoInTurn lets one request through to moto at a time. It looks whether the condition
// of a write holds and then writes, without a lock between, so that of many writers at
// once two may win: a fault of moto's, which AWS has not.
var motoInTurn = sync.OnceValues(func() (string, error) {
	endpoint, err := moto()
	if err != nil {
		return "", err
	}
	behind, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	var turn sync.Mutex
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		proxy.ServeHTTP(w, r)
	})).URL, nil
})

// Client is a client of the server.
func (s S3) Client() *s3.Client {
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.Endpoint, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey}, nil
		}),
	})
}

var buckets atomic.Int64

// Bucket makes a bucket that is empty.
func (s S3) Bucket(t testing.TB) (name string) {
	t.Helper()
	name = fmt.Sprintf("bucket-%d", buckets.Add(1))
	if _, err := s.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}

// ForeignPhrases are what the SDK and Go say about their own layers. Nothing that people
// read has one: it says neither where, nor what, nor how to mend it.
var ForeignPhrases = []string{
	"operation error", "https response error", "http response error", "strconv.", "dial tcp", "IMDS", "ec2imds",
	"deserialization failed", "exceeded maximum number", "cached credentials", "%!", "panic:", "goroutine ",
	"context canceled", "context deadline exceeded", "net/http:", "unmarshal",
}

// ForeignPhrase is one that a text has, or "".
func ForeignPhrase(text string) string {
	for _, phrase := range ForeignPhrases {
		if strings.Contains(text, phrase) {
			return phrase
		}
	}
	return ""
}

// PhraseWatch hands on what is written, and remembers a foreign phrase in it.
type PhraseWatch struct {
	To io.Writer

	mu    sync.Mutex
	tail  string // what may be the beginning of one
	found string
}

// Write implements io.Writer.
func (w *PhraseWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	text := w.tail + string(p)
	if phrase := ForeignPhrase(text); w.found == "" && phrase != "" {
		w.found = phrase + " in: " + text
	}
	w.tail = text[max(0, len(text)-100):]
	w.mu.Unlock()
	return w.To.Write(p)
}

// Found is the first foreign phrase with what it stood in, or "".
func (w *PhraseWatch) Found() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found
}
