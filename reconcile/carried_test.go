package reconcile

import (
	"slices"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// What is carried is judged as if it had been read, as long as there is nothing to do.
// A function with something to do is read: no change is ever made of a carried one.
func TestWhatIsCarriedNeedsNoChange(t *testing.T) {
	target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	want, record := &desired.Config{desired.Number(60)}, &Settings{desired.Number(60)}
	entry := func(function, qualifier string) desired.Entry {
		return desired.Entry{Name: desired.Name{Function: function, Qualifier: qualifier}, Want: want, Origins: &desired.Origins{}}
	}
	seen := func(function string, records ...ObservedRecord) CarriedFunction {
		return CarriedFunction{Function: function, State: FunctionPresent, Seen: 1000, Records: records}
	}
	latest := ObservedRecord{Qualifier: desired.Latest, Settings: record}
	other := ObservedRecord{Qualifier: "old", Settings: record}
	drifted := ObservedRecord{Qualifier: desired.Latest, Settings: &Settings{desired.Number(61)}}
	optional := entry("optional", "live")
	optional.Optional = true
	noAlias := seen("optional")
	noAlias.Gone = []string{"live"}

	fleet := desired.Fleet{Targets: []desired.TargetSpec{{Target: target, Entries: []desired.Entry{
		entry("absent", desired.Latest), entry("drifted", desired.Latest), entry("gone", desired.Latest), optional, entry("right", desired.Latest),
		entry("undeclared", desired.Latest), entry("unseen", desired.Latest),
	}}}}
	candidates := []CarriedFunction{
		seen("absent"), seen("drifted", drifted), {Function: "gone", State: FunctionAbsent, Seen: 900}, noAlias,
		seen("right", latest), seen("stranger", latest), seen("undeclared", latest, other),
	}
	read := func(f desired.Fleet) (names []string) {
		for _, e := range f.Targets[0].Entries {
			names = append(names, e.Function)
		}
		return names
	}
	toRead, unread := split(fleet, map[desired.Target][]CarriedFunction{target: candidates})
	if got := read(toRead); !slices.Equal(got, []string{"absent", "drifted", "unseen"}) {
		t.Errorf("%v are read", got)
	}
	if len(fleet.Targets[0].Entries) != 7 {
		t.Error("the fleet itself was changed")
	}
	v := unread.verdicts[target]
	if len(unread.functions[target]) != 4 || v.Declared != 4 || v.InSync != 2 || v.Skipped != 1 || len(v.Findings) != 2 {
		t.Errorf("%+v", v)
	}
	for _, f := range v.Findings {
		if !f.Carried || f.Seen == 0 {
			t.Errorf("%+v does not say that it was carried, and since when", f)
		}
	}
	// Where undeclared records are deleted, one of them is something to do.
	fleet.Undeclared = desired.UndeclaredDelete
	toRead, _ = split(fleet, map[desired.Target][]CarriedFunction{target: candidates})
	if got := read(toRead); !slices.Contains(got, "undeclared") {
		t.Errorf("%v are read", got)
	}

	// The verdicts stand beside those on what was read, and the evidence counts both.
	r := &RunResult{Surveyed: time.UnixMilli(5000), Read: Observed{Targets: []ObservedTarget{{Target: target, Functions: make([]ObservedFunction, 3)}}}}
	r.Plan = Plan{Targets: []TargetPlan{{Target: target, Declared: 3, InSync: 1}}}
	for age, tooOld := range map[time.Duration]bool{4 * time.Second: true, 4100 * time.Millisecond: false, 5 * time.Second: false} {
		r.Plan.Targets[0] = TargetPlan{Target: target, Declared: 3, InSync: 1, Skipped: 1, Findings: []Finding{{Name: name("m", desired.Latest)}}}
		unread.addTo(r, agedRecollection{age: age})
		p := r.Plan.Targets[0]
		if p.Declared != 7 || p.InSync != 3 || p.Evidence.Read != 3 || p.Evidence.Carried != 4 || p.Evidence.Functions != 7 || p.Evidence.Oldest != time.UnixMilli(900) || p.Evidence.TooOld != tooOld {
			t.Errorf("%+v, %+v", p, p.Evidence)
		}
		if p.Skipped != 2 || len(p.Findings) != 3 || !slices.IsSortedFunc(p.Findings, func(a, b Finding) int { return a.Name.Compare(b.Name) }) {
			t.Errorf("%d skipped, findings %+v", p.Skipped, p.Findings)
		}
	}
	known := unread.seen(Observed{Targets: []ObservedTarget{{Target: target, Functions: []ObservedFunction{{Function: "m"}}}}}).Targets[0].Functions
	if len(known) != 5 || !slices.IsSortedFunc(known, ObservedFunction.compare) {
		t.Errorf("known are %+v", known)
	}
	if e := (&carried{}).evidence(target, r, agedRecollection{}); !e.Oldest.IsZero() || e.TooOld || e.Carried != 0 {
		t.Errorf("of a run that carries nothing: %+v", e)
	}

	// A target of which nothing is carried is read whole, and changes nothing for the next.
	fleet.Undeclared = desired.UndeclaredReport
	fleet.Targets = append([]desired.TargetSpec{{Target: desired.Target{Account: "000000000001"}, Entries: fleet.Targets[0].Entries}}, fleet.Targets...)
	toRead, _ = split(fleet, map[desired.Target][]CarriedFunction{target: candidates})
	if whole, part := len(toRead.Targets[0].Entries), len(toRead.Targets[1].Entries); whole != 7 || part != 3 {
		t.Errorf("%d and %d are read, want 7 and 3", whole, part)
	}
}

// What is only watched is carried as well, and its age counts.
func TestWatchedFunctionsAreCarriedToo(t *testing.T) {
	for _, oldest := range []int64{300, 700} { // of what was carried of the fleet
		c := carried{map[desired.Target][]CarriedFunction{home: {{Function: "x", Seen: oldest}}}, nil}
		watched := c.spare(desired.Fleet{Targets: []desired.TargetSpec{
			{Target: home, Entries: []desired.Entry{entry("a", desired.Latest, desired.Config{}), entry("b", desired.Latest, desired.Config{}), entry("c", desired.Latest, desired.Config{})}},
		}}, map[desired.Target][]CarriedFunction{home: {{Function: "a", Seen: 500}, {Function: "c", Seen: 600}}})
		if len(watched.Targets) != 1 || len(watched.Targets[0].Entries) != 1 || watched.Targets[0].Entries[0].Function != "b" {
			t.Errorf("%+v are read", watched)
		}
		want := int64(500)
		if oldest == 300 {
			want = 300
		}
		if e := c.evidence(home, &RunResult{}, agedRecollection{}); e.Carried != 3 || e.Oldest != time.UnixMilli(want) {
			t.Errorf("%+v, want 3 functions, the oldest of %d", e, want)
		}
	}
}

// agedRecollection is a recollection that allows some age.
type agedRecollection struct {
	everything
	age time.Duration
}

func (a agedRecollection) Evidence(desired.Target, *Observed) *insight.Evidence {
	return &insight.Evidence{MaxAge: a.age}
}

// Whichever targets something is carried of, each has what was read and what is carried,
// in the order of names, and what was read stays as it was.
func TestEachTargetHasWhatIsCarriedOfIt(t *testing.T) {
	targets := []desired.Target{{Account: "111111111111", Region: "eu-west-1"}, {Account: "111111111111", Region: "us-east-1"}, {Account: "222222222222", Region: "eu-west-1"}}
	for some := range 1 << len(targets) {
		var read Observed
		c := carried{functions: map[desired.Target][]CarriedFunction{}}
		for i, target := range targets {
			read.Targets = append(read.Targets, ObservedTarget{Target: target, Functions: []ObservedFunction{{Function: "b"}}})
			if some>>i&1 == 1 {
				c.functions[target] = []CarriedFunction{{Function: "a"}, {Function: "c"}}
			}
		}
		known := c.seen(read)
		for i, target := range targets {
			want := []string{"b"}
			if some>>i&1 == 1 {
				want = []string{"a", "b", "c"}
			}
			var got []string
			for _, f := range known.Targets[i].Functions {
				got = append(got, f.Function)
			}
			if !slices.Equal(got, want) || len(read.Targets[i].Functions) != 1 {
				t.Errorf("carried of targets %03b: of %s %q is known, want %q", some, target, got, want)
			}
		}
	}
}

// carriesSome is a recollection of one function, which needs no read.
type carriesSome struct {
	everything
	function CarriedFunction
}

func (c carriesSome) Carry(desired.Fleet) map[desired.Target][]CarriedFunction {
	return map[desired.Target][]CarriedFunction{home: {c.function}}
}

// What is known of a fleet is what was read and what is carried, while a plan is made of
// what was read alone.
func TestWhatIsKnownIsReadAndCarried(t *testing.T) {
	fleet, f := fleetOf("a", "b")
	limiter := fastLimiter()
	defer limiter.Close()
	record := Settings(*fleet.Targets[0].Entries[0].Want)
	r := &RunResult{Fleet: fleet, Opened: Opened{Targets: []OpenTarget{{Target: home, Reader: f, Limiter: limiter}}}}
	r.survey(t.Context(), carriesSome{function: CarriedFunction{Function: "a", State: FunctionPresent, Seen: 1, Records: []ObservedRecord{{Qualifier: desired.Latest, Settings: &record}}}}, nil)
	names := func(o Observed) (names []string) {
		for _, f := range o.Targets[0].Functions {
			names = append(names, f.Function)
		}
		return names
	}
	if read, known := names(r.Read), names(r.Known); !slices.Equal(read, []string{"b"}) || !slices.Equal(known, []string{"a", "b"}) || f.count("list") != 1 {
		t.Errorf("%q are read, %q known, with %d calls", read, known, f.count("list"))
	}
}
