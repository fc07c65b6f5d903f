package awslambda

import (
	"context"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Opener opens the targets of runs on AWS: it is a reconcile.Opener. Run and
// Access of its options come from each request.
type Opener struct{ Options }

// Open implements reconcile.Opener.
func (o Opener) Open(ctx context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	options := o.Options
	options.Run = req.Run
	if req.Write {
		options.Access = ReadWrite
	}
	session, err := Open(ctx, options)
	if err != nil {
		return reconcile.Opened{}, err
	}
	var opened reconcile.Opened
	targets := req.Targets
	if req.Ambient {
		if opened.Ambient, _, err = session.Ambient(ctx); err != nil {
			return reconcile.Opened{}, err
		}
		targets = []desired.TargetSpec{{Target: opened.Ambient}}
	}
	for _, t := range session.Open(ctx, targets) {
		open := reconcile.OpenTarget{Target: t.Target, CallerARN: t.CallerARN, Err: t.Err}
		if t.Err == nil {
			open.Reader, open.Finder = t.Reader, finder{t.Reader, t.Tagger}
			open.Limiter, open.Calls = t.Conn.Limiter(), t.Conn.operationCounts
			if t.Writer != nil {
				open.Writer = t.Writer
			}
		}
		opened.Targets = append(opened.Targets, open)
	}
	return opened, nil
}

// operationCounts is what was asked so far.
func (c *Conn) operationCounts() []reconcile.OperationCount {
	var counts []reconcile.OperationCount
	for _, s := range c.Stats() {
		counts = append(counts, reconcile.OperationCount{
			Name: s.Op, Calls: s.Calls, OK: s.OK, Throttled: s.Throttled, Conflicts: s.Conflicts, Faults: s.Faults, Skewed: s.Skewed, Refused: s.Refused,
		})
	}
	return counts
}

// finder discovers one target: function names from Lambda, tags from the
// tagging API.
type finder struct {
	*Reader
	tagger *Tagger
}

// Tagged implements reconcile.Finder.
func (f finder) Tagged(ctx context.Context, tags []desired.Tag) (map[string]map[string]string, error) {
	with := map[string][]string{}
	for _, t := range tags {
		with[t.Key] = nil
		if t.Value != desired.AnyValue {
			with[t.Key] = []string{t.Value}
		}
	}
	return f.tagger.Functions(ctx, with)
}
