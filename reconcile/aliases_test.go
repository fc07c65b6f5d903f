package reconcile

import (
	"context"
	"errors"
	"fmt"
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

// listed is a fake whose functions can be discovered.
type listed struct {
	*fakeAWS
	tags     map[string]map[string]string
	surveyed func() // called before the first record is read
}

func (w *listed) Open(_ context.Context, req OpenRequest) (Opened, error) {
	o := Opened{Targets: []OpenTarget{{Target: home, Reader: w, Finder: w, Limiter: fastLimiter()}}}
	if req.Write {
		o.Targets[0].Writer = w.fakeAWS
	}
	return o, nil
}

func (w *listed) ListFunctions(context.Context, string) (Page[Function], error) {
	return Page[Function]{Items: named(slices.Sorted(maps.Keys(w.aliases))...)}, nil
}
func (w *listed) Tagged(context.Context, []desired.Tag) (map[string]map[string]string, error) {
	return w.tags, nil
}
func (w *listed) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return w.tags, nil
}
func (w *listed) ListConfigs(ctx context.Context, function, marker string) (Page[Record], error) {
	w.mu.Lock()
	if w.surveyed != nil {
		w.surveyed()
		w.surveyed = nil
	}
	w.mu.Unlock()
	return w.fakeAWS.ListConfigs(ctx, function, marker)
}

