//go:build unix

package awslambda

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// BenchmarkCall is what a call costs over the bare SDK: both clients read the
// same canned answer in turns, in blocks, so that noise hits both alike. It
// takes the CPU time of the process, the limiter's goroutine included, since
// wall time on a busy machine measures the others. "ratio" is ours over bare,
// and should stay at or below 1.10.
func BenchmarkCall(b *testing.B) {
	body := `{"FunctionEventInvokeConfigs":[` + recordOf(orders) + `],"NextMarker":null}`
	client := canned(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"X-Amzn-Requestid": {"req-1"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	})
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: 1e8, Share: 1} })
	b.Cleanup(limiters.Close)
	cfg := aws.Config{Region: here.Region, Credentials: aws.NewCredentialsCache(keysOf(here.Account)), HTTPClient: client}
	ours := NewReader(NewConn(cfg, here, limiters))
	bare := lambda.NewFromConfig(cfg)
	ctx := context.Background()

	const block = 500
	var bareTime, ourTime time.Duration
	calls := 0
	for b.Loop() {
		start := cpuTime(b)
		for range block {
			out, err := bare.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &orders.Function, MaxItems: aws.Int32(maxConfigs)})
			if err != nil || len(out.FunctionEventInvokeConfigs) != 1 {
				b.Fatal(err)
			}
		}
		middle := cpuTime(b)
		for range block {
			page, err := ours.ListConfigs(ctx, orders.Function, "")
			if err != nil || len(page.Items) != 1 {
				b.Fatal(err)
			}
		}
		bareTime, ourTime, calls = bareTime+middle-start, ourTime+cpuTime(b)-middle, calls+block
	}
	perCall := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(calls) }
	b.ReportMetric(perCall(bareTime), "us/bare-call")
	b.ReportMetric(perCall(ourTime), "us/our-call")
	b.ReportMetric(float64(ourTime)/float64(bareTime), "ratio")
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
