package pacetest

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// process is one eventinvoke at a site: the limiter, and the client that pays
// it, as they are wired for real.
type process struct {
	*caller
	limiters *ratelimit.Registry[desired.Target]
	conn     *awslambda.Conn
	reader   *awslambda.Reader
}

func startProcess(c *caller, s ratelimit.Settings) *process {
	return startProcessWith(c, s, aws.Config{Credentials: keys(), HTTPClient: c})
}

func startProcessWith(c *caller, s ratelimit.Settings, cfg aws.Config) *process {
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Settings { return s })
	c.site.t.Cleanup(limiters.Close)
	conn := awslambda.NewConn(cfg, here, limiters)
	return &process{caller: c, limiters: limiters, conn: conn, reader: awslambda.NewReader(conn)}
}

func keys() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIA"+here.Account, "secret", "")
}

func (p *process) snapshot() ratelimit.Snapshot { return p.conn.Limiter().Snapshot() }

// read makes calls, as a survey does, and returns what they came to.
func (p *process) read(ctx context.Context, calls int) ratelimit.Stats {
	return p.run(ctx, reads(p.reader, calls))
}

func (p *process) run(ctx context.Context, jobs iter.Seq[ratelimit.Job]) ratelimit.Stats {
	return ratelimit.Run(ctx, p.conn.Limiter(), ratelimit.Policy{}, jobs)
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
