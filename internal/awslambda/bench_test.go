package awslambda

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// BenchmarkCall is what a call costs over the bare SDK: both clients read the
// same canned answer in turns, in blocks, so that noise hits both alike.
// "ratio" is ours over bare, and should stay at or below 1.10.
func BenchmarkCall(b *testing.B) {
	body := `{"FunctionEventInvokeConfigs":[` + recordOf(orders) + `],"NextMarker":null}`
	client := canned(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"X-Amzn-Requestid": {"req-1"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	})
	limiters := ratelimit.NewRegistry(func(ratelimit.Scope) ratelimit.Settings { return ratelimit.Settings{Quota: 1e8, Share: 1} })
	b.Cleanup(limiters.Close)
	cfg := aws.Config{Region: here.Region, Credentials: aws.NewCredentialsCache(keysOf(here.Account)), HTTPClient: client}
	ours := NewReader(NewLane(cfg, here, limiters))
	bare := lambda.NewFromConfig(cfg)
	ctx := context.Background()

	const block = 50
	var bareTime, ourTime time.Duration
	calls := 0
	for b.Loop() {
		start := time.Now()
		for range block {
			out, err := bare.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &orders.Function, MaxItems: aws.Int32(maxConfigs)})
			if err != nil || len(out.FunctionEventInvokeConfigs) != 1 {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		for range block {
			page, err := ours.ListConfigs(ctx, orders.Function, "")
			if err != nil || len(page.Items) != 1 {
				b.Fatal(err)
			}
		}
		bareTime, ourTime, calls = bareTime+middle.Sub(start), ourTime+time.Since(middle), calls+block
	}
	perCall := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(calls) }
	b.ReportMetric(perCall(bareTime), "us/bare-call")
	b.ReportMetric(perCall(ourTime), "us/our-call")
	b.ReportMetric(float64(ourTime)/float64(bareTime), "ratio")
	b.ReportMetric(0, "ns/op") // a pair of blocks says nothing
}