// run plans or applies a fleet file, given without its first lines.
func (w *listed) run(t *testing.T, write bool, yaml string, functions ...string) *RunResult {
	t.Helper()
	document, err := desired.Loader{Stdin: strings.NewReader(`version: 1
targets: [{ name: home, account: "111111111111", regions: [eu-west-1] }]
` + yaml)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	var r *RunResult
	synctest.Test(t, func(t *testing.T) {
		r, _ = Engine{Opener: w}.Run(t.Context(), Request{ID: "r", Verb: "test", Started: time.Now(), Write: write, GuardOff: "test",
			Wishes: FleetWishes{Document: document, Selection: desired.Selection{Functions: functions}}})
		for _, o := range r.Opened.Targets {
			o.Limiter.Close()
		}
	})
	return r
}

// told is what a plan says of each config.
func told(p *Plan) map[string]string {
	all := map[string]string{}
	for _, t := range p.Targets {
		for _, c := range t.Changes {
			all[c.Name.String()] = c.Action.String()
		}
		for _, f := range t.Findings {
			all[f.Name.String()] = f.Kind.String()
		}
	}
	return all
}

const everyAlias = "rules: [{ match: { functions: [\"*\"], exclude: { tags: { skip: \"*\" } }, qualifiers: [\"*\"] }, set: { maximum_retry_attempts: 0 } }]\n"

// A new alias without a record is found, and the functions that no pattern chooses cost
// no call. What was listed once is not listed again.
func TestEveryAliasIsFound(t *testing.T) {
	w := &listed{fakeAWS: newFake("a", "b", "i", "s"), tags: map[string]map[string]string{"s": {"skip": "yes"}}}
	w.aliases["a"], w.aliases["i"], w.aliases["s"] = []string{"blue", "canary", "live"}, []string{"live"}, []string{"live"}
	w.records[name("a", desired.Latest)] = Settings(retries(0))
	w.records[name("a", "live")] = Settings(retries(1))
	w.records[name("b", desired.Latest)] = Settings(retries(0))
	r := w.run(t, false, everyAlias+"ignore: [{ functions: [i] }]\n")
	want := map[string]string{"a:blue": "create", "a:canary": "create", "a:live": "change"}
	if diff := cmp.Diff(want, told(&r.Plan)); diff != "" || r.Plan.Counts().InSync != 2 {
		t.Errorf("%s, %+v", diff, r.Plan.Counts())
	}
	if got := w.count("aliases"); got != 2 {
		t.Errorf("%d listings of aliases: %v", got, w.calls)
	}
	w.calls = nil
	if r := w.run(t, false, everyAlias, "b"); w.count("aliases") != 1 || r.Plan.Counts().InSync != 1 {
		t.Errorf("a run over one function lists %d and has %+v", w.count("aliases"), r.Plan.Counts())
	}
}

func TestPatternsOfAliases(t *testing.T) {
	for _, row := range []struct {
		qualifiers string
		want       map[string]string
		warning    string
	}{
		{`"live*"`, map[string]string{"a:live": "create", "a:live-eu": "create"}, ""},
		{`"live*", $LATEST`, map[string]string{"a:live": "create", "a:live-eu": "create", "a": "create", "b": "create"}, ""},
		{`"*"`, map[string]string{"a:live": "create", "a:live-eu": "create", "a:blue": "create", "a": "create", "b": "create"}, ""},
		{`"{blue,green}", live`, map[string]string{"a:blue": "create", "a:live": "create"}, ""},
		{`"Live*", blue`, map[string]string{"a:blue": "create"}, `<stdin>:3:51: EI066 without effect: the qualifier "Live*" of rules[0]: none of the functions has it that the rule chooses (2); did you mean live?`},
	} {
		w := &listed{fakeAWS: newFake("a", "b")}
		w.aliases["a"] = []string{"blue", "live", "live-eu"}
		r := w.run(t, false, fmt.Sprintf("rules: [{ match: { functions: [\"*\"], qualifiers: [%s] }, set: { maximum_retry_attempts: 0 } }]\n", row.qualifiers))
		if diff := cmp.Diff(row.want, told(&r.Plan)); diff != "" {
			t.Errorf("%s: %s", row.qualifiers, diff)
		}
		if got := r.Warnings.Error(); !strings.HasPrefix(got, row.warning) || row.warning == "" && got != "" {
			t.Errorf("%s: warnings %q", row.qualifiers, got)
		}
	}
	w := &listed{fakeAWS: newFake("a", "b")}
	if r := w.run(t, false, "rules: [{ match: { functions: [\"*\"], qualifiers: [\"live*\"] }, set: { maximum_retry_attempts: 0 } }]\n"); r.Err == nil || !strings.Contains(r.Err.Error(), "EI018 none of the functions that the rules choose has an alias") {
		t.Errorf("a fleet of no config: %v", r.Err)
	}
}

// What is not known of a function's aliases is that function's row, and no record of it
// counts as undeclared.
func TestAliasesThatCannotBeListed(t *testing.T) {
	w := &listed{fakeAWS: newFake("a", "b")}
	w.aliases["a"], w.aliases["b"] = []string{"live"}, []string{"live"}
	w.records[name("b", "live")] = Settings(retries(2))
	w.fail = func(op string, n desired.Name, _ int) error {
		if op == "aliases" && n.Function == "b" {
			return refusal(callerr.Denied, "no")
		}
		return nil
	}
	r := w.run(t, true, everyAlias+"undeclared: delete\n")
	want := map[string]string{"a": "create", "a:live": "create", "b": "create", "b:*": "unreadable"}
	if diff := cmp.Diff(want, told(&r.Plan)); diff != "" {
		t.Error(diff)
	}
	if _, kept := w.records[name("b", "live")]; !kept {
		t.Error("a record was deleted that may be declared")
	}

	w = &listed{fakeAWS: newFake()}
	for i := range 50 {
		w.aliases[fmt.Sprintf("f%02d", i)] = []string{"live"}
	}
	w.fail = func(op string, _ desired.Name, _ int) error {
		if op == "aliases" {
			return refusal(callerr.Denied, "no")
		}
		return nil
	}
	r = w.run(t, false, everyAlias)
	if !errors.Is(r.Plan.Targets[0].Err, errTargetRefused) || w.count("list") > 0 || w.count("aliases") > deniedReads+10 {
		t.Errorf("where nobody may list aliases: %v, %d listings, then %d reads", r.Plan.Targets[0].Err, w.count("aliases"), w.count("list"))
	}
	if len(r.Inventory) > 0 {
		t.Errorf("a part of what exists in the target passes for all of it: %v", r.Inventory)
	}
}

// Between the listing of aliases and the reading of records one may come. Its record is
// not undeclared: nobody knows yet what is declared of it.
func TestAliasesThatAppear(t *testing.T) {
	w := &listed{fakeAWS: newFake("a", "b")}
	w.records[name("a", "gone")] = Settings(retries(2))
	w.surveyed = func() {
		w.aliases["a"] = []string{"fresh"}
		w.records[name("a", "fresh")] = Settings(retries(2))
	}
	r := w.run(t, true, everyAlias+"undeclared: delete\n")
	if diff := cmp.Diff(map[string]string{"a": "create", "a:gone": "delete", "b": "create"}, told(&r.Plan)); diff != "" {
		t.Error(diff)
	}
	if _, kept := w.records[name("a", "fresh")]; !kept {
		t.Error("the record of a new alias was deleted")
	}
	r = w.run(t, true, everyAlias+"undeclared: delete\n")
	if diff := cmp.Diff(map[string]string{"a:fresh": "change"}, told(&r.Plan)); diff != "" {
		t.Error(diff)
	}
}

// AWS refuses a second write to a function that is busy with one. The aliases of one
// function go one after the other.
func TestAliasesOfOneFunctionNeverConflict(t *testing.T) {
	w := &listed{fakeAWS: newFake("a", "b", "c")}
	w.latency, w.pageSize = 50*time.Millisecond, 2 // the listings have several pages
	for f := range w.aliases {
		w.aliases[f] = []string{"blue", "canary", "green", "live", "next"}
	}
	r := w.run(t, true, everyAlias)
	if len(w.records) != 18 || w.overlaps != 0 || r.Outcome.Err() != nil {
		t.Errorf("%d records, %d writes while another was under way, %v", len(w.records), w.overlaps, r.Outcome.Err())
	}
	if r = w.run(t, false, everyAlias); r.Plan.Counts().InSync != 18 {
		t.Errorf("after it: %+v", r.Plan.Counts())
	}
}
