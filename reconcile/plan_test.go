package reconcile

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
)

var (
	home     = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	nowhere  = &desired.Origins{}
	errAsked = errors.New("access denied")
)

func name(function, qualifier string) desired.Name {
	return desired.Name{Function: function, Qualifier: qualifier}
}

// wants is a fleet of one target.
func wants(entries ...desired.Entry) desired.Fleet {
	return desired.Fleet{Limits: desired.DefaultLimits(), Targets: []desired.TargetSpec{{Target: home, Entries: entries}}}
}

func entry(function, qualifier string, want desired.Config) desired.Entry {
	return desired.Entry{Name: name(function, qualifier), Want: &want, Origins: nowhere}
}

func removed(function, qualifier string) desired.Entry {
	e := entry(function, qualifier, desired.Config{})
	e.Remove = true
	return e
}

func chosenByRule(e desired.Entry) desired.Entry {
	e.Optional = true
	return e
}

// holds is a survey of one target.
func holds(functions ...ObservedFunction) Observed {
	return Observed{Targets: []ObservedTarget{{Target: home, Functions: functions}}}
}

func present(function string, records ...ObservedRecord) ObservedFunction {
	return ObservedFunction{Function: function, State: FunctionPresent, Records: records, AliasesListed: true, VersionsListed: true}
}

func rec(qualifier string, s Settings) ObservedRecord {
	return ObservedRecord{Qualifier: qualifier, Settings: &s, Modified: 1000}
}

