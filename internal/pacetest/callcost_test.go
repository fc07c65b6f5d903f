//go:build unix

package pacetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// BenchmarkCallOverSocket is what a call costs over the bare SDK when it goes
// through a socket, as real ones do, in CPU time of the process. The server
// answers from a constant; its few microseconds are in both figures.
// BenchmarkCall in internal/awslambda is the same without a socket, where the
// difference shows more.
func BenchmarkCallOverSocket(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"FunctionEventInvokeConfigs":[],"NextMarker":null}`)
	}))
	defer server.Close()
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options {
		return ratelimit.Options{Quota: 1e8, Share: 1}
	})
	defer limiters.Close()
	cfg := aws.Config{
		Region: here.Region, Credentials: aws.NewCredentialsCache(keys()),
		HTTPClient: server.Client(), BaseEndpoint: &server.URL,
	}
	reader := awslambda.NewReader(awslambda.NewConn(cfg, here, limiters))
	client := lambda.NewFromConfig(cfg)
	function := functionName(0)
	bare := func() error {
		_, err := client.ListFunctionEventInvokeConfigs(b.Context(), &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &function, MaxItems: aws.Int32(50)})
		return err
	}
	ours := func() error {
		_, err := reader.ListConfigs(b.Context(), function, "")
		return err
	}
	var spent [2]time.Duration
	calls := 0
	for b.Loop() {
		const block = 50 // in turns, so that noise hits both alike
		for i, call := range []func() error{bare, ours} {
			start := cpuTime(b)
			for range block {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += cpuTime(b) - start
		}
		calls += block
	}
	b.ReportMetric(float64(spent[0].Microseconds())/float64(calls), "us/bare-call")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(calls), "us/our-call")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
	b.ReportMetric(0, "ns/op") // a pair of blocks says nothing
}

// cpuTime is what the process has used so far, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
