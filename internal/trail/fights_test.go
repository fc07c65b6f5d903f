package trail

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var months = flag.Int("months", 0, "how many months TestMonthsOfFights simulates; 0 is six days")

// stranger is somebody who writes one config again and again, with and without our
// correcting it in between.
type stranger struct {
	function string
	as       []string      // by turns
	every    time.Duration // give or take a tenth
	from, to time.Duration // since the beginning
	deletes  bool
}

var strangers = []stranger{
	{function: "weekly", as: []string{"user/ops"}, every: 8 * 24 * time.Hour, to: 31 * 24 * time.Hour},
	{function: "hourly", as: []string{"role/deploy"}, every: time.Hour, from: 48 * time.Hour, to: 96 * time.Hour},
	{function: "nightly", as: []string{"user/ops"}, every: 24 * time.Hour, to: 31 * 24 * time.Hour},
	{function: "by-two", as: []string{"user/ops", "role/deploy"}, every: 20 * time.Hour, to: 31 * 24 * time.Hour},
	{function: "deleted", as: []string{"user/somebody"}, every: 24 * time.Hour, from: 24 * time.Hour, to: 31 * 24 * time.Hour, deletes: true},
	{function: "burst", as: []string{"role/deploy"}, every: 7 * time.Minute, from: 50 * time.Hour, to: 54 * time.Hour},
}

// TestMonthsOfFights lives through months in which some configs are written back and forth,
// one is written by us alone with each change of the fleet file, and one by nobody. Runs that
// correct come at odd times. Events are up to 90 minutes late, and some, or all deletes, or half of all
// never come. What holds: a fight is told if and only if the config was corrected three times
// within a week with somebody else's write between each two, at the third correction at the
// latest; it is not told any more long after it has ended; and whoever is named was in it.
func TestMonthsOfFights(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "") // every run would read it and its certificates again
	length := 6 * 24 * time.Hour
	if *months > 0 {
		length = 31 * 24 * time.Hour
	}
	for seed := range uint64(max(1, *months)) {
		synctest.Test(t, func(t *testing.T) { liveWithFights(t, seed, length) })
	}
}