func TestNewPlan(t *testing.T) {
	const latest = desired.Latest
	lacking := func(f ObservedFunction, qualifier string) ObservedFunction {
		f.Gone = []string{qualifier}
		return f
	}
	ruled := chosenByRule(entry("f", latest, retries(0)))
	ruled.Origins = &desired.Origins{Entry: desired.Origin{Layer: desired.LayerRule}}
	for _, row := range []struct {
		why   string
		fleet desired.Fleet
		live  Observed
		plan  []string // changes, then findings, as line() prints them
		sync  int
		skip  int
	}{
		{why: "no record, wants what Lambda does anyway", fleet: wants(entry("f", latest, retries(2))), live: holds(present("f")), sync: 1},
		{why: "no record, wants no destination", fleet: wants(entry("f", latest, onFailure(""))), live: holds(present("f")), sync: 1},
		{why: "no record, wants another value", fleet: wants(entry("f", latest, retries(0))), live: holds(present("f")), plan: []string{"create f retries=0"}},
		{why: "an empty record counts as one: Update it", fleet: wants(entry("f", latest, retries(0))), live: holds(present("f", rec(latest, Settings{}))), plan: []string{"change f retries=0"}},
		{why: "record differs in one field of two: only that is sent", fleet: wants(entry("f", latest, desired.Config{desired.MaximumRetryAttempts: desired.Number(1), desired.OnFailure: desired.Text(queueA)})),
			live: holds(present("f", rec(latest, Settings{desired.MaximumRetryAttempts: desired.Number(1)}))), plan: []string{"change f on_failure=" + queueA}},
		{why: "remove, nothing there", fleet: wants(removed("f", latest)), live: holds(present("f")), sync: 1},
		{why: "remove, a record there", fleet: wants(removed("f", latest)), live: holds(present("f", rec(latest, Settings{}))), plan: []string{"delete f"}},
		{why: "remove takes an empty record too: it was asked for by name", fleet: wants(removed("f", "live")), live: holds(present("f", rec("live", Settings{}))), plan: []string{"delete f:live"}},
		{why: "the record of $LATEST says nothing about an alias: there is no inheritance", fleet: wants(entry("f", "live", retries(0))),
			live: holds(present("f", rec(latest, Settings{desired.MaximumRetryAttempts: desired.Number(0)}))), plan: []string{"create f:live retries=0", "undeclared f"}},
		{why: "a declared alias does not exist", fleet: wants(entry("f", "live", retries(0))), live: holds(lacking(present("f"), "live")), plan: []string{"qualifier_missing f:live"}},
		{why: "a rule's alias does not exist: skipped and counted", fleet: wants(chosenByRule(entry("f", "live", retries(0)))), live: holds(lacking(present("f"), "live")), skip: 1},
		{why: "a record as declared under an alias that is gone: no event reaches it", fleet: wants(entry("f", "live", retries(0))),
			live: holds(lacking(present("f", rec("live", Settings{desired.MaximumRetryAttempts: desired.Number(0)})), "live")), plan: []string{"qualifier_missing f:live"}},
		{why: "the same, where a rule chose it", fleet: wants(chosenByRule(entry("f", "7", retries(0)))),
			live: holds(lacking(present("f", rec("7", Settings{desired.MaximumRetryAttempts: desired.Number(0)})), "7")), plan: []string{"orphan f:7"}, skip: 1},
		{why: "what is to have no record needs no alias", fleet: wants(removed("f", "live")), live: holds(lacking(present("f"), "live")), sync: 1},
		{why: "nobody asked whether the alias exists: not in sync", fleet: wants(entry("f", "live", retries(0))),
			live: holds(ObservedFunction{Function: "f", State: FunctionPresent, Records: []ObservedRecord{rec("live", Settings{desired.MaximumRetryAttempts: desired.Number(0)})}}), plan: []string{"not_examined f:live"}},
		{why: "versions could not be listed, but aliases were", fleet: wants(entry("f", "7", retries(2)), entry("f", "live", retries(2))),
			live: holds(ObservedFunction{Function: "f", State: FunctionPresent, AliasesListed: true, QualifierErr: errAsked}), plan: []string{"unreadable f:7: access denied"}, sync: 1},
		{why: "aliases could not be listed: unreadable, not missing", fleet: wants(entry("f", "live", retries(0))),
			live: holds(ObservedFunction{Function: "f", State: FunctionPresent, QualifierErr: errAsked}), plan: []string{"unreadable f:live: access denied"}},
		{why: "aliases could not be listed, but $LATEST needs none", fleet: wants(entry("f", latest, retries(0)), entry("f", "live", retries(0))),
			live: holds(ObservedFunction{Function: "f", State: FunctionPresent, QualifierErr: errAsked}), plan: []string{"create f retries=0", "unreadable f:live: access denied"}},
		{why: "no such function", fleet: wants(entry("f", latest, retries(0))), live: holds(ObservedFunction{Function: "f", State: FunctionAbsent}), plan: []string{"function_missing f"}},
		{why: "no such function, even where a record should go: the file is out of date", fleet: wants(removed("f", latest)), live: holds(ObservedFunction{Function: "f", State: FunctionAbsent}), plan: []string{"function_missing f"}},
		{why: "a function of a rule went after it was listed: skipped and counted", fleet: wants(ruled), live: holds(ObservedFunction{Function: "f", State: FunctionAbsent}), skip: 1},
		{why: "unreadable is not absent", fleet: wants(entry("f", latest, retries(2))), live: holds(ObservedFunction{Function: "f", State: FunctionUnreadable, Err: errAsked}), plan: []string{"unreadable f: access denied"}},
		{why: "not examined is not absent", fleet: wants(removed("f", latest)), live: holds(ObservedFunction{Function: "f"}), plan: []string{"not_examined f"}},
		{why: "a function the survey forgot is not in sync", fleet: wants(entry("f", latest, retries(2))), live: holds(), plan: []string{"not_examined f"}},
		{why: "a target that could not be opened", fleet: wants(entry("f", latest, retries(2))), live: Observed{Targets: []ObservedTarget{{Target: home, Err: errAsked}}}, plan: []string{"unreadable f: access denied"}},
		{why: "a target without a survey", fleet: wants(entry("f", latest, retries(2))), live: Observed{}, plan: []string{"not_examined f"}},
		{why: "a target stopped by its error budget is unreadable as a whole: a part of it is no ground to write on",
			fleet: wants(entry("f", latest, retries(0)), entry("g", latest, retries(0)), entry("h", latest, retries(0))),
			live: Observed{Targets: []ObservedTarget{{Target: home, Stopped: ErrErrorBudget, Functions: []ObservedFunction{
				present("f"), {Function: "g", State: FunctionUnreadable, Err: errAsked}, {Function: "h"}}}}},
			plan: []string{"unreadable f: too many calls failed", "unreadable g: access denied", "unreadable h: too many calls failed"}},
		{why: "a record under a qualifier that nobody declared is shown", fleet: wants(entry("f", latest, retries(2))), live: holds(present("f", rec("7", Settings{}))), plan: []string{"undeclared f:7"}, sync: 1},
		{why: "unless an ignore rule took it out", live: holds(present("f", rec("7", Settings{}))), sync: 1,
			fleet: desired.Fleet{Targets: []desired.TargetSpec{{Target: home, Entries: []desired.Entry{entry("f", latest, retries(2))}, Ignored: []desired.Ignored{{Name: name("f", "7")}}}}}},
		{why: "and then only that one", live: holds(present("f", rec("7", Settings{}), rec("8", Settings{}))), plan: []string{"undeclared f:8"}, sync: 1,
			fleet: desired.Fleet{Targets: []desired.TargetSpec{{Target: home, Entries: []desired.Entry{entry("f", latest, retries(2))}, Ignored: []desired.Ignored{{Name: name("f", "7")}}}}}},
	} {
		plan := NewPlan(row.fleet, row.live)
		if got := lines(&plan); !cmp.Equal(got, row.plan) {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.plan)
		}
		c := plan.Counts()
		if c.InSync != row.sync || c.Skipped != row.skip {
			t.Errorf("%s: %d in sync and %d skipped, want %d and %d", row.why, c.InSync, c.Skipped, row.sync, row.skip)
		}
		if covered := c.InSync + c.Skipped + c.Changes() + c.Unreadable + c.NotExamined + c.MissingFunctions + c.MissingQualifiers; covered != c.Declared {
			t.Errorf("%s: %d of %d declared keys are accounted for", row.why, covered, c.Declared)
		}
	}
}

