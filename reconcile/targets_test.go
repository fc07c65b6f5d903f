package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// regions are targets of one account, each a world of its own; one with an error cannot
// be opened.
type regions struct {
	worlds map[string]*listed
	closed map[string]error
	asked  []string // to be opened
}

func (w *regions) Open(_ context.Context, req OpenRequest) (Opened, error) {
	var o Opened
	for _, t := range req.Targets {
		w.asked = append(w.asked, t.Region)
		at := w.worlds[t.Region]
		open := OpenTarget{Target: t.Target, Reader: at, Finder: at, Limiter: fastLimiter(), Err: w.closed[t.Region]}
		if req.Write {
			open.Writer = at.fakeAWS
		}
		o.Targets = append(o.Targets, open)
	}
	return o, nil
}

// barred are wishes of which one target is not to be opened, as an organization says of an
// account whose regions it hides.
type barred struct {
	FleetWishes
	region string
}

func (w barred) Targets() ([]desired.TargetSpec, bool) {
	all, declared := w.FleetWishes.Targets()
	for i := range all {
		if all[i].Region == w.region {
			all[i].Err = errBarred
		}
	}
	return all, declared
}

var errBarred = errors.New("its regions are not known")

// Whatever is wrong with one target is that target's row, in whatever order they stand:
// every other is discovered, read and written.
func TestOneTargetStopsNoOther(t *testing.T) {
	document, err := desired.Loader{Stdin: strings.NewReader(`version: 1
targets: [{ name: ruled, account: "111111111111", regions: [af-south-1, ap-east-1, eu-north-1, eu-west-1, sa-east-1] },
  { name: exact, account: "111111111111", regions: [ap-south-1, ca-central-1, us-east-1] }]
guard: { max_changes: 100% }
rules: [{ match: { functions: ["*"], targets: [ruled], qualifiers: ["*"] }, set: { maximum_retry_attempts: 0 } }]
functions: [{ name: f00, targets: [exact], maximum_retry_attempts: 0 }]
`)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	denying := func(what string) func(string, desired.Name, int) error {
		return func(op string, _ desired.Name, _ int) error {
			if op == what {
				return refusal(callerr.Denied, "no")
			}
			return nil
		}
	}
	shut := errors.New("no such role")
	w := &regions{worlds: map[string]*listed{}, closed: map[string]error{"af-south-1": shut, "ap-south-1": shut}}
	for _, r := range []string{"af-south-1", "ap-east-1", "ap-south-1", "ca-central-1", "eu-north-1", "eu-west-1", "sa-east-1", "us-east-1"} {
		at := &listed{fakeAWS: newFake(numbered("f%02d", 30)...)}
		for f := range at.aliases {
			at.aliases[f] = []string{"live"}
		}
		w.worlds[r] = at
	}
	w.worlds["ap-east-1"].fail = denying("aliases") // before what can be listed
	w.worlds["eu-north-1"].fail = denying("list")   // discovered, and then not to be read
	synctest.Test(t, func(t *testing.T) {
		r, failures := Engine{Opener: w}.Run(t.Context(), Request{ID: "r", Started: time.Now(), Write: true, GuardOff: "test",
			Wishes: barred{FleetWishes{Document: document}, "sa-east-1"}})
		for _, o := range r.Opened.Targets {
			if o.Limiter != nil {
				o.Limiter.Close()
			}
		}
		type row struct {
			err              error
			unknown          bool // nobody knows how many configs it has
			creates, written int
		}
		got := map[string]row{}
		for i := range r.Plan.Targets {
			p := &r.Plan.Targets[i]
			is := row{unknown: p.Unknown, creates: p.Counts().Creates, written: len(w.worlds[p.Region].records)}
			for _, e := range []error{shut, errTargetRefused, errBarred} {
				if errors.Is(p.Err, e) {
					is.err = e
				}
			}
			got[p.Region] = is
		}
		want := map[string]row{
			"af-south-1": {err: shut, unknown: true}, "ap-east-1": {err: errTargetRefused, unknown: true},
			"eu-north-1": {err: errTargetRefused}, "eu-west-1": {creates: 60, written: 60},
			"sa-east-1":  {err: errBarred, unknown: true},
			"ap-south-1": {err: shut}, "ca-central-1": {creates: 1, written: 1}, "us-east-1": {creates: 1, written: 1},
		}
		if !maps.Equal(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		for _, want := range []error{shut, errTargetRefused, errBarred} {
			if !errors.Is(failures, want) {
				t.Errorf("the failures of the run lack %v: %v", want, failures)
			}
		}
		if slices.Contains(w.asked, "sa-east-1") || len(w.asked) != 7 {
			t.Errorf("%v were to be opened", w.asked)
		}
	})
}

// Where nothing could be discovered, the reason is told, and not that the selection
// matches nothing.
func TestWhatCouldNotBeDiscoveredIsNotTheSelectionsFault(t *testing.T) {
	no := errors.New("no")
	synctest.Test(t, func(t *testing.T) {
		w := &road{t: t, aws: newFake("f"), fail: map[string]error{"discover": no}, selected: []string{"f*"}}
		if r, _ := w.run(t.Context()); !errors.Is(r.Err, no) {
			t.Errorf("the run ended for %v", r.Err)
		}
	})
}

// Steps are counted for each target as well as over all.
func TestStepsOfEachTarget(t *testing.T) {
	away := desired.Target{Account: "222222222222", Region: home.Region}
	fleet := wants(entry("a", desired.Latest, retries(0)), entry("b", desired.Latest, retries(0)))
	fleet.Targets = append(fleet.Targets, desired.TargetSpec{Target: away, Entries: []desired.Entry{entry("c", desired.Latest, retries(0))}})
	synctest.Test(t, func(t *testing.T) {
		limiter := fastLimiter()
		defer limiter.Close()
		conn := readConn{Reader: newFake("a", "b", "c"), Limiter: limiter}
		got := map[desired.Target][][2]int{}
		survey(t.Context(), fleet, map[desired.Target]readConn{home: conn, away: conn}, func(e Step) {
			got[e.Target] = append(got[e.Target], [2]int{e.TargetDone, e.TargetTotal})
		}, false)
		if diff := cmp.Diff(map[desired.Target][][2]int{home: {{1, 2}, {2, 2}}, away: {{1, 1}}}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// One answer about a whole target may be a slip, such as a token that was just renewed.
// It ends nothing.
func TestOneRefusalOfTheWholeTargetEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, f := fleetOf(numbered("f-%02d", 20)...)
		f.fail = refusing("put", callerr.Credentials, func(fn string) bool { return fn == "f-00" })
		if out := f.apply(t, t.Context(), fleet, nil); out.Counts().Created != 19 || out.Counts().Failed != 1 || out.Targets[0].Stopped != nil {
			t.Errorf("%+v, stopped by %v", out.Counts(), out.Targets[0].Stopped)
		}
	})
}

// AWS may store a default as absent: the effect is what was asked. A Restore means the very
// record. What the write did not touch and is gone all the same is named.
func TestWhatAWSStoredIsVerified(t *testing.T) {
	origins := &desired.Origins{}
	two := Settings{desired.MaximumRetryAttempts: desired.Number(2)}
	for _, row := range []struct {
		why    string
		change Change
		stored Settings
		status Status
		text   string
	}{
		{"a default stored as absent", Change{Action: Update, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(2)}, Before: &Settings{desired.MaximumRetryAttempts: desired.Number(1)}, Origins: origins}, Settings{}, Applied, ""},
		{"the same, where a record is put back", Change{Action: Restore, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(2)}, Origins: origins}, Settings{}, Mismatched, "maximum_retry_attempts is unset, not 2"},
		{"as it was", Change{Action: Restore, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(2)}, Origins: origins}, two, Applied, ""},
		{"a queue is lost that nobody asked about", Change{Action: Update, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(2)},
			Before: &Settings{desired.MaximumRetryAttempts: desired.Number(1), desired.OnFailure: desired.Text(queueA)}, Origins: origins}, two, Mismatched,
			"on_failure is none, not " + queueA + " (the write did not touch it)"},
	} {
		r := ChangeResult{Change: row.change}
		(&applyJob{got: Record{Settings: row.stored}}).verify(&r)
		if r.Status != row.status || row.text != "" && !strings.Contains(r.Err.Error(), row.text) {
			t.Errorf("%s: %s, %v, want %s, %q", row.why, r.Status, r.Err, row.status, row.text)
		}
	}
}
