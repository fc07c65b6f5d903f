package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// s3Program is an S3 server that somebody else wrote: moto, whose answers to
// If-None-Match and If-Match on PutObject, and to If-Match on DeleteObject,
// are those that AWS documents (checked with moto 5.2). It keeps all in memory.
const s3Program = "moto_server"

// s3Server is the server of this test process. TestMain stops it.
var s3Server struct {
	once     sync.Once
	endpoint string
	problem  string
	stop     func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if s3Server.stop != nil {
		s3Server.stop()
	}
	os.Exit(code)
}

var s3Buckets atomic.Int64

// newBucket is a client and an empty bucket, or skips the test.
func newBucket(t testing.TB) (*s3.Client, string) {
	t.Helper()
	s3Server.once.Do(startS3)
	if s3Server.problem != "" {
		t.Skip(s3Server.problem)
	}
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s3Server.endpoint, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	bucket := fmt.Sprintf("bucket-%d", s3Buckets.Add(1))
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return client, bucket
}

// startS3 starts the server on a free port, which it tells on standard error.
func startS3() {
	program, err := exec.LookPath(s3Program)
	if err != nil {
		s3Server.problem = "no S3 server to test with: install moto (pip install 'moto[s3,server]')"
		return
	}
	cmd := exec.Command(program, "-H", "127.0.0.1", "-p", "0")
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s3Server.problem = fmt.Sprintf("%s does not start: %v", s3Program, err)
		return
	}
	s3Server.stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	found := make(chan string, 1)
	var said strings.Builder
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			said.WriteString("\n" + lines.Text())
			if m := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`).FindString(lines.Text()); m != "" {
				found <- m
				break
			}
		}
		close(found)
		_, _ = io.Copy(io.Discard, log)
	}()
	select {
	case endpoint, ok := <-found:
		if s3Server.endpoint = endpoint; !ok {
			s3Server.problem = s3Program + " does not say on which port it listens, but:" + said.String()
		}
	case <-time.After(time.Minute):
		s3Server.problem = s3Program + " has not said for a minute on which port it listens"
	}
}
