package pacetest

import (
	"context"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// process is one eventinvoke at an account: the limiter, and the client that pays
// it, as they are wired for real.
type process struct {
	*caller
	limiters *ratelimit.Registry[desired.Target]
	conn     *awslambda.Conn
	reader   *awslambda.Reader
}

func startProcess(c *caller, s ratelimit.Options) *process {
	return startProcessWith(c, s, aws.Config{Credentials: keys(), HTTPClient: c})
}

func startProcessWith(c *caller, s ratelimit.Options, cfg aws.Config) *process {
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return s })
	c.account.t.Cleanup(limiters.Close)
	conn := awslambda.NewConn(cfg, here, limiters)
	return &process{caller: c, limiters: limiters, conn: conn, reader: awslambda.NewReader(conn)}
}

func keys() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIA"+here.Account, "secret", "")
}

func (p *process) snapshot() ratelimit.Snapshot { return p.conn.Limiter().Snapshot() }

// read makes calls, as a survey does, and returns what they came to.
func (p *process) read(ctx context.Context, calls int) totals {
	return p.run(ctx, reads(p.reader, calls))
}

func (p *process) run(ctx context.Context, jobs iter.Seq[ratelimit.Job]) totals {
	return countTotals(ctx, p.conn.Limiter(), jobs)
}

// totals are what a run came to.
type totals struct {
	Done, Throttled int
	Elapsed         time.Duration
}

// countTotals makes the calls of all jobs and counts what they are told.
func countTotals(ctx context.Context, l *ratelimit.Limiter, jobs iter.Seq[ratelimit.Job]) (sum totals) {
	start := time.Now()
	ratelimit.Run(ctx, l, ratelimit.Policy{}, func(yield func(ratelimit.Job) bool) {
		for j := range jobs {
			if !yield(told{j, &sum}) {
				return
			}
		}
	})
	sum.Elapsed = time.Since(start)
	return sum
}

type told struct {
	ratelimit.Job
	sum *totals
}

func (j told) Done(err error, s ratelimit.CallStats) {
	if err == nil {
		j.sum.Done++
	}
	j.sum.Throttled += s.Throttled
	j.Job.Done(err, s)
}

// reads is n jobs of one read each.
func reads(r *awslambda.Reader, n int) iter.Seq[ratelimit.Job] {
	return func(yield func(ratelimit.Job) bool) {
		for i := range n {
			if !yield(&job{priority: ratelimit.Scan, call: func(ctx context.Context) error {
				_, err := r.ListConfigs(ctx, functionName(i), "")
				return err
			}}) {
				return
			}
		}
	}
}

// job is one call.
type job struct {
	priority ratelimit.Priority
	call     func(context.Context) error
	settled  bool
}

func (j *job) Next() (ratelimit.Priority, bool)    { return j.priority, !j.settled }
func (j *job) Call(ctx context.Context) error      { return j.call(ctx) }
func (j *job) Done(_ error, _ ratelimit.CallStats) { j.settled = true }