func liveWithFights(t *testing.T, seed uint64, length time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 11))
	scenario := awssim.Fleet(ireland.Account, ireland.Region)
	scenario.Seed, scenario.Quota, scenario.CallLog = seed, awssim.Quota{Rate: 1000, Burst: 1000}, -1
	for _, s := range append(strangers, stranger{function: "ours"}, stranger{function: "quiet"}) {
		region := scenario.Accounts[0].Regions[ireland.Region]
		region.Functions = append(region.Functions, awssim.Function{Name: s.function})
		scenario.Accounts[0].Regions[ireland.Region] = region
	}
	scenario.Trail = awssim.Trail{
		Delay: []time.Duration{90 * time.Minute, 5 * time.Minute}[seed%2], Lose: []float64{0.01, 0, 0.5, 0.01}[seed%4], LoseDeletes: seed%4 == 3,
	}
	w, err := awssim.New(scenario)
	if err != nil {
		t.Fatal(err)
	}
	paces, lookups := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: 1000} }), ratelimit.NewRegistry(Pace)
	defer paces.Close()
	defer lookups.Close()
	engine := reconcile.Engine{Opener: awslambda.Opener{Options: awslambda.Options{Limiters: paces, Environment: awslambda.Environment{
		Version: "1.0.0", HTTPClient: w, Region: ireland.Region, Credentials: awslambda.StaticCredentials(w.DefaultAccessKeyID()),
	}}}}

	began := time.Now()
	next, turns := make([]time.Time, len(strangers)), make([]int, len(strangers))
	for i, s := range strangers {
		next[i] = began.Add(s.from + time.Duration(rng.Int64N(int64(s.every))))
	}
	type written struct {
		at   time.Time
		ours bool
	}
	writes := map[string][]written{}
	log, told := &fights.Log{}, map[string]int{}
	run := func(ours int) {
		doc, err := desired.Load(fstest.MapFS{"fleet.yaml": {Data: fmt.Appendf(nil, `version: 1
targets: [{ name: here, account: "%s", regions: [%s] }]
guard: { max_changes: 100%%, max_deletes: 100%% }
rules: [{ match: { functions: ["*"] }, set: { maximum_retry_attempts: 0 } }]
functions: [{ name: ours, maximum_retry_attempts: %d }]
`, ireland.Account, ireland.Region, ours)}}, "fleet.yaml")
		if err != nil {
			t.Fatal(err)
		}
		engine.Annotators = []reconcile.Annotator{Who{Limiters: lookups, Fights: log}}
		now := time.Now()
		r, failures := engine.Run(t.Context(), reconcile.Request{ID: reconcile.NewRunID(now), Started: now, Wishes: reconcile.FleetWishes{Document: doc}, Write: true, InsightPolicy: reconcile.InsightsAuto})
		if failures != nil {
			t.Fatal(failures)
		}
		log.Ran(r.Outcome, time.Now())
		if r.Outcome == nil {
			return
		}
		for _, result := range r.Outcome.Targets[0].Results {
			writes[result.Function] = append(writes[result.Function], written{time.Now(), true})
		}
	}
	check := func() {
		now := time.Now()
		named := map[string]insight.Fight{}
		for _, f := range log.List(fights.Told, now) {
			named[f.Function] = f
			told[f.Function]++
		}
		for _, s := range append(strangers, stranger{function: "ours"}, stranger{function: "quiet"}) {
			f := s.function
			week, last, ours := 0, time.Time{}, false
			for _, w := range writes[f] {
				if now.Sub(w.at) > 7*24*time.Hour {
					continue
				}
				if w.ours && !ours {
					week, last = week+1, w.at
				}
				ours = w.ours
			}
			fight, is := named[f]
			switch at := now.Sub(began); {
			case is && week < 3:
				t.Errorf("seed %d, %v: %s is told as a fight, and was corrected %d times within a week: %+v", seed, at, f, week, fight)
			case is && fight.Times > week:
				t.Errorf("seed %d, %v: %s is told to have been corrected %d times, and was %d times", seed, at, f, fight.Times, week)
			case !is && week >= 3 && now.Sub(last) < time.Minute:
				t.Errorf("seed %d, %v: %s is not told, and was corrected %d times within a week, just now for the last time", seed, at, f, week)
			case is && at > s.to+4*24*time.Hour:
				t.Errorf("seed %d, %v: %s is still told, and it ended at %v", seed, at, f, s.to)
			case is && fight.Author.Name != "" && !slices.Contains(s.as, fight.Author.Kind+"/"+fight.Author.Name):
				t.Errorf("seed %d, %v: %s is fought by %v, and %v was named", seed, at, f, s.as, fight.Author)
			}
		}
	}
	ours := 0
	for end := began.Add(length); time.Now().Before(end) && !t.Failed(); {
		time.Sleep(time.Duration(1+rng.IntN(30)) * time.Minute)
		for i, s := range strangers {
			if time.Now().Before(next[i]) || next[i].After(began.Add(s.to)) {
				continue
			}
			who := s.as[turns[i]%len(s.as)]
			turns[i]++
			if s.deletes {
				err = w.DeleteRecord(ireland.Account, ireland.Region, s.function, desired.Latest)
			} else {
				retries := 1
				err = w.SetRecord(ireland.Account, ireland.Region, s.function, desired.Latest, awssim.Record{MaximumRetryAttempts: &retries, By: who, Agent: "Terraform/1.9"})
			}
			if err != nil {
				t.Fatal(err)
			}
			writes[s.function] = append(writes[s.function], written{time.Now(), false})
			next[i] = time.Now().Add(time.Duration(float64(s.every) * (0.9 + 0.2*rng.Float64())))
		}
		time.Sleep(time.Duration(rng.IntN(120)) * time.Second)
		if rng.IntN(12) == 0 {
			ours = (ours + 1) % 3 // the fleet file changes
		}
		run(ours)
		check()
	}
	for _, f := range []string{"hourly", "nightly", "by-two", "deleted", "burst"} {
		if told[f] == 0 {
			t.Errorf("seed %d: %s was never told", seed, f)
		}
	}
	t.Logf("seed %d: told %v", seed, told)
}
