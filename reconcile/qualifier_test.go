package reconcile

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestOrphansAndAliasesWithoutDeclaration(t *testing.T) {
	type found struct {
		Name desired.Name
		Kind FindingKind
	}
	latest := wants(entry("f", desired.Latest, retries(2)))
	for _, row := range []struct {
		why      string
		fleet    desired.Fleet
		records  []string // qualifiers of f that hold a record
		aliases  []string
		versions []string
		blind    bool // the survey is not asked to look
		fail     func(op string, n desired.Name, attempt int) error
		calls    []string
		want     []found
	}{
		{
			why:   "no record under a qualifier, no look, whatever aliases there are",
			fleet: latest, records: []string{desired.Latest}, aliases: []string{"live"},
			calls: []string{"list f"},
		},
		{
			why:   "a record outlives its alias",
			fleet: latest, records: []string{"gone"},
			calls: []string{"list f", "aliases f"},
			want:  []found{{name("f", "gone"), FindingOrphan}},
		},
		{
			why:   "an orphan on a function with another alias: both are told",
			fleet: latest, records: []string{"gone"}, aliases: []string{"live"},
			calls: []string{"list f", "aliases f"},
			want:  []found{{name("f", "gone"), FindingOrphan}, {name("f", desired.Latest), FindingLatestOnly}},
		},
		{
			why:   "the alias is there: undeclared, and the classic mistake",
			fleet: latest, records: []string{"live"}, aliases: []string{"live"},
			calls: []string{"list f", "aliases f"},
			want:  []found{{name("f", "live"), FindingUndeclared}, {name("f", desired.Latest), FindingLatestOnly}},
		},
		{
			why:   "versions are looked up for versions only, and one of two is gone",
			fleet: latest, records: []string{"7", "8"}, versions: []string{"8"},
			calls: []string{"list f", "versions f"},
			want:  []found{{name("f", "7"), FindingOrphan}, {name("f", "8"), FindingUndeclared}},
		},
		{
			why:   "$LATEST.PUBLISHED is in no listing, and no orphan",
			fleet: latest, records: []string{latestPublished},
			calls: []string{"list f"},
			want:  []found{{name("f", latestPublished), FindingUndeclared}},
		},
		{
			why:   "not asked, not looked: a record may be an orphan, and proves no alias",
			fleet: latest, records: []string{"live"}, blind: true,
			calls: []string{"list f"},
			want:  []found{{name("f", "live"), FindingUndeclared}},
		},
		{
			why:   "the alias is declared as well: no mistake",
			fleet: wants(entry("f", desired.Latest, retries(2)), entry("f", "live", retries(2))), records: []string{"live"}, aliases: []string{"live"},
			calls: []string{"list f", "aliases f"},
		},
		{
			why:   "a refused look leaves the record undeclared and stops nothing",
			fleet: latest, records: []string{"live"},
			fail: func(op string, _ desired.Name, _ int) error {
				if op == "aliases" {
					return refusal(callerr.Denied, "not authorized")
				}
				return nil
			},
			calls: []string{"list f", "aliases f"},
			want:  []found{{name("f", "live"), FindingUndeclared}},
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				aws := newFake("f")
				aws.fail = row.fail
				aws.aliases["f"], aws.versions["f"] = row.aliases, row.versions
				for _, q := range row.records {
					aws.records[name("f", q)] = Settings{}
				}
				row.fleet.Limits.MaxErrors = desired.Limit{Number: 0}
				limiter := fastLimiter()
				defer limiter.Close()
				live := survey(context.Background(), row.fleet, map[desired.Target]readConn{home: {Reader: aws, Limiter: limiter}}, nil, !row.blind)
				plan := NewPlan(row.fleet, live)
				if plan.Targets[0].Err != nil || plan.Targets[0].Stopped != nil {
					t.Errorf("the target ended with %v, %v", plan.Targets[0].Err, plan.Targets[0].Stopped)
				}
				var got []found
				for _, f := range plan.Targets[0].Findings {
					got = append(got, found{f.Name, f.Kind})
				}
				if diff := cmp.Diff(row.want, got); diff != "" {
					t.Errorf("findings: %s", diff)
				}
				if diff := cmp.Diff(row.calls, aws.calls); diff != "" {
					t.Errorf("calls: %s", diff)
				}
			})
		})
	}
}

