package history

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// auditVerb is the verb of the record of an audit.
const auditVerb = "audit"

// Drift is one config that an audit found to be not as declared.
type Drift struct {
	desired.Name
	Action reconcile.Action `json:"action"` // what would mend it
	// Since is when the first of the audits began that have found it drifted ever
	// since. An audit that could not see the config says neither yes nor no.
	Since  time.Time   `json:"since"`
	Author *LastAuthor `json:"author,omitempty"` // null where nobody told
}

// auditTimeout is what a place that hangs can cost an audit.
const auditTimeout = 30 * time.Second

// Audit is a Reporter of an engine: it leaves a record of a run that only read. Where it cannot, the
// result stands.
func (m *Memory) Audit(ctx context.Context, r *reconcile.RunResult) error {
	if err := m.audit(ctx, r); err != nil {
		m.Log.Warn("this audit is not remembered as it should be; its result stands", "history", awslambda.RedactURL(m.History.String()), "why", err.Error())
	}
	return nil
}

// audit remembers a run that only read: its counts, what it could not see, and what
// has drifted since when, without the settings; of one that came to no plan, why. It
// holds no target, so it is never in the way of a run that writes.
func (m *Memory) audit(ctx context.Context, r *reconcile.RunResult) error {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	record := m.newRecord(r, r.Opened.Targets)
	record.Shard = shard.Shard{} // other shards of an audit are other audits
	run, err := m.History.Begin(ctx, &record)
	if err != nil {
		return err
	}
	m.complete(&record, r)
	if !r.Planned() {
		record.Targets = unread(r, record.Failure)
	}
	record.shorten()
	since := map[desired.Key]time.Time{}
	for i := range record.Targets {
		maps.Insert(since, record.Targets[i].driftSince())
	}
	failed := m.History.sinceWhen(ctx, record.RunID, since)
	for t := range slice.Pointers(record.Targets) {
		for j := range t.Drift {
			t.Drift[j].Since = since[desired.Key{Target: t.Target, Name: t.Drift[j].Name}]
		}
	}
	if err := run.Finish(ctx, &record); err != nil {
		return err
	}
	return failed
}

// unread are the targets of an audit that came to no plan, as far as they are known.
func unread(r *reconcile.RunResult, why *callerr.Error) []TargetRecord {
	if r.Wishes == nil {
		return nil // no fleet file was understood
	}
	if why == nil {
		why = &callerr.Error{} // it was stopped
	}
	specs, _ := r.Wishes.Targets() // sorted
	return slice.Map(specs, func(t desired.TargetSpec) TargetRecord {
		return TargetRecord{Target: t.Target, Label: t.Label, Failure: why, Operations: []reconcile.OperationCount{}}
	})
}

// shorten keeps of a plan what an audit is remembered for.
func (r *RunRecord) shorten() {
	for _, item := range r.Items {
		t := reconcile.FindTarget(r.Targets, item.Target)
		t.Drift = append(t.Drift, Drift{Name: item.Name, Action: item.Action, Since: r.Started.UTC(), Author: item.Author})
	}
	for _, f := range r.Findings {
		t := reconcile.FindTarget(r.Targets, f.Target)
		if t.Findings == nil {
			t.Findings = map[string]int{}
		}
		t.Findings[f.Reason]++
	}
	r.Items = nil
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		return f.Reason != reconcile.FindingUnreadable.String() && f.Reason != reconcile.FindingNotExamined.String()
	})
}

// lookBack is how many records are read at most to find out since when a config has
// drifted; mostly the first is enough.
const lookBack = 100

// sinceWhen takes over from the audits before a run how long each of some configs has drifted.
func (h *History) sinceWhen(ctx context.Context, run string, since map[desired.Key]time.Time) error {
	if len(since) == 0 {
		return nil
	}
	undecided := maps.Clone(since)
	_, err := h.audits(ctx, lookBack, func(past *RunRecord) (more bool) {
		if past.RunID == run {
			return true
		}
		for i := range past.Targets {
			for key, drifted := range past.Targets[i].driftSince() {
				if _, open := undecided[key]; open {
					since[key] = drifted
					delete(undecided, key)
				}
			}
		}
		unseen := slice.Set(slice.Map(past.Findings, func(f Finding) desired.Key { return f.Key }))
		maps.DeleteFunc(undecided, func(key desired.Key, _ time.Time) bool {
			t := reconcile.FindTarget(past.Targets, key.Target)
			return t != nil && t.Failure == nil && len(past.Selection.Functions) == 0 && !unseen[key]
		})
		return len(undecided) > 0
	})
	return err
}

// driftSince is since when each config of a target has drifted.
func (t *TargetRecord) driftSince() iter.Seq2[desired.Key, time.Time] {
	return func(yield func(desired.Key, time.Time) bool) {
		for _, d := range t.Drift {
			if !yield(desired.Key{Target: t.Target, Name: d.Name}, d.Since) {
				return
			}
		}
	}
}

// SinceWhen is a reconcile.Annotator: it knows since when the audits of a history have
// found what differs.
type SinceWhen struct{ History *History }

// Name implements reconcile.Annotator.
func (SinceWhen) Name() string { return "since when configs differ" }

// Annotate implements reconcile.Annotator.
func (w SinceWhen) Annotate(ctx context.Context, r *reconcile.RunResult) (learnt insight.Set) {
	since := map[desired.Key]time.Time{}
	for p := range slice.Pointers(r.Plan.Targets) {
		for j := range p.Changes {
			since[desired.Key{Target: p.Target, Name: p.Changes[j].Name}] = r.Started
		}
	}
	if err := w.History.sinceWhen(ctx, r.ID, since); err != nil {
		learnt.Unavailable = []insight.Unavailable{{What: w.Name(), Err: err}}
	}
	for key, at := range since {
		if at.Before(r.Started) {
			learnt.Drifting = append(learnt.Drifting, insight.Drifting{Key: key, Since: at})
		}
	}
	slices.SortFunc(learnt.Drifting, func(a, b insight.Drifting) int { return a.Key.Compare(b.Key) })
	return learnt
}