func TestUndeclaredRecordsAreDeletedOnlyWhereTheFleetSaysSo(t *testing.T) {
	fleet := wants(entry("e", "live", retries(0)), entry("f", "live", retries(0)), entry("g", desired.Latest, retries(0)), entry("h", "live", retries(0)))
	fleet.Undeclared = desired.UndeclaredDelete
	plan := NewPlan(fleet, holds(
		present("e", rec("$LATEST", Settings{}), rec("live", Settings{})),
		present("f", rec("$LATEST", Settings{}), rec("live", Settings{}), rec("old", Settings{desired.OnFailure: desired.Text(queueA)})),
		present("g"),
		ObservedFunction{Function: "h", State: FunctionPresent, AliasesListed: true, Gone: []string{"live"}, Records: []ObservedRecord{rec("$LATEST", Settings{})}},
	))
	want := []string{"delete e", "change e:live retries=0", "delete f", "change f:live retries=0", "delete f:old", "create g retries=0", "delete h", "qualifier_missing h:live"}
	if got := lines(&plan); !cmp.Equal(got, want) {
		t.Errorf("changes stay in key order, declared and undeclared together:\n got %q\nwant %q", got, want)
	}
}

// Every number of a plan is the sum of its targets', and every one is counted.
func TestTheCountsOfAPlanAreThoseOfAllItsTargets(t *testing.T) {
	target := TargetPlan{
		Declared: 1, InSync: 2, Skipped: 3, Ignored: make([]desired.Ignored, 4), Stale: make([]StaleChange, 5),
		Judged: 8, Breaches: make([]Breach, 9), Unjudged: make([]Unjudged, 10),
		Changes: []Change{{Action: Create}, {Action: Update}, {Action: Restore, Before: &Settings{}}, {Action: Restore}, {Action: Delete}},
		Err:     errAsked, Unknown: true,
	}
	for kind := FindingUnreadable; kind <= FindingLatestOnly; kind++ {
		target.Findings = append(target.Findings, make([]Finding, kind+1)...)
		for i := range int(kind) + 1 {
			target.Findings[len(target.Findings)-1-i].Kind = kind
		}
	}
	want := PlanCounts{
		Declared: 1, InSync: 2, Skipped: 3, Ignored: 4, Stale: 5, Creates: 2, Updates: 2, Deletes: 1,
		Unreadable: 1, NotExamined: 2, MissingFunctions: 3, MissingQualifiers: 4, Undeclared: 5, Orphans: 6, LatestOnly: 7,
		UnreadableTargets: 1, UnknownTargets: 1, Judged: 8, Breaches: 9, Unjudged: 10,
	}
	if diff := cmp.Diff(want, target.Counts()); diff != "" {
		t.Errorf("one target: %s", diff)
	}
	sum := reflect.ValueOf((&Plan{Targets: []TargetPlan{target, {}, target}}).Counts())
	for i := range sum.NumField() {
		if got, want := sum.Field(i).Int(), 2*reflect.ValueOf(want).Field(i).Int(); got != want || want == 0 {
			t.Errorf("two targets: %s is %d, want %d", sum.Type().Field(i).Name, got, want)
		}
	}
}

// lines prints a plan of one target, changes first.
func lines(p *Plan) []string {
	var out []string
	for i := range p.Targets[0].Changes {
		c := &p.Targets[0].Changes[i]
		line := c.Action.String() + " " + c.Name.String()
		if request := c.Request(); !request.IsZero() {
			line += " " + short(request)
		}
		out = append(out, line)
	}
	for _, f := range p.Targets[0].Findings {
		line := f.Kind.String() + " " + f.Name.String()
		if f.Err != nil {
			line += ": " + f.Err.Error()
		}
		out = append(out, line)
	}
	return out
}

func short(c desired.Config) string {
	out := ""
	for i, name := range [desired.NumSettings]string{"retries", "age", "on_success", "on_failure"} {
		if v := c[i]; v.IsSet() {
			out += " " + name + "=" + v.String()
		}
	}
	return out[1:]
}