// Whether an alias or version is there is one truth, whatever record lies under it, whoever
// declares it and however it came to be known: present, missing, or a record without it, an
// orphan. It costs one listing of a kind for a function of which one of that kind is
// declared or to lose its record, and none where nothing needs it. A delete under what is
// not there is final.
func TestNothingIsAsDeclaredUnderAnAliasThatDoesNotExist(t *testing.T) {
	all := []string{desired.Latest, "1", "2", "beta", "live"}
	rapid.Check(t, func(t *rapid.T) {
		some := func(of []string, label string) []string {
			return slices.DeleteFunc(slices.Clone(of), func(string) bool { return !rapid.Bool().Draw(t, label) })
		}
		aws := newFake("f")
		aws.versions["f"], aws.aliases["f"] = some(all[1:3], "version"), some(all[3:], "alias")
		for _, q := range some(all, "record") {
			aws.records[name("f", q)] = Settings{desired.MaximumRetryAttempts: desired.Number(rapid.IntRange(0, 2).Draw(t, "stored"))}
		}
		var entries []desired.Entry
		asked := map[bool]bool{} // by whether it is a version
		for _, q := range append(some(all[1:], "declared"), some(all[:1], "declared")...) {
			e := entry("f", q, retries(rapid.IntRange(0, 2).Draw(t, "wanted")))
			switch rapid.SampledFrom([]string{"entry", "rule", "remove"}).Draw(t, "by") {
			case "rule":
				e.Optional = true
			case "remove":
				e = removed("f", q)
			}
			entries = append(entries, e)
			_, held := aws.records[e.Name]
			asked[isVersion(q)] = asked[isVersion(q)] || q != desired.Latest && (!e.Remove || held)
		}
		if entries == nil {
			t.Skip("nothing is declared")
		}
		slices.SortFunc(entries, func(a, b desired.Entry) int { return a.Name.Compare(b.Name) })
		target := readConn{Reader: aws, Limiter: fastLimiter()}
		defer target.Limiter.Close()
		if rapid.Bool().Draw(t, "known") { // a pattern of another rule had them listed
			target.Aliases = map[string][]string{"f": aws.aliases["f"]}
		}
		orphans := rapid.Bool().Draw(t, "orphans")
		plan := NewPlan(wants(entries...), survey(context.Background(), wants(entries...), map[desired.Target]readConn{home: target}, nil, orphans))

		exists := func(q string) bool {
			return q == desired.Latest || slices.Contains(aws.versions["f"], q) || slices.Contains(aws.aliases["f"], q)
		}
		told := map[string]FindingKind{}
		for _, f := range plan.Targets[0].Findings {
			told[f.Qualifier] = f.Kind
		}
		changed := map[string]bool{}
		for _, c := range plan.Targets[0].Changes {
			changed[c.Qualifier] = true
			if c.Final != (c.Action == Delete && !exists(c.Qualifier)) {
				t.Fatalf("the %s of %s is final: %v", c.Action, c.Name, c.Final)
			}
		}
		skipped, inSync := 0, 0
		for _, e := range entries {
			have, held := aws.records[e.Name]
			kind, found := told[e.Qualifier]
			switch {
			case e.Remove || exists(e.Qualifier):
				differs := e.Remove && held || !e.Remove && !Matches(*e.Want, have)
				if found && kind != FindingLatestOnly || changed[e.Qualifier] != differs {
					t.Fatalf("%s is there: told as %v (%v), changed %v", e.Name, kind, found, changed[e.Qualifier])
				}
				if !differs {
					inSync++
				}
			case changed[e.Qualifier]:
				t.Fatalf("%s is not there and would be changed", e.Name)
			case e.Optional:
				skipped++
				if found != held || found && kind != FindingOrphan {
					t.Fatalf("%s was chosen by a rule and is not there, a record is %v: told as %v (%v)", e.Name, held, kind, found)
				}
			case !found || kind != FindingQualifierMissing:
				t.Fatalf("%s is declared and not there: told as %v (%v)", e.Name, kind, found)
			}
		}
		if got := plan.Targets[0]; got.InSync != inSync || got.Skipped != skipped {
			t.Fatalf("%d in sync and %d skipped, want %d and %d", got.InSync, got.Skipped, inSync, skipped)
		}
		for n := range aws.records {
			if slices.ContainsFunc(entries, func(e desired.Entry) bool { return e.Name == n }) {
				continue
			}
			kind := told[n.Qualifier]
			if orphans && (kind == FindingOrphan) == exists(n.Qualifier) || kind == FindingOrphan && exists(n.Qualifier) {
				t.Fatalf("%s is declared by nobody and told as %v", n, kind)
			}
			asked[isVersion(n.Qualifier)] = asked[isVersion(n.Qualifier)] || orphans && n.Qualifier != desired.Latest
		}
		if target.Aliases != nil && !slices.ContainsFunc(slices.Collect(maps.Keys(aws.records)), func(n desired.Name) bool {
			return isAlias(n.Qualifier) && !exists(n.Qualifier)
		}) {
			asked[false] = false
		} else if target.Aliases != nil {
			asked[false] = true // a record under an alias that the list lacks: the list may be old
		}
		want := []string{"list f"}
		if asked[false] {
			want = append(want, "aliases f")
		}
		if asked[true] {
			want = append(want, "versions f")
		}
		if !slices.Equal(aws.calls, want) {
			t.Fatalf("calls %v, want %v", aws.calls, want)
		}
	})
}

func TestOrphansAreDeletedWhereUndeclaredIs(t *testing.T) {
	fleet := wants(entry("f", desired.Latest, retries(2)))
	fleet.Undeclared = desired.UndeclaredDelete
	live := Observed{Targets: []ObservedTarget{{Target: home, Functions: []ObservedFunction{{
		Function: "f", State: FunctionPresent, Gone: []string{"gone"},
		Records: []ObservedRecord{{Qualifier: "gone", Settings: &Settings{}}},
	}}}}}
	plan := NewPlan(fleet, live)
	if c := plan.Counts(); c.Deletes != 1 || c.Orphans != 0 || c.LatestOnly != 0 {
		t.Errorf("want one delete and no finding, got %+v", c)
	}
}

func TestAVersionIsANumber(t *testing.T) {
	for qualifier, want := range map[string]bool{
		"0": true, "9": true, "10": true, "109": true,
		"": false, "/1": false, ":1": false, "1a": false, "a1": false, "live": false, desired.Latest: false,
	} {
		if got := isVersion(qualifier); got != want {
			t.Errorf("isVersion(%q) is %v", qualifier, got)
		}
	}
}
