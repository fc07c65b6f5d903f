package pacetest

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// BenchmarkWallClock is row 1 against real time, with real sockets: ten seconds
// of calls at the whole of a quota, alone. "efficiency" is net of the slow start,
// and should be at least 0.985; a machine that is busy with something else wakes
// timers late and lowers it.
func BenchmarkWallClock(b *testing.B) {
	for _, quota := range []float64{15, 150, 1500} {
		b.Run(fmt.Sprint(quota), func(b *testing.B) {
			scenario := awssim.Fleet(here.Account, here.Region, awssim.Function{Name: "f-%03d", Count: functions})
			scenario.Quota, scenario.CallLog = awssim.Quota{Rate: quota}, -1
			world, err := awssim.New(scenario)
			if err != nil {
				b.Fatal(err)
			}
			server := httptest.NewServer(world)
			defer server.Close()
			calls := int(10 * quota)
			var efficiency, refused float64
			for b.Loop() {
				limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options {
					return ratelimit.Options{Quota: quota, Share: 1}
				})
				cfg := aws.Config{Credentials: keys(), HTTPClient: server.Client(), BaseEndpoint: &server.URL}
				conn := awslambda.NewConn(cfg, here, limiters)
				start := time.Now()
				stats := countTotals(b.Context(), conn.Limiter(), reads(awslambda.NewReader(conn), calls))
				efficiency = (float64(calls-1)/quota + slowStart) / time.Since(start).Seconds()
				refused = float64(stats.Throttled)
				limiters.Close()
				if stats.Done != calls {
					b.Fatalf("%+v", stats)
				}
			}
			b.ReportMetric(efficiency, "efficiency")
			b.ReportMetric(refused, "429s")
			b.ReportMetric(0, "ns/op") // the pace is the quota's, not ours
		})
	}
}
