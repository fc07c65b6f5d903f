package history

import (
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// audited is an audit at an hour, of configs 1 to 4.
type audited struct {
	why    string
	hour   int
	drift  []int
	unread []int
	failed bool     // the target as a whole
	only   []string // functions that it was narrowed to
	since  map[int]int
}

func (a *audited) run(t *testing.T, s Store) {
	t.Helper()
	m := Memory{History: New(s), ToolVersion: "1.0.0", Selection: desired.Selection{Functions: a.only}, Shard: shard.Shard{Index: 1, Count: 3}}
	p := reconcile.TargetPlan{Target: testTarget, Label: "prod", Declared: 4}
	for _, i := range a.drift {
		p.Changes = append(p.Changes, *create(testKey(i), retries(0)))
	}
	for _, i := range a.unread {
		p.Findings = append(p.Findings, reconcile.Finding{Name: testKey(i).Name, Kind: reconcile.FindingUnreadable, Err: errors.New("no answer")})
	}
	p.Findings = append(p.Findings, reconcile.Finding{Name: testKey(9).Name, Kind: reconcile.FindingUndeclared})
	if a.failed {
		p.Err = errors.New("no credentials")
	}
	started := auditDay.Add(time.Duration(a.hour) * time.Hour)
	r := &reconcile.RunResult{
		Request:  reconcile.Request{ID: fmt.Sprintf("audit-%02d", a.hour), Verb: "audit", Started: started},
		Surveyed: started.Add(time.Second), Finished: started.Add(2 * time.Second),
		Plan: reconcile.Plan{Targets: []reconcile.TargetPlan{p}},
	}
	r.Opened.Targets = []reconcile.OpenTarget{{Target: testTarget, CallerARN: "arn:aws:iam::111111111111:user/auditor"}}
	if err := m.audit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

var auditDay = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

var audits = []audited{
	{why: "the first", hour: 1, drift: []int{1, 2}, since: map[int]int{1: 1, 2: 1}},
	{why: "one is new, one was mended", hour: 2, drift: []int{1, 3}, since: map[int]int{1: 1, 3: 2}},
	{why: "one that was mended drifts again", hour: 3, drift: []int{1, 2, 3}, since: map[int]int{1: 1, 2: 3, 3: 2}},
	{why: "what is not seen is not mended", hour: 4, unread: []int{1}, drift: []int{2}, since: map[int]int{2: 3}},
	{why: "and goes on drifting when it is seen", hour: 5, drift: []int{1, 3}, since: map[int]int{1: 1, 3: 5}},
	{why: "a part says nothing of the rest", hour: 6, only: []string{"orders-003"}, drift: []int{3}, since: map[int]int{3: 5}},
	{why: "nor does a target that cannot be read", hour: 7, failed: true},
	{why: "so that since when is older", hour: 8, drift: []int{1, 3}, since: map[int]int{1: 1, 3: 5}},
}

// TestAuditsKnowSinceWhen: what drifts from audit to audit drifts since the first of
// them; an audit that could not see a config changes nothing about that.
func TestAuditsKnowSinceWhen(t *testing.T) {
	s := newMemory()
	for _, a := range audits {
		a.run(t, s)
		run, err := New(s).Load(t.Context(), fmt.Sprintf("audit-%02d", a.hour))
		if err != nil {
			t.Fatal(err)
		}
		record := run.Attempts[0]
		since := map[int]int{}
		for _, d := range record.Targets[0].Drift {
			var i int
			fmt.Sscanf(d.Function, "orders-%03d", &i)
			since[i] = int(d.Since.Sub(auditDay) / time.Hour)
		}
		if a.since == nil {
			a.since = map[int]int{}
		}
		if diff := cmp.Diff(a.since, since); diff != "" {
			t.Errorf("audit %d, %s: since when (-want +got):\n%s", a.hour, a.why, diff)
		}
		want := map[string]int{"undeclared": 1}
		if len(a.unread) > 0 {
			want["unreadable"] = len(a.unread)
		}
		if diff := cmp.Diff(want, record.Targets[0].Findings); diff != "" || len(record.Findings) != len(a.unread) || len(record.Items) != 0 {
			t.Errorf("audit %d keeps %d findings and %d items, and counts (-want +got):\n%s", a.hour, len(record.Findings), len(record.Items), diff)
		}
		if (run.Incomplete() != "") != a.failed {
			t.Errorf("audit %d is not complete: %s", a.hour, run.Incomplete())
		}
	}
	leases, err := s.List(t.Context(), leasesFolder)
	alive, failed := s.List(t.Context(), aliveFolder)
	if err != nil || failed != nil || len(leases)+len(alive) > 0 {
		t.Errorf("audits left leases behind: %v %v, %v %v", leases, alive, err, failed)
	}
	v, err := New(s).VerifyAll(t.Context(), "")
	if err != nil || len(v.Chain) > 0 || len(v.Runs) != len(audits) {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, r := range v.Runs {
		if r.Trust != Verified {
			t.Errorf("%s is %s: %v", r.RunID, r.Trust, r.Discrepancies)
		}
	}
	if writers, err := New(s).List(t.Context(), ListOptions{}); err != nil || len(writers) > 0 {
		t.Errorf("audits are listed with the runs that wrote: %v, %v", writers, err)
	}
}

// TestAuditHoldsNoTarget: an audit is remembered while a run holds its target.
func TestAuditHoldsNoTarget(t *testing.T) {
	s := newMemory()
	lease, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), Owner{RunID: "apply"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(t.Context())
	audits[0].run(t, s)
	if err := lease.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTrends(t *testing.T) {
	s := newMemory()
	for _, a := range audits {
		a.run(t, s)
	}
	write(t, s, "an-apply", auditDay.Add(30*time.Minute))
	// A record that cannot be read hides no other.
	damage(t, s, New(s), "audit-02")
	trends, damaged, err := New(s).Trends(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	count := func(hour, drifted, fresh, unread int, failed bool) AuditCount {
		return AuditCount{
			RunID: fmt.Sprintf("audit-%02d", hour), Started: auditDay.Add(time.Duration(hour) * time.Hour),
			Reason:   map[bool]string{true: "1 of 1 targets could not be read"}[failed],
			Declared: 4, Drifted: drifted, New: fresh, Unreadable: unread, Undeclared: 1, Failed: failed,
		}
	}
	want := []Trend{{
		Target: testTarget, Label: "prod",
		Audits: []AuditCount{count(4, 1, 0, 1, false), count(5, 2, 1, 0, false), count(7, 0, 0, 0, true), count(8, 2, 0, 0, false)},
		Drift: []Drift{
			{Name: testKey(1).Name, Action: reconcile.Create, Since: auditDay.Add(time.Hour)},
			{Name: testKey(3).Name, Action: reconcile.Create, Since: auditDay.Add(5 * time.Hour)},
		},
	}}
	if diff := cmp.Diff(want, trends, compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(damaged) > 0 {
		t.Errorf("damaged: %v, though nothing that old was looked at", damaged)
	}
	trends, damaged, err = New(s).Trends(t.Context(), 10)
	if err != nil || len(trends) != 1 || len(trends[0].Audits) != len(audits)-2 || !cmp.Equal(damaged, []string{"audit-02"}) {
		t.Errorf("%v, damaged %v, %v", trends, damaged, err)
	}
}

// write leaves a run behind that wrote.
func write(t *testing.T, s Store, run string, started time.Time) {
	t.Helper()
	record := testRecord(run)
	record.Started = started
	r, err := New(s).Begin(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	change := create(testKey(1), retries(0))
	if err := r.Journal().Intend(t.Context(), testKey(1), change); err != nil {
		t.Fatal(err)
	}
	r.Journal().Settle(testKey(1), applied(change, new(holding(0))))
	record.State = Finished
	if err := r.Finish(t.Context(), record); err != nil {
		t.Fatal(err)
	}
}

// damage makes the record of a run unreadable.
func damage(t *testing.T, s Store, h *History, run string) {
	t.Helper()
	attempts, err := h.attempts(t.Context())
	if err != nil || len(attempts[run]) == 0 {
		t.Fatalf("no run %s: %v", run, err)
	}
	name := attempts[run][0].record()
	_, tag, err := s.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), name, nil, tag); err != nil {
		t.Fatal(err)
	}
}

// TestSinceWhenIsToldOfAPlan: of what earlier audits have found, and of nothing else.
func TestSinceWhenIsToldOfAPlan(t *testing.T) {
	s := newMemory()
	for i := range audits[:3] {
		audits[i].run(t, s)
	}
	r := &reconcile.RunResult{Request: reconcile.Request{ID: "plan", Started: auditDay.Add(9 * time.Hour)}}
	r.Plan.Targets = []reconcile.TargetPlan{{Target: testTarget, Changes: []reconcile.Change{
		*create(testKey(1), retries(0)), *create(testKey(2), retries(0)), *create(testKey(4), retries(0)),
	}}}
	learnt := SinceWhen{New(s)}.Annotate(t.Context(), r)
	for i, hour := range map[int]int{1: 1, 2: 3, 3: 0, 4: 0} {
		want := auditDay.Add(time.Duration(hour) * time.Hour)
		if hour == 0 {
			want = time.Time{}
		}
		if got := learnt.DriftingSince(testKey(i)); !got.Equal(want) {
			t.Errorf("%d differs since %v, want %v", i, got, want)
		}
	}
	if len(learnt.Unavailable) > 0 {
		t.Error(learnt.Unavailable)
	}
}

// TestAnAuditWithoutAPlanIsRemembered: it names the targets that were declared, stands in
// the way of no "since when", and does not take the place of the last audit that read them.
func TestAnAuditWithoutAPlanIsRemembered(t *testing.T) {
	s := newMemory()
	audits[0].run(t, s)
	document, err := desired.Loader{}.Load(fstest.MapFS{"fleet.yaml": {Data: []byte("version: 1\ntargets:\n  - { name: prod, account: \"111111111111\", regions: [eu-west-1] }\nfunctions:\n  - name: f\n    maximum_retry_attempts: 0\n")}}, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	started := auditDay.Add(90 * time.Minute)
	r := &reconcile.RunResult{
		Request:  reconcile.Request{ID: "no-plan", Verb: "audit", Started: started, Wishes: reconcile.FleetWishes{Document: document}},
		Finished: started.Add(time.Second), Err: &callerr.Error{Kind: callerr.Credentials, Message: "secret"},
	}
	if err := (&Memory{History: New(s)}).audit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	trends, _, err := New(s).Trends(t.Context(), 5)
	if err != nil || len(trends) != 1 || trends[0].Target != testTarget || len(trends[0].Audits) != 2 {
		t.Fatalf("%+v, %v", trends, err)
	}
	if last := trends[0].Audits[1]; !last.Failed || last.RunID != "no-plan" || last.Reason != "credentials" {
		t.Errorf("%+v", last)
	}
	removed, err := New(s.clone()).Prune(t.Context(), started.Add(time.Hour))
	if diff := cmp.Diff([]string{"no-plan"}, removed); diff != "" || err != nil {
		t.Errorf("pruned (-want +got):\n%s%v", diff, err)
	}
	audits[1].run(t, s)
	if trends, _, _ := New(s).Trends(t.Context(), 1); !trends[0].Drift[0].Since.Equal(auditDay.Add(time.Hour)) {
		t.Errorf("it is forgotten since when: %+v", trends[0].Drift)
	}
}