// audits gives the records of audits, newest first, for as long as more are wanted,
// and reads no more than so many. Runs that wrote are known by name and not read. It
// returns the runs that may have been audits and cannot be read.
func (h *History) audits(ctx context.Context, limit int, each func(*RunRecord) (more bool)) (damaged []string, err error) {
	attempts, err := h.attempts(ctx)
	if err != nil {
		return nil, err
	}
	wrote, err := h.wrote(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range newestFirst(attempts) {
		if wrote[id] {
			continue
		}
		if limit--; limit < 0 {
			return damaged, nil
		}
		run, err := h.load(ctx, attempts[id])
		if err != nil {
			return damaged, err
		}
		for i := range run.Attempts {
			switch a := &run.Attempts[i]; {
			case a.State == Damaged:
				damaged = append(damaged, id)
			case a.Verb == auditVerb && (len(a.Targets) > 0 || a.State == Failed || a.State == Interrupted) && !each(a):
				return damaged, nil
			}
		}
	}
	return damaged, nil
}

// Trend is what the last audits said of one target.
type Trend struct {
	desired.Target
	Label  string       `json:"label,omitempty"`
	Audits []AuditCount `json:"audits"` // oldest first
	Drift  []Drift      `json:"drift"`  // of the last one
}

// AuditCount is one audit of one target in numbers.
type AuditCount struct {
	RunID      string    `json:"run_id"`
	Started    time.Time `json:"started"`
	Declared   int       `json:"declared"`
	Drifted    int       `json:"drifted"`
	New        int       `json:"new"`        // drifted, and not in the audit before
	Unreadable int       `json:"unreadable"` // and not examined
	Missing    int       `json:"missing"`    // functions and qualifiers
	Undeclared int       `json:"undeclared"`
	Breaches   int       `json:"breaches"` // of requirements
	Failed     bool      `json:"failed"`   // the target as a whole could not be read
	Reason     string    `json:"reason,omitempty"`
}

// Trends are what the last audits said, at most so many of each target, sorted by
// target. It reads up to twenty times as many records: shards and narrowed audits
// speak of a part. Damaged are the runs that may have been audits and cannot be read.
func (h *History) Trends(ctx context.Context, last int) (trends []Trend, damaged []string, err error) {
	var all []AuditCount // those that knew no target: they say of each that nothing is known
	damaged, err = h.audits(ctx, 20*last, func(r *RunRecord) bool {
		if len(r.Selection.Functions) > 0 { // it is no audit of a target
			return true
		}
		if len(r.Targets) == 0 {
			none := newAuditCount(r, &TargetRecord{Failure: &callerr.Error{}})
			none.Reason = r.reason(r.Failure)
			all = append(all, none)
			for i := range trends {
				trends[i].Audits = append(trends[i].Audits, none)
			}
		}
		for t := range slice.Pointers(r.Targets) {
			at := slices.IndexFunc(trends, func(x Trend) bool { return x.Target == t.Target })
			if at < 0 {
				at = len(trends)
				trends = append(trends, Trend{Target: t.Target, Label: t.Label, Drift: present(t.Drift), Audits: slices.Clone(all)})
			}
			trends[at].Audits = append(trends[at].Audits, newAuditCount(r, t))
		}
		return len(trends) == 0 || slices.ContainsFunc(trends, func(x Trend) bool { return len(x.Audits) < last })
	})
	if len(trends) == 0 && len(all) > 0 {
		trends = []Trend{{Audits: all, Drift: []Drift{}}}
	}
	for i := range trends {
		trends[i].Audits = trends[i].Audits[:min(last, len(trends[i].Audits))]
		slices.Reverse(trends[i].Audits)
	}
	slices.SortFunc(trends, func(a, b Trend) int { return a.Target.Compare(b.Target) })
	return trends, damaged, err
}

// MarshalJSON has null in place of what nobody could count.
func (c AuditCount) MarshalJSON() ([]byte, error) {
	type counted AuditCount
	if !c.Failed {
		return json.Marshal(counted(c))
	}
	return json.Marshal(struct {
		counted
		Declared   *int `json:"declared"`
		Drifted    *int `json:"drifted"`
		New        *int `json:"new"`
		Unreadable *int `json:"unreadable"`
		Missing    *int `json:"missing"`
		Undeclared *int `json:"undeclared"`
		Breaches   *int `json:"breaches"`
	}{counted: counted(c)})
}

func newAuditCount(r *RunRecord, t *TargetRecord) AuditCount {
	c := AuditCount{
		RunID: r.RunID, Started: r.Started, Declared: t.Plan.Declared, Drifted: len(t.Drift), Unreadable: t.Plan.Unreadable,
		Missing: t.Plan.Missing, Undeclared: t.Plan.Undeclared, Breaches: t.Plan.Breaches, Failed: t.Failure != nil, Reason: r.reason(t.Failure),
	}
	for _, d := range t.Drift {
		if d.Since.Equal(r.Started) {
			c.New++
		}
	}
	return c
}

// reason says why something of a run failed, as far as a record keeps that, or "" where
// it did not.
func (r *RunRecord) reason(f *callerr.Error) string {
	switch {
	case f == nil:
		return ""
	case f.Kind == callerr.Unknown && f.Message == "" && r.Stopped != "":
		return r.Stopped
	}
	first, _, _ := strings.Cut(f.Message, "\n")
	return strings.TrimSuffix(f.Kind.String()+": "+first, ": ")
}
