package reconcile

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
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
			calls: []string{"list f"},
		},
		{
			why:   "a refused look leaves the record undeclared and stops nothing",
			fleet: latest, records: []string{"live"},
			fail: func(op string, _ desired.Name, _ int) error {
				if op == "aliases" {
					return refusal(KindDenied, "not authorized")
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
				row.fleet.Guard.MaxErrors = desired.Limit{Number: 0}
				limiter := fastLimiter()
				defer limiter.Close()
				var options []SurveyOption
				if !row.blind {
					options = append(options, LookForOrphans)
				}
				live := Survey(context.Background(), row.fleet, map[desired.Target]ReadTarget{home: {Reader: aws, Limiter: limiter}}, nil, options...)
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

func TestOrphansAreDeletedWhereUndeclaredIs(t *testing.T) {
	fleet := wants(entry("f", desired.Latest, retries(2)))
	fleet.Undeclared = desired.UndeclaredDelete
	live := Observed{Targets: []ObservedTarget{{Target: home, Functions: []ObservedFunction{{
		Function: "f", State: Present, Orphans: []string{"gone"},
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
